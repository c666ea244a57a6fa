"""Puts the events of a change, and who made it, into its transaction."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson

from libs.db.pool import Connection
from libs.domain.events import (
    EPOCH_TYPE,
    SIGNED_CAPACITY_AMENDED,
    LocationEventType,
    Source,
    location_event,
    signed_capacity_event,
)
from libs.domain.sync import OwnLocation
from libs.messaging.audit import Act, Auditor
from libs.messaging.outbox import Outbox, Outgoing
from services.locations.records import COLUMNS, LocationRow
from services.locations.rules.clock import LONDON, in_london

TOPIC = "domain-events"
Told = tuple[LocationEventType, LocationRow, Source]
"""What is told of a location, and which side changed it."""
Done = tuple[LocationEventType, LocationRow]
"""What was done to a location, and how it stands now."""


@dataclass(frozen=True, slots=True)
class Announcer:
    """Writes events to the outbox, keyed by location, and acts for the audit.

    `as_epoch` sends `amended` for the two finer types. `audits_sync` has the sync doors audited as well: what they
    write was done in NOMIS, by somebody whom NOMIS knows.
    """

    outbox: Outbox
    auditor: Auditor
    now: Callable[[], datetime]
    as_epoch: bool = False
    audits_sync: bool = False

    def local_now(self) -> datetime:
        """Return London's wall clock, without zone, as the tables keep it."""
        return in_london(self.now())

    async def tell(self, tx: Connection, events: Sequence[Told]) -> None:
        """Add the events, in this order; once in a transaction and late, as it locks what the events are about."""
        happened = self.now().astimezone(LONDON)
        await self.outbox.add_many(tx, [self._outgoing(kind, row, source, happened) for kind, row, source in events])

    async def tell_signed_capacity(self, tx: Connection, prison_id: str, capacity: int) -> None:
        """Add the event that a prison's signed operational capacity was set."""
        body = orjson.dumps(signed_capacity_event(prison_id, capacity, self.now().astimezone(LONDON)))
        attributes = {"source": Source.DPS.value}
        await self.outbox.add_many(tx, [Outgoing(TOPIC, SIGNED_CAPACITY_AMENDED, body, prison_id, attributes)])

    async def audit(self, tx: Connection, by: str, *done: Done) -> None:
        """Note what a person did to locations; those whose totals moved along are not among them."""
        await self.auditor.note(tx, *(_act(kind, row, by, Source.DPS) for kind, row in done))

    async def audit_sync(self, tx: Connection, by: str, *done: Done) -> None:
        """Note what came through a sync door, where that is wanted."""
        if self.audits_sync:
            await self.auditor.note(tx, *(_act(kind, row, by, Source.NOMIS) for kind, row in done))

    async def audit_signed_capacity(self, tx: Connection, by: str, prison_id: str, capacity: int) -> None:
        """Note that somebody set what is signed for a prison."""
        told = {"prisonId": prison_id, "signedOperationCapacity": capacity}
        await self.auditor.note(tx, Act("SIGNED_OP_CAP_AMENDED", by, prison_id, "PRISON_ID", told))

    def _outgoing(self, kind: LocationEventType, row: LocationRow, source: Source, happened: datetime) -> Outgoing:
        sent = EPOCH_TYPE.get(kind, kind) if self.as_epoch else kind
        body = orjson.dumps(location_event(sent, row.id, row.key, source, happened))
        return Outgoing(TOPIC, sent.value, body, str(row.id), {"source": source.value})


def _act(kind: LocationEventType, row: LocationRow, by: str, source: Source) -> Act:
    stands = stated(row)
    # The finer types are ours: auditors know five.
    what = EPOCH_TYPE.get(kind, kind).name
    return Act(f"LOCATION_{what}", by, str(row.id), "LOCATION_ID", {**stands, "source": source.value})


# What `LocationRow.own` copies, and under which name it goes out.
_OWN = tuple((info.alias or name, name) for name, info in OwnLocation.model_fields.items() if name in COLUMNS)


def stated(row: LocationRow) -> dict[str, Any]:
    """Return a row as `OwnLocation` writes it, without making one: a cascade tells of hundreds."""
    fields = row.fields()
    stands = {name: fields[column] for name, column in _OWN if fields[column] is not None}
    return stands | {"key": row.key, "lastModifiedBy": row.updated_by, "lastModifiedDate": row.when_updated}
