"""The writes of the sync doors: one row each, conditional, with all that belongs to it in one transaction.

A change of code or parent renames the paths below in one statement; rows below get neither history nor event, because
nothing of their own changed. Writes that stay on their rows can be carried out many in one transaction.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from msgspec.structs import replace
from pydantic import JsonValue

from libs.db.pool import Connection, Database
from libs.domain.events import LocationEventType, Source
from libs.domain.identity import is_vsip_room
from libs.domain.prisons import PRISON_ID
from libs.domain.shared import kind_in_dps, project_dps, synced_part
from libs.domain.sync import LocationMirror, SyncState, SyncWrite
from services.locations.changes.announce import Announcer, Done, Told
from services.locations.changes.fields import parsed
from services.locations.errors import (
    FieldNotAllowed,
    HasChildren,
    LocationBusy,
    LocationGone,
    LocationKeyTaken,
    LocationNotFound,
    ParentNotAllowed,
    SyncOff,
    SyncRefused,
    VersionStale,
)
from services.locations.records import Change, HistoryRow, LocationRow
from services.locations.rules import announcing, history, synced
from services.locations.rules.clock import in_london
from services.locations.rules.synced import Birth
from services.locations.store import rows
from services.locations.store import sync as memory
from services.locations.store.writing import writing

SHAPING = frozenset({"code", "parentId"})
"""Fields whose change moves paths: the tree is locked before the row."""
KEY = "key"
"""Member of a base beside the shared fields: the key both sides stand by."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the writer demands of the location before it is touched."""

    etag: str | None = None
    absent: bool = False


@dataclass(frozen=True, slots=True)
class Wish:
    """One write of several."""

    location_id: UUID
    write: SyncWrite
    wanted: Wanted


REFUSALS = (
    FieldNotAllowed,
    LocationBusy,
    LocationGone,
    LocationKeyTaken,
    LocationNotFound,
    ParentNotAllowed,
    SyncOff,
    SyncRefused,
    VersionStale,
)
"""What a write of several may be refused for while the others are carried out."""


@dataclass(slots=True)
class Pending:
    """What follows from decisions already taken, to be written together."""

    changes: list[Change] = field(default_factory=list)
    history: list[HistoryRow] = field(default_factory=list)
    told: list[Told] = field(default_factory=list)
    acts: list[tuple[str, Done]] = field(default_factory=list)
    states: dict[UUID, SyncState] = field(default_factory=dict)
    conflicts: list[tuple[LocationRow, SyncWrite]] = field(default_factory=list)


class SyncChanges:
    """Carries out the writes of the sync doors."""

    def __init__(self, database: Database, announcer: Announcer) -> None:
        self._db = database
        self._announcer = announcer

    async def mirror(self, location_id: UUID) -> LocationMirror:
        """Return own state and sync state. Raises LocationNotFound, LocationGone."""
        async with self._db.transaction() as tx:
            row = await rows.get(tx, location_id)
            if row is None:
                raise await _missing(tx, location_id)
            return LocationMirror(location=row.own(), sync=await memory.state(tx, row))

    async def conflicts(self, location_id: UUID | None, after: int, most: int) -> list[dict[str, Any]]:
        """Return recorded conflicts in the order they were found, after an id."""
        async with self._db.transaction() as tx:
            return await memory.conflicts(tx, location_id, after, most)

    async def put(self, location_id: UUID, write: SyncWrite, wanted: Wanted) -> tuple[LocationMirror, bool]:
        """Create or update a location; True when it was created.

        Raises LocationGone, VersionStale, SyncRefused, SyncOff, LocationNotFound (the parent), LocationKeyTaken,
        ParentNotAllowed, FieldNotAllowed.
        """
        if _stays(write):
            [outcome] = await self._together([Wish(location_id, write, wanted)])
            if isinstance(outcome, Exception):
                raise outcome
            return outcome, False
        async with writing(self._db) as tx:
            if await memory.is_buried(tx, location_id):
                raise LocationGone(location_id)
            if write.fields.keys() & SHAPING:
                await rows.lock_trees_of(tx, [location_id])
            row = await rows.lock(tx, location_id)
            if row is None and write.prison_id:
                await rows.lock_tree(tx, write.prison_id)
                row = await rows.lock(tx, location_id)
            state = await memory.state(tx, row) if row else None
            _demand(wanted, state)
            if row is None or state is None:
                mirror, made = await self.create(tx, location_id, write)
                await self._announcer.tell(tx, [(LocationEventType.CREATED, made, Source.NOMIS)])
                await self._announcer.audit_sync(tx, write.last_updated_by, (LocationEventType.CREATED, made))
                return mirror, True
            pending = Pending()
            after = await self.updated(tx, row, state, write.fields) if write.fields else row
            mirror = self._decided(pending, row, after, state, write)
            await self._write(tx, pending)
            return mirror, False

    async def put_each(self, wishes: Sequence[Wish]) -> list[LocationMirror | Exception]:
        """Carry out many writes; an answer for each, in order: how it stands now, or why nothing was written.

        Those that stay on their rows share a transaction; if that is refused as a whole, each has its own.
        """
        outcomes: dict[int, LocationMirror | Exception] = {}
        first = {wish.location_id: place for place, wish in reversed([*enumerate(wishes)])}
        shared = [place for place, wish in enumerate(wishes) if _stays(wish.write) and first[wish.location_id] == place]
        try:
            outcomes |= zip(shared, await self._together([wishes[place] for place in shared]), strict=True)
        except (LocationBusy, FieldNotAllowed):
            outcomes = {}
        for place, wish in enumerate(wishes):
            if place not in outcomes:
                try:
                    outcomes[place] = (await self.put(wish.location_id, wish.write, wish.wanted))[0]
                except REFUSALS as refused:
                    outcomes[place] = refused
        return [outcomes[place] for place in range(len(wishes))]

    async def delete(self, location_id: UUID, by: str, wanted: Wanted) -> None:
        """Delete a leaf and leave a tombstone; already gone is done. Raises HasChildren, VersionStale, SyncOff."""
        async with writing(self._db) as tx:
            await rows.lock_trees_of(tx, [location_id])
            row = await rows.lock(tx, location_id)
            if row is None:
                return
            state = await memory.state(tx, row)
            _demand(wanted, state)
            if state.one_way:
                raise SyncOff(row.prison_id)
            if await rows.has_children(tx, location_id):
                raise HasChildren(row.key)
            await memory.bury(tx, row, state.nomis_location_id, by, self._announcer.now())
            await rows.delete(tx, location_id)
            await self._announcer.tell(tx, [(LocationEventType.DELETED, row, Source.NOMIS)])
            await self._announcer.audit_sync(tx, by, (LocationEventType.DELETED, row))

    async def create(self, tx: Connection, location_id: UUID, write: SyncWrite) -> tuple[LocationMirror, LocationRow]:
        """Insert a location with its first history; its prison's tree is locked. Telling of it is the caller's.

        Raises LocationNotFound (the parent, or no prison), FieldNotAllowed, ParentNotAllowed, LocationKeyTaken,
        SyncOff.
        """
        if write.prison_id is None:
            raise LocationNotFound(str(location_id))
        if not PRISON_ID.fullmatch(write.prison_id):
            raise FieldNotAllowed("prisonId", "two capitals and an I, or ZZGHI")
        parent = await self._parent(tx, write.prison_id, write.fields)
        made = in_london(write.create_date) if write.create_date else self._announcer.local_now()
        birth = Birth(
            id=location_id,
            prison_id=write.prison_id,
            above=parent.path_hierarchy if parent else "",
            created=made,
            updated=made,
            by=write.last_updated_by,
        )
        came, row = synced.born(parsed(write.fields), birth)
        # The rooms that visit bookings are put into are made in NOMIS and nowhere else.
        if not is_vsip_room(row.key) and (await memory.prison(tx, row.prison_id)).one_way:
            raise SyncOff(row.prison_id)
        await rows.insert(tx, row)
        await rows.add_history(tx, history.beginning(came, row, row.updated_by, row.when_created))
        return await self._remember(tx, row, SyncState(version=row.version, state_version=0), write), row

    async def _together(self, wishes: Sequence[Wish]) -> list[LocationMirror | Exception]:
        """Carry out writes to different rows that stay on them, in one transaction. Raises what ends it."""
        outcomes: list[LocationMirror | Exception] = []
        pending = Pending()
        async with writing(self._db) as tx:
            held = await rows.lock_each(tx, [wish.location_id for wish in wishes])
            states = await memory.states(tx, held)
            for wish in wishes:
                try:
                    row, state = held.get(wish.location_id), states.get(wish.location_id)
                    if row is None or state is None:
                        raise await self._absent(tx, wish)
                    _demand(wish.wanted, state)
                    fields = wish.write.fields
                    after = synced.changed(_taking(row, state), parsed(fields)) if fields else row
                    outcomes.append(self._decided(pending, row, after, state, wish.write))
                except REFUSALS as refused:
                    outcomes.append(refused)
            await self._write(tx, pending)
        return outcomes

    async def _absent(self, tx: Connection, wish: Wish) -> Exception:
        if await memory.is_buried(tx, wish.location_id):
            return LocationGone(wish.location_id)
        return VersionStale("gone") if wish.wanted.etag else LocationNotFound(str(wish.location_id))

    def _decided(
        self, pending: Pending, row: LocationRow, after: LocationRow, state: SyncState, write: SyncWrite
    ) -> LocationMirror:
        """Note what is to be written of a location that becomes `after`; return how it will stand."""
        kind = announcing.event_type(row, after)
        if kind is None:
            after = row
        else:
            now = self._announcer.local_now()
            after = replace(after, version=row.version + 1, when_updated=now, updated_by=write.last_updated_by)
            pending.changes.append((row, after))
            pending.history += history.changes(row, after, write.last_updated_by, now)
            pending.told.append((kind, after, Source.NOMIS))
            pending.acts.append((write.last_updated_by, (kind, after)))
        remembered = _remembered(after, state.model_copy(update={"version": after.version}), write)
        pending.states[row.id] = remembered
        if write.conflicts:
            pending.conflicts.append((after, write))
        return LocationMirror(location=after.own(), sync=remembered)

    async def _write(self, tx: Connection, pending: Pending) -> None:
        """Write what was decided: rows first, and what locks the outbox's keys last."""
        await rows.save(tx, *pending.changes)
        await rows.add_history(tx, pending.history)
        await memory.save_states(tx, pending.states)
        for row, write in pending.conflicts:
            by = write.last_updated_by
            await memory.add_conflicts(tx, row.id, row.key, write.conflicts, by, self._announcer.now())
        for by, act in pending.acts:
            await self._announcer.audit_sync(tx, by, act)
        await self._announcer.tell(tx, pending.told)

    async def updated(
        self, tx: Connection, row: LocationRow, state: SyncState, fields: Mapping[str, JsonValue]
    ) -> LocationRow:
        """Return what becomes of a row; where it moves, all have their paths already. Saving the rest is the caller's.

        Raises SyncRefused, SyncOff, FieldNotAllowed, ParentNotAllowed, LocationNotFound, LocationKeyTaken.
        """
        after = synced.changed(_taking(row, state), parsed(fields))
        if (after.code, after.parent_id) == (row.code, row.parent_id):
            return after
        return await self._move(tx, row, after)

    async def _move(self, tx: Connection, row: LocationRow, after: LocationRow) -> LocationRow:
        """Rename it and what is below in one statement. Raises ParentNotAllowed, LocationNotFound, LocationKeyTaken."""
        parent = await self._parent(tx, row.prison_id, {"parentId": str(after.parent_id) if after.parent_id else None})
        if parent is not None and await rows.is_below(tx, parent.id, row.id):
            raise ParentNotAllowed(f"parentId: {parent.key} is {row.key} or stands below it")
        path = _path(parent, after.code)
        await rows.rename(tx, row, path)
        return replace(after, path_hierarchy=path)

    async def _parent(self, tx: Connection, prison_id: str, fields: Mapping[str, JsonValue]) -> LocationRow | None:
        wanted = fields.get("parentId")
        if wanted is None:
            return None
        try:
            parent = await rows.get(tx, UUID(str(wanted)))
        except ValueError as wrong:
            raise FieldNotAllowed("parentId", "a UUID") from wrong
        if parent is None:
            raise LocationNotFound(f"{wanted} (parentId)")
        if parent.prison_id != prison_id:
            raise ParentNotAllowed(f"parentId: {parent.key} is of another prison")
        return parent

    async def _remember(self, tx: Connection, row: LocationRow, state: SyncState, write: SyncWrite) -> LocationMirror:
        """Write what sync remembers, and the conflicts, under a new state version."""
        after = _remembered(row, state, write)
        await memory.save_states(tx, {row.id: after})
        await memory.add_conflicts(tx, row.id, row.key, write.conflicts, write.last_updated_by, self._announcer.now())
        return LocationMirror(location=row.own(), sync=after)


def _stays(write: SyncWrite) -> bool:
    """Whether a write touches one row that is there, and the tree not at all."""
    return write.prison_id is None and not write.fields.keys() & SHAPING


def _taking(row: LocationRow, state: SyncState) -> LocationRow:
    """Return a row that takes changes from NOMIS. Raises SyncRefused, SyncOff."""
    if row.archived or row.converted_cell_type is not None:
        raise SyncRefused(row.key, "archived" if row.archived else "converted")
    if state.one_way:
        raise SyncOff(row.prison_id)
    return row


def _remembered(row: LocationRow, state: SyncState, write: SyncWrite) -> SyncState:
    """Return what sync remembers of a row after a write."""
    base = write.base
    if write.base_as_stored:
        base = synced_part(project_dps(row), kind_in_dps(row))
    if base is None and write.key_agreed:
        base = state.base
    if base is not None and write.key_agreed:
        base = {**base, KEY: row.key}
    given: dict[str, Any] = {
        "base": base,
        "published": write.published,
        "nomis_location_id": write.nomis_location_id,
        "nomis_description": write.nomis_description,
    }
    told = {name: value for name, value in given.items() if value is not None}
    return state.model_copy(update=told | {"state_version": state.state_version + 1})


def _demand(wanted: Wanted, state: SyncState | None) -> None:
    if wanted.absent and state is not None:
        raise VersionStale(None)
    if wanted.etag is not None and (state is None or state.etag != wanted.etag):
        raise VersionStale(state.etag if state else "gone")


def _path(parent: LocationRow | None, code: str) -> str:
    return f"{parent.path_hierarchy}-{code}" if parent else code


async def _missing(tx: Connection, location_id: UUID) -> Exception:
    if await memory.is_buried(tx, location_id):
        return LocationGone(location_id)
    return LocationNotFound(str(location_id))
