"""The legacy sync writes: one NOMIS snapshot in the original's words, with the original's cascades (§5.2–5.5).

Kept for existing clients; our own workers use the idempotent doors, which touch one row. A snapshot's null clears a
text and keeps a set or a parent. The fields commit first and the closing or reopening after them; a caller that dies in
between repeats the call and finds only the second left to do. Rows that NOMIS did not send but a cascade changes have
their own history and event, with source DPS.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from pydantic import JsonValue

from libs.db.pool import Connection, Database
from libs.domain.codes import DeactivatedReason
from libs.domain.events import LocationEventType, Source
from libs.domain.sync import SyncWrite
from services.locations.changes.announce import Announcer, Told
from services.locations.changes.sync import SyncChanges, Wanted
from services.locations.errors import LocationArchived, LocationNotFound, SyncRefused
from services.locations.records import LocationRow
from services.locations.rules import history
from services.locations.rules.status import Standing
from services.locations.rules.synced import NO_DETAILS
from services.locations.store import rows
from services.locations.store.family import Family, family, ids_at


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What a legacy caller sends of one location; `fields` are those that a null keeps out of or clears."""

    prison_id: str
    by: str
    fields: Mapping[str, JsonValue]
    location_id: UUID | None = None
    parent_id: UUID | None = None
    parent_path: str | None = None
    reason: DeactivatedReason | None = None
    deactivated_date: datetime | None = None
    proposed_reactivation_date: Any = None
    create_date: datetime | None = None
    comments: str | None = field(default=None, repr=False)


class LegacyChanges:
    """Carries out legacy upserts over the idempotent door."""

    def __init__(self, database: Database, announcer: Announcer, sync: SyncChanges) -> None:
        self._db = database
        self._announcer = announcer
        self._sync = sync

    async def upsert(self, wish: Snapshot) -> tuple[UUID, bool]:
        """Create without an id, update with one; return the id and whether it was created."""
        parent = await self._parent(wish)
        if wish.location_id is None:
            return await self._create(wish, parent), True
        found = await self._known(wish.location_id)
        fields = dict(wish.fields)
        if parent is not None:
            fields["parentId"] = str(parent)
        write = SyncWrite(last_updated_by=wish.by, fields=fields)
        await self._sync.put(wish.location_id, write, Wanted())
        await self._turn(wish, found)
        return wish.location_id, False

    async def _create(self, wish: Snapshot, parent: UUID | None) -> UUID:
        location_id = uuid4()
        fields: dict[str, JsonValue] = dict(wish.fields) | {"parentId": str(parent) if parent else None}
        if wish.reason is not None:
            fields |= {
                "active": False,
                "deactivatedReason": wish.reason.value,
                "deactivatedDate": wish.deactivated_date.isoformat() if wish.deactivated_date else None,
                "proposedReactivationDate": str(wish.proposed_reactivation_date)
                if wish.proposed_reactivation_date
                else None,
            }
        write = SyncWrite(
            last_updated_by=wish.by,
            prison_id=wish.prison_id,
            create_date=wish.create_date,
            fields=fields,
            base_as_stored=True,
            key_agreed=True,
        )
        await self._sync.put(location_id, write, Wanted(absent=True))
        return location_id

    async def _known(self, location_id: UUID) -> Family:
        async with self._db.transaction(readonly=True) as tx:
            found = await family(tx, location_id)
        if found is None:
            raise LocationNotFound(str(location_id))
        if Standing(found.row, found.above).archived:
            raise LocationArchived(found.row.key)
        if found.row.converted_cell_type is not None:
            raise SyncRefused(found.row.key, "converted")
        return found

    async def _parent(self, wish: Snapshot) -> UUID | None:
        if wish.parent_id is not None or wish.parent_path is None:
            return wish.parent_id
        async with self._db.transaction(readonly=True) as tx:
            found = await ids_at(tx, [(wish.prison_id, wish.parent_path)])
        if not found:
            raise LocationNotFound(f"{wish.prison_id}-{wish.parent_path} (parentLocationPath)")
        return found[0]

    async def _turn(self, wish: Snapshot, before: Family) -> None:
        """Close or reopen as the snapshot's reason says, with the cascades of the original."""
        if wish.reason is before.row.deactivated_reason:
            return
        async with self._db.transaction() as tx:
            found = await family(tx, before.row.id, lock=True)
            if found is None:
                return
            if wish.reason is None:
                line = [row for row in (*reversed(found.above), found.row) if not row.active and not row.archived]
                told = await self._save(tx, wish, [(row, replace(row, active=True, **NO_DETAILS)) for row in line])
            elif found.row.active:
                line = [row for row in (found.row, *found.below) if _closes_along(row, found.row)]
                told = await self._save(tx, wish, [(row, self._closed(row, wish)) for row in line])
            else:
                return
            others = [each for each in told if each[1].id != found.row.id]
            await self._announcer.tell(tx, others, Source.DPS)
            own = [each for each in told if each[1].id == found.row.id]
            await self._announcer.tell(tx, own, Source.NOMIS)

    async def _save(
        self, tx: Connection, wish: Snapshot, changes: Sequence[tuple[LocationRow, LocationRow]]
    ) -> list[Told]:
        now = self._announcer.local_now()
        told: list[Told] = []
        for before, wanted in changes:
            after = replace(wanted, version=before.version + 1, when_updated=now, updated_by=wish.by)
            await rows.save(tx, after)
            await rows.add_history(tx, history.changes(before, after, wish.by, now))
            kind = LocationEventType.REACTIVATED if after.active else LocationEventType.DEACTIVATED
            told.append((kind, after))
        return told

    def _closed(self, row: LocationRow, wish: Snapshot) -> LocationRow:
        now = self._announcer.local_now().replace(microsecond=0)
        return replace(
            row,
            active=False,
            deactivated_reason=wish.reason,
            deactivation_reason_description=wish.comments,
            deactivated_date=wish.deactivated_date or now,
            deactivated_by=wish.by,
            proposed_reactivation_date=wish.proposed_reactivation_date,
        )


def _closes_along(row: LocationRow, top: LocationRow) -> bool:
    """Rooms and converted cells below are not closed along."""
    if row.id == top.id:
        return True
    residential = row.residential_housing_type is not None and row.converted_cell_type is None
    return row.active and not row.archived and residential
