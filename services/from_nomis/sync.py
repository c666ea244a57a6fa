"""The handlers: a trigger's event only says that a row changed; the walk reads both sides as they are now."""

from libs.domain.events import OffenderEvent, OffenderEventType, SettleRequest
from libs.domain.identity import is_vsip_room, written_by_dps
from libs.domain.mapping import LocationMapping
from libs.domain.prisons import is_ignored
from libs.domain.reading import read
from libs.domain.wire import Wire
from libs.messaging.message import Message
from libs.messaging.outcome import Done, Ignored, Outcome, Unprocessable
from libs.settling.outcome import Act, Settled
from libs.settling.settler import Settler

RETRY_SYNCHRONISATION_MAPPING = "RETRY_SYNCHRONISATION_MAPPING"


class MappingRetry(Wire):
    """The inner body of upstream's mapping retry: we never send one, we still take it."""

    body: LocationMapping


class Synchroniser:
    """Takes NOMIS trigger events, settle requests and old mapping retries."""

    def __init__(self, settler: Settler) -> None:
        self._settler = settler

    async def row_changed(self, message: Message) -> Outcome:
        """Take one of the three trigger events.

        A profile's or usage's event acts as its location's: its `recordDeleted` speaks of the profile or usage row.
        """
        event = read(OffenderEvent, message.body)
        facts = {"nomisLocationId": str(event.internal_location_id), "key": event.description or ""}
        if written_by_dps(event.audit_module_name) and not _made_by_visits(message.type, event):
            return Ignored("locations-synchronisation-skipped", facts)
        if is_ignored(event.prison_id) and not event.record_deleted:
            return Ignored("locations-synchronisation-skipped-ignored-prison", facts)
        return told(await self._settler.settle_nomis(event.internal_location_id))

    async def settle(self, message: Message) -> Outcome:
        """Take reconciliation's wish that one location is looked at."""
        request = read(SettleRequest, message.body)
        if request.nomis_location_id is not None:
            return told(await self._settler.settle_nomis(request.nomis_location_id))
        if request.dps_location_id is not None:
            return told(await self._settler.settle_dps(request.dps_location_id))
        raise Unprocessable("dpsLocationId or nomisLocationId: one is required")

    async def retry_mapping(self, message: Message) -> Outcome:
        """Take upstream's retry of a lost mapping: the walk links the row again, to whom it belongs now."""
        retry = read(MappingRetry, message.body)
        return told(await self._settler.settle_nomis(retry.body.nomis_location_id))


def _made_by_visits(message_type: str, event: OffenderEvent) -> bool:
    """Whether our own API user wrote this for the visits service: a new room that DPS has never seen."""
    is_insert = message_type == OffenderEventType.LOCATION and event.old_description is None
    return is_insert and is_vsip_room(event.description)


def told(settled: Settled) -> Outcome:
    """Return the message's end in the names of the telemetry catalogue (`reference/from-nomis.md` §1.6)."""
    facts = {"key": settled.key, "act": settled.act.value, "nomisLocationId": str(settled.nomis_location_id or "")}
    if settled.dps_location_id is not None:
        facts["dpsLocationId"] = str(settled.dps_location_id)
    match settled.act:
        case Act.IGNORED:
            return Ignored("locations-synchronisation-skipped", facts | {"reason": settled.reason})
        case Act.CREATED | Act.ADOPTED:
            return Done("locations-created-synchronisation-success", facts)
        case Act.DELETED:
            return Done("locations-deleted-synchronisation-success", facts)
        case _:
            return Done("locations-updated-synchronisation-success", facts)
