"""The locations API's sync and migrate doors in memory, by the real rules of `services.locations.rules`."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from msgspec.structs import replace
from pydantic import JsonValue

from libs.domain.events import LocationEventType, Source
from libs.domain.identity import is_vsip_room
from libs.domain.prisons import PRISON_ID
from libs.domain.shared import kind_in_dps, project_dps, synced_part
from libs.domain.sync import (
    Conflict,
    LocationMirror,
    MigrateLocation,
    MigrateOutcome,
    MigrateResult,
    OwnLocation,
    SyncState,
    SyncWrite,
)
from libs.settling.keys import KEY
from libs.settling.ports import (
    HasChildren,
    KeyTaken,
    NotAccepted,
    ParentGone,
    ParentRefused,
    RefusedByDps,
    Stale,
    SyncOff,
    Tombstoned,
)
from services.locations.changes.fields import parsed
from services.locations.errors import FieldNotAllowed
from services.locations.records import LocationRow
from services.locations.rules import announcing, synced

NOW = datetime(2026, 11, 24, 9, 0)  # noqa: DTZ001 - the tables keep London time without zone
NO_FIELDS = synced.SharedFields()
NOT_SHARED = frozenset({"key", "last_modified_by", "last_modified_date"})


class FakeLocations:
    """Passes `tests.contracts.locations`."""

    def __init__(self, now: Callable[[], datetime] = lambda: NOW) -> None:
        self.rows: dict[UUID, LocationRow] = {}
        self.states: dict[UUID, SyncState] = {}
        self.tombstones: dict[UUID, int | None] = {}
        self.conflicts: list[tuple[UUID, Conflict]] = []
        self.events: list[tuple[str, UUID, str]] = []
        self.now = now
        self.one_way_prisons: set[str] = set()

    @property
    def locations(self) -> dict[UUID, OwnLocation]:
        """Every location as the sync doors show it."""
        return {location_id: row.own() for location_id, row in self.rows.items()}

    async def mirror(self, location_id: UUID) -> LocationMirror | None:
        if location_id in self.tombstones:
            raise Tombstoned(str(location_id))
        return self._mirror(location_id) if location_id in self.rows else None

    async def create(self, location_id: UUID, write: SyncWrite) -> LocationMirror:
        if await self.mirror(location_id) is not None:
            raise Stale
        if write.prison_id is None or not PRISON_ID.fullmatch(write.prison_id):
            raise NotAccepted("prisonId")
        birth = synced.Birth(location_id, write.prison_id, "", self.now(), self.now(), write.last_updated_by)
        if write.prison_id in self.one_way_prisons and not is_vsip_room(write.nomis_description):
            raise SyncOff("sync off")
        self._insert(_born(write.fields, birth))
        self.tell(LocationEventType.CREATED, self.rows[location_id], Source.NOMIS)
        self._note(location_id, write)
        return self._mirror(location_id)

    async def write(self, location_id: UUID, write: SyncWrite, etag: str) -> LocationMirror:
        mirror = await self.mirror(location_id)
        if mirror is None or mirror.sync.etag != etag:
            raise Stale
        if write.fields:
            self._change(self.rows[location_id], write)
        self._note(location_id, write)
        return self._mirror(location_id)

    async def delete(self, location_id: UUID, etag: str) -> None:
        if location_id in self.tombstones or location_id not in self.rows:
            return
        if self.states[location_id].etag != etag:
            raise Stale
        if self.states[location_id].one_way:
            raise SyncOff("sync off")
        self.bury(location_id)

    async def below(self, location_id: UUID) -> list[UUID] | None:
        """Return the location and all below it, parents first."""
        return [location_id, *(row.id for row in self.all_below(location_id))] if location_id in self.rows else None

    async def migrate(self, locations: Sequence[Mapping[str, Any]]) -> list[MigrateOutcome]:
        """Create what is new; order within the batch does not matter to parents."""
        outcomes: dict[UUID, MigrateOutcome] = {}
        waiting = [msgspec.convert(location, MigrateLocation) for location in locations]
        while waiting:
            missing = []
            for location in waiting:
                parent = location.fields["parentId"]
                if parent is not None and UUID(str(parent)) not in self.rows:
                    missing.append(location)
                    continue
                outcomes[location.id] = self._migrate_one(location)
            if len(missing) == len(waiting):
                outcomes |= {m.id: _outcome(m, m.id, MigrateResult.NO_PARENT) for m in missing}
                break
            waiting = missing
        return [outcomes[UUID(str(location["id"]))] for location in locations]

    async def validate(self, locations: Sequence[Mapping[str, Any]]) -> list[MigrateOutcome]:
        """Do it to a copy."""
        rehearsed = FakeLocations()
        rehearsed.rows, rehearsed.states = dict(self.rows), dict(self.states)
        rehearsed.tombstones = dict(self.tombstones)
        rehearsed.one_way_prisons = self.one_way_prisons
        return await rehearsed.migrate(locations)

    def staff_create(self, own: OwnLocation) -> OwnLocation:
        """Create a location as staff do."""
        row = LocationRow(
            when_created=self.now(),
            when_updated=self.now(),
            updated_by=own.last_modified_by or "STAFF",
            **{name: getattr(own, name) for name in OwnLocation.model_fields if name not in NOT_SHARED},
        )
        self._insert(synced.changed(row, NO_FIELDS))
        self.tell(LocationEventType.CREATED, self.rows[own.id], Source.DPS)
        return self.rows[own.id].own()

    def staff_edit(self, location_id: UUID, **changed: Any) -> None:
        """Change columns of a location as staff do; a change of code or parent renames and announces what is below."""
        before = self.rows[location_id]
        after = synced.changed(replace(before, **changed), NO_FIELDS)
        kind = announcing.event_type(before, after)
        if kind is None:
            return
        self._save(before, after, "STAFF")
        self.tell(kind, self.rows[location_id], Source.DPS)
        if (after.code, after.parent_id) != (before.code, before.parent_id):
            for row in self.all_below(location_id):
                self.tell(LocationEventType.AMENDED, row, Source.DPS)

    def by_sql(self, location_id: UUID, **changed: Any) -> None:
        """Change columns behind everybody's back."""
        self.rows[location_id] = replace(self.rows[location_id], **changed)

    def bury(self, location_id: UUID) -> None:
        """Delete a leaf and leave a tombstone."""
        if self.children(location_id):
            raise HasChildren(str(location_id))
        row = self.rows.pop(location_id)
        self.tombstones[location_id] = self.states.pop(location_id).nomis_location_id
        self.tell(LocationEventType.DELETED, row, Source.NOMIS)

    def set_sync(self, location_id: UUID, **changed: Any) -> None:
        """Change what sync remembers, as an operator's act or a test's arrangement would."""
        self.states[location_id] = self.states[location_id].model_copy(update=changed)

    def switch_over(self, prison_id: str, *, one_way: bool) -> None:
        """Have a prison take nothing from NOMIS any more, or take it again."""
        self.one_way_prisons = self.one_way_prisons - {prison_id} | ({prison_id} if one_way else set())
        for location_id, row in self.rows.items():
            if row.prison_id == prison_id:
                self.set_sync(location_id, one_way=one_way)

    def tell(self, kind: LocationEventType, row: LocationRow, source: Source) -> None:
        """Announce a change; here only noted."""
        self.events.append((kind.removeprefix("location.inside.prison."), row.id, source.value))

    def children(self, location_id: UUID) -> list[LocationRow]:
        """Return the rows directly below."""
        return [row for row in self.rows.values() if row.parent_id == location_id]

    def all_below(self, location_id: UUID) -> list[LocationRow]:
        """Return all rows below, parents first."""
        found = self.children(location_id)
        for row in found:
            found.extend(self.children(row.id))
        return found

    def holder_of(self, prison_id: str, path: str) -> UUID | None:
        """Return who has this path."""
        at = (row.id for row in self.rows.values() if (row.prison_id, row.path_hierarchy) == (prison_id, path))
        return next(at, None)

    def _migrate_one(self, location: MigrateLocation) -> MigrateOutcome:
        if location.id in self.rows:
            return _outcome(location, location.id, MigrateResult.EXISTS)
        if location.id in self.tombstones:
            return _outcome(location, location.id, MigrateResult.FAILED, "deleted in DPS")
        if location.prison_id in self.one_way_prisons and not is_vsip_room(location.nomis_description):
            return _outcome(location, location.id, MigrateResult.FAILED, "sync off")
        at = location.create_date.replace(tzinfo=None)
        birth = synced.Birth(location.id, location.prison_id, "", at, at, location.last_updated_by)
        try:
            self._insert(_born(location.fields, birth))
        except KeyTaken as taken:
            holder = taken.holder or location.id
            state = self.states[holder]
            unclaimed = state.nomis_location_id is None and KEY not in state.published
            if unclaimed or state.nomis_location_id == location.nomis_location_id:
                self._note(
                    holder,
                    SyncWrite(last_updated_by=location.last_updated_by, nomis_location_id=location.nomis_location_id),
                )
                return _outcome(location, holder, MigrateResult.ADOPTED)
            return _outcome(location, location.id, MigrateResult.FAILED, "duplicate path")
        self._note(
            location.id,
            SyncWrite(
                last_updated_by=location.last_updated_by,
                base_as_stored=True,
                key_agreed=True,
                nomis_location_id=location.nomis_location_id,
                nomis_description=location.nomis_description,
            ),
        )
        return _outcome(location, location.id, MigrateResult.CREATED)

    def _change(self, row: LocationRow, write: SyncWrite) -> None:
        if row.archived or row.converted_cell_type is not None:
            raise RefusedByDps("107")
        if self.states[row.id].one_way:
            raise SyncOff("sync off")
        with _named():
            after = synced.changed(row, parsed(write.fields))
        kind = announcing.event_type(row, after)
        if kind is None:
            return
        self._save(row, after, write.last_updated_by)
        self.tell(kind, self.rows[row.id], Source.NOMIS)

    def _save(self, before: LocationRow, after: LocationRow, by: str) -> None:
        """Write a changed row under its next version; a moved one renames what is below it."""
        if (after.code, after.parent_id) != (before.code, before.parent_id):
            after = self._moved(before, after)
        after = replace(after, version=before.version + 1, when_updated=self.now(), updated_by=by)
        self.rows[after.id] = after
        self.states[after.id] = self.states[after.id].model_copy(update={"version": after.version})
        for below in self.all_below(after.id):
            self.rows[below.id] = replace(below, path_hierarchy=self._path(below))

    def _moved(self, before: LocationRow, after: LocationRow) -> LocationRow:
        self._check_parent(after)
        above = after.parent_id
        while above is not None:
            if above == after.id:
                raise ParentRefused(f"parentId: {after.parent_id} stands below {before.key}")
            above = self.rows[above].parent_id
        after = replace(after, path_hierarchy=self._path(after))
        self._refuse_taken(after)
        return after

    def _insert(self, row: LocationRow) -> None:
        self._check_parent(row)
        row = replace(row, path_hierarchy=self._path(row))
        self._refuse_taken(row)
        self.rows[row.id] = row
        one_way = row.prison_id in self.one_way_prisons
        self.states[row.id] = SyncState(version=row.version, state_version=0, one_way=one_way)

    def _check_parent(self, row: LocationRow) -> None:
        if row.parent_id is None:
            return
        if row.parent_id not in self.rows:
            raise ParentGone(str(row.parent_id))
        if self.rows[row.parent_id].prison_id != row.prison_id:
            raise ParentRefused("parentId: of another prison")

    def _path(self, row: LocationRow) -> str:
        above = self.rows[row.parent_id].path_hierarchy if row.parent_id else None
        return f"{above}-{row.code}" if above else row.code

    def _refuse_taken(self, row: LocationRow) -> None:
        holder = self.holder_of(row.prison_id, row.path_hierarchy)
        if holder not in (None, row.id):
            raise KeyTaken(f"{row.key} is {holder}", holder)

    def _note(self, location_id: UUID, write: SyncWrite) -> None:
        row, state = self.rows[location_id], self.states[location_id]
        base: dict[str, JsonValue] | None = write.base
        if write.base_as_stored:
            own = row.own()
            base = synced_part(project_dps(own), kind_in_dps(own))
        if base is None and write.key_agreed:
            base = state.base
        if base is not None and write.key_agreed:
            base = base | {KEY: row.key}
        given: dict[str, Any] = {
            "base": base,
            "published": write.published,
            "nomis_location_id": write.nomis_location_id,
            "nomis_description": write.nomis_description,
        }
        told = {name: value for name, value in given.items() if value is not None}
        self.states[location_id] = state.model_copy(update=told | {"state_version": state.state_version + 1})
        for conflict in write.conflicts:
            if (location_id, conflict) not in self.conflicts:
                self.conflicts.append((location_id, conflict))

    def _mirror(self, location_id: UUID) -> LocationMirror:
        return LocationMirror(location=self.rows[location_id].own(), sync=self.states[location_id])


@contextmanager
def _named() -> Iterator[None]:
    try:
        yield
    except FieldNotAllowed as wrong:
        raise NotAccepted(str(wrong)) from wrong


def _born(fields: Mapping[str, Any], birth: synced.Birth) -> LocationRow:
    with _named():
        _, row = synced.born(parsed(fields), birth)
        return row


def _outcome(asked: MigrateLocation, at: UUID, result: MigrateResult, reason: str | None = None) -> MigrateOutcome:
    return MigrateOutcome(id=at, nomis_location_id=asked.nomis_location_id, result=result, reason=reason)
