"""The handlers: an event only says that a location changed; the walk reads both sides as they are now."""

from types import MappingProxyType

from libs.domain.events import LocationEvent, LocationEventType, SettleRequest
from libs.domain.mapping import LocationMapping
from libs.domain.reading import read
from libs.domain.wire import Wire
from libs.messaging.message import Message
from libs.messaging.outcome import Done, Ignored, Outcome, Unprocessable
from libs.settling.outcome import Act, Settled
from libs.settling.settler import Settler

OPERATION = MappingProxyType(
    {
        LocationEventType.CREATED: "create",
        LocationEventType.AMENDED: "amend",
        LocationEventType.DEACTIVATED: "deactivate",
        LocationEventType.REACTIVATED: "reactivate",
        LocationEventType.CAPACITY_CHANGED: "capacity",
        LocationEventType.CERTIFICATION_CHANGED: "certification",
        LocationEventType.DELETED: "delete",
    },
)
RETRY_CREATE_MAPPING = "RETRY_CREATE_MAPPING"


class MappingRetry(Wire):
    """The inner body of upstream's mapping retry: we never send one, we still take it."""

    mapping: LocationMapping


class Publisher:
    """Takes DPS events, settle requests and old mapping retries."""

    def __init__(self, settler: Settler) -> None:
        self._settler = settler

    async def location_changed(self, message: Message) -> Outcome:
        """Take one of the seven domain events."""
        event = read(LocationEvent, message.body)
        operation = OPERATION[LocationEventType(message.type)]
        location = event.additional_information
        if location.made_by_nomis:
            return Ignored(
                f"location-{operation}-ignored",
                {"dpsLocationId": str(location.location_id), "key": location.location_key},
            )
        return told(operation, await self._settler.settle_dps(location.location_id, location.location_key))

    async def settle(self, message: Message) -> Outcome:
        """Take reconciliation's wish that one location is looked at."""
        request = read(SettleRequest, message.body)
        if request.dps_location_id is not None:
            return told("settle", await self._settler.settle_dps(request.dps_location_id))
        if request.nomis_location_id is not None:
            return told("settle", await self._settler.settle_nomis(request.nomis_location_id))
        raise Unprocessable("dpsLocationId or nomisLocationId: one is required")

    async def retry_create_mapping(self, message: Message) -> Outcome:
        """Take upstream's retry of a lost mapping: the walk finds the row by its key and adopts it."""
        retry = read(MappingRetry, message.body)
        return told("create-mapping-retry", await self._settler.settle_dps(retry.mapping.dps_location_id))


def told(operation: str, settled: Settled) -> Outcome:
    """Return the message's end in the names of the telemetry catalogue (`reference/to-nomis.md` §1.10)."""
    facts = {"key": settled.key, "act": settled.act.value}
    if settled.dps_location_id is not None:
        facts["dpsLocationId"] = str(settled.dps_location_id)
    if settled.nomis_location_id is not None:
        facts["nomisLocationId"] = str(settled.nomis_location_id)
    if settled.act is Act.IGNORED:
        return Ignored(f"location-{operation}-ignored", facts | {"reason": settled.reason})
    return Done(f"location-{operation}-success", facts)
