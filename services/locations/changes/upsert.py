"""The legacy sync and migrate writes: one NOMIS snapshot in the original's words, with its cascades (§5.2–5.5).

Kept for existing clients; our own workers use the idempotent doors, which touch one row. A snapshot's null clears a
text and keeps a set or a parent. Everything a snapshot changes commits together. Rows that NOMIS did not send but a
cascade changes have their own history and event, with source DPS.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from uuid import UUID

from msgspec.structs import replace
from pydantic import JsonValue

from libs.db.pool import Connection, Database
from libs.domain.codes import DeactivatedReason
from libs.domain.events import LocationEventType, Source
from libs.domain.identity import new_location_id
from libs.domain.sync import HistoryEntry, SyncWrite
from services.locations.changes.announce import Announcer
from services.locations.changes.migrate import imported
from services.locations.changes.sync import SyncChanges
from services.locations.errors import LocationArchived, LocationNotFound, SyncRefused
from services.locations.records import Change, LocationRow
from services.locations.rules import announcing, history
from services.locations.rules.closing import Closure, closes_along, reopened
from services.locations.rules.hierarchy import Hierarchy
from services.locations.store import rows
from services.locations.store import sync as memory
from services.locations.store.family import held, ids_at
from services.locations.store.writing import writing


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
    proposed_reactivation_date: date | None = None
    create_date: datetime | None = None
    comments: str | None = field(default=None, repr=False)
    history: Sequence[HistoryEntry] = field(default=(), repr=False)


class LegacyChanges:
    """Carries out legacy upserts and single migrations."""

    def __init__(self, database: Database, announcer: Announcer, sync: SyncChanges) -> None:
        self._db = database
        self._announcer = announcer
        self._sync = sync

    async def upsert(self, wish: Snapshot) -> tuple[UUID, bool]:
        """Create without an id, update with one; return the id and whether it was created.

        Raises LocationNotFound (it, or the parent), LocationArchived, SyncRefused, SyncOff, LocationKeyTaken,
        ParentNotAllowed, FieldNotAllowed, LocationBusy.
        """
        async with writing(self._db) as tx:
            if wish.location_id is not None:
                await self._update(tx, wish.location_id, wish)
                return wish.location_id, False
            made = await self._create(tx, wish)
            await self._announcer.tell(tx, [(LocationEventType.CREATED, made, Source.NOMIS)])
            await self._announcer.audit_sync(tx, wish.by, (LocationEventType.CREATED, made))
            return made.id, True

    async def migrate(self, wish: Snapshot) -> UUID:
        """Create a location with its history, and tell nobody: NOMIS has it already. Raises as `upsert` does."""
        async with writing(self._db) as tx:
            made = await self._create(tx, wish)
            await rows.add_history(tx, history.kept(imported(made.id, entry) for entry in wish.history))
            return made.id

    async def _create(self, tx: Connection, wish: Snapshot) -> LocationRow:
        await rows.lock_tree(tx, wish.prison_id)
        parent = await self._parent(tx, wish)
        fields: dict[str, JsonValue] = dict(wish.fields) | {"parentId": str(parent) if parent else None}
        if wish.reason is not None:
            proposed = wish.proposed_reactivation_date
            fields |= {
                "active": False,
                "deactivatedReason": wish.reason.value,
                "deactivatedDate": wish.deactivated_date.isoformat() if wish.deactivated_date else None,
                "proposedReactivationDate": proposed.isoformat() if proposed else None,
            }
        write = SyncWrite(
            last_updated_by=wish.by,
            prison_id=wish.prison_id,
            create_date=wish.create_date,
            fields=fields,
            base_as_stored=True,
            key_agreed=True,
        )
        return (await self._sync.create(tx, new_location_id(), write))[1]

    async def _update(self, tx: Connection, location_id: UUID, wish: Snapshot) -> None:
        await rows.lock_trees_of(tx, [location_id])
        hierarchy = Hierarchy(await held(tx, [location_id]))
        row = hierarchy.get(location_id)
        if row is None:
            raise LocationNotFound(str(location_id))
        if hierarchy.standing(row).archived:
            raise LocationArchived(row.key)
        if row.converted_cell_type is not None:
            raise SyncRefused(row.key, "converted")
        parent = await self._parent(tx, wish)
        fields = dict(wish.fields) | ({"parentId": str(parent)} if parent else {})
        after = await self._sync.updated(tx, row, await memory.state(tx, row), fields)
        hierarchy.put(hierarchy.renamed(row, after))
        if after.parent_id is not None and hierarchy.get(after.parent_id) is None:
            hierarchy.put(await held(tx, [after.parent_id]))
        await self._save(tx, wish, self._turned(hierarchy, row, after, wish), location_id)

    async def _parent(self, tx: Connection, wish: Snapshot) -> UUID | None:
        if wish.parent_id is not None or wish.parent_path is None:
            return wish.parent_id
        found = await ids_at(tx, [(wish.prison_id, wish.parent_path)])
        if not found:
            raise LocationNotFound(f"{wish.prison_id}-{wish.parent_path} (parentLocationPath)")
        return found[0]

    def _turned(self, hierarchy: Hierarchy, row: LocationRow, after: LocationRow, wish: Snapshot) -> list[Change]:
        """Close or reopen as the snapshot's reason says, with the original's cascades; the row itself comes last."""
        if wish.reason is row.deactivated_reason:
            return [(row, after)]
        if wish.reason is None:
            above = [each for each in reversed(hierarchy.above(after)) if not each.active and not each.archived]
            return [*((each, reopened(each)) for each in above), (row, reopened(after))]
        if not row.active:
            return [(row, after)]
        along = [(each, self._closed(each, wish)) for each in reversed(hierarchy.below(row)) if closes_along(each)]
        return [*along, (row, self._closed(after, wish))]

    def _closed(self, row: LocationRow, wish: Snapshot) -> LocationRow:
        assert wish.reason is not None
        closure = Closure(wish.reason, wish.comments, wish.proposed_reactivation_date, row.planet_fm_reference)
        now = self._announcer.local_now().replace(microsecond=0)
        told = closure.told_of(row)
        return replace(told, active=False, deactivated_date=wish.deactivated_date or now, deactivated_by=wish.by)

    async def _save(self, tx: Connection, wish: Snapshot, changes: Sequence[Change], location_id: UUID) -> None:
        now = self._announcer.local_now()
        kinds = [(before, after, announcing.event_type(before, after)) for before, after in changes]
        done = [
            (before, replace(after, version=before.version + 1, when_updated=now, updated_by=wish.by), kind)
            for before, after, kind in kinds
            if kind is not None
        ]
        if not done:
            return
        await rows.save(tx, *((before, after) for before, after, _ in done))
        told = [change for before, after, _ in done for change in history.changes(before, after, wish.by, now)]
        await rows.add_history(tx, told)
        await self._announcer.tell(
            tx,
            [(kind, after, Source.NOMIS if after.id == location_id else Source.DPS) for _, after, kind in done],
        )
        await self._announcer.audit_sync(tx, wish.by, *((kind, after) for _, after, kind in done))
