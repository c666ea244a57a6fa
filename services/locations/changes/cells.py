"""What staff change of cells: what they hold, what they are for, and whether they are cells at all."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from msgspec.structs import replace

from libs.db.pool import Connection
from libs.domain.codes import SpecialistCellType, UsedForType
from libs.web.outgoing import RemoteRefused, RemoteUnavailable
from services.locations.changes.desk import Actor, Changed, Desk, E, People
from services.locations.errors import HoldsPrisoners, LocationArchived, LocationNotFound
from services.locations.records import Change, LocationRow
from services.locations.rules import announcing, capacity
from services.locations.rules.accommodation import specialised, uses_in_order
from services.locations.rules.conversion import Cell, Room, to_cell, to_other_room, to_room
from services.locations.rules.hierarchy import Hierarchy
from services.locations.rules.naming import split_key
from services.locations.rules.resizing import Resize, resized, unchanged
from services.locations.store.family import ids_by_path


class CellChanges:
    """Carries out what staff ask for."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def set_capacity(self, location_id: UUID, maximum: int, working: int, actor: Actor) -> Changed:
        """Set a cell's capacity.

        Raises LocationNotFound, LocationArchived, CapacityNotAllowed, NotInCaseload, VersionStale.
        """

        async def act(people: People) -> Changed:
            async with self._desk.writing() as tx:
                hierarchy, row = await self._desk.one(tx, location_id, actor)
                _demand_cell(hierarchy, row)
                occupants = people.within([row])
                capacity.check(hierarchy.standing(row), maximum, working, occupants=occupants)
                after = replace(row, max_capacity=maximum, working_capacity=working)
                return await self._changed(tx, hierarchy, row, after, actor, totals=True)

        return await self._desk.with_people([location_id], act)

    async def resize(self, wishes: Mapping[str, Resize], actor: Actor) -> dict[str, list[dict[str, Any]]]:
        """Set capacities of many cells by key; those that may are kept, and each key is told what became of it.

        Raises NotInCaseload.
        """
        async with self._desk.writing() as tx:
            paths = {key: path for key in wishes if (path := split_key(key)) is not None}
            found = await ids_by_path(tx, [*paths.values()])
        ids = {key: found[path] for key, path in paths.items() if path in found}
        try:
            return await self._desk.with_people(
                [*ids.values()], lambda people: self._resize(wishes, ids, actor, people)
            )
        except (RemoteUnavailable, RemoteRefused):
            # The contract has a message for it, as for whatever else keeps one key from being changed.
            return await self._resize(wishes, ids, actor, None)

    async def _resize(
        self, wishes: Mapping[str, Resize], ids: Mapping[str, UUID], actor: Actor, people: People | None
    ) -> dict[str, list[dict[str, Any]]]:
        async with self._desk.writing() as tx:
            hierarchy = await self._desk.hierarchy(tx, [*ids.values()], actor)
            answer: dict[str, list[dict[str, Any]]] = {}
            changes: list[Change] = []
            for key, wish in wishes.items():
                row = hierarchy.get(ids[key]) if key in ids else None
                if row is None or row.key != key:
                    answer[key] = unchanged(key, "Not updated: location not found")
                    continue
                inside = people.within([row]) if people and row.is_cell and not row.archived else None
                after, answer[key] = resized(hierarchy.standing(row), wish, inside)
                changes += [(row, after)] if after != row else []
            kinds = {after.id: announcing.event_type(before, after) or E.AMENDED for before, after in changes}
            done = await self._desk.save(tx, changes, actor)
            told = [(E.AMENDED, row) for row in hierarchy.ancestors_of(done)]
            await self._desk.tell(tx, *told, *((kinds[row.id], row) for row in done))
            return answer

    async def set_specialist_types(
        self, location_id: UUID, types: frozenset[SpecialistCellType], actor: Actor
    ) -> Changed:
        """Replace a cell's specialist types.

        Raises LocationNotFound, LocationArchived, CapacityNotAllowed, NotInCaseload, VersionStale.
        """
        async with self._desk.writing() as tx:
            hierarchy, row = await self._desk.one(tx, location_id, actor)
            _demand_cell(hierarchy, row)
            return await self._changed(tx, hierarchy, row, specialised(row, types), actor, totals=False)

    async def set_used_for(self, location_id: UUID, uses: frozenset[UsedForType], actor: Actor) -> Changed:
        """Replace the uses of every cell in use at and below a residential location.

        Raises LocationNotFound, NotInCaseload, VersionStale.
        """
        async with self._desk.writing() as tx:
            hierarchy, row = await self._desk.one(tx, location_id, actor)
            if row.residential_housing_type is None:
                raise LocationNotFound(f"{row.key} (residential)")
            wanted = uses_in_order(uses)
            cells = [cell for cell in hierarchy.cells(row) if cell.converted_cell_type is None]
            changes = [(cell, replace(cell, used_for=wanted)) for cell in cells if cell.used_for != wanted]
            done = await self._desk.save(tx, changes if not hierarchy.standing(row).archived else [], actor)
            await self._desk.tell(tx, *((E.AMENDED, cell) for cell in done))
            return await self._desk.shown(tx, location_id, children=True)

    async def make_room(self, location_id: UUID, room: Room, actor: Actor) -> Changed:
        """Make a cell a room.

        Raises LocationNotFound, LocationArchived, HoldsPrisoners, NotInCaseload, VersionStale.
        """

        async def act(people: People) -> Changed:
            async with self._desk.writing() as tx:
                hierarchy, row = await self._desk.one(tx, location_id, actor)
                after = to_room(row, room)
                _refuse_archived(hierarchy, row)
                if inside := people.within(hierarchy.cells(row)):
                    raise HoldsPrisoners(row.key, inside)
                return await self._changed(tx, hierarchy, row, after, actor, totals=True)

        return await self._desk.with_people([location_id], act)

    async def change_room(self, location_id: UUID, room: Room, actor: Actor) -> Changed:
        """Make a room that was a cell another kind of room.

        Raises LocationNotFound, LocationArchived, NotInCaseload, VersionStale.
        """
        async with self._desk.writing() as tx:
            hierarchy, row = await self._desk.one(tx, location_id, actor)
            after = to_other_room(row, room)
            _refuse_archived(hierarchy, row)
            return await self._changed(tx, hierarchy, row, after, actor, totals=False)

    async def make_cell(self, location_id: UUID, cell: Cell, actor: Actor) -> Changed:
        """Make a room a cell again.

        Raises LocationNotFound, LocationArchived, CapacityNotAllowed, NotInCaseload, VersionStale.
        """
        async with self._desk.writing() as tx:
            hierarchy, row = await self._desk.one(tx, location_id, actor)
            after = to_cell(hierarchy.standing(row), cell)
            _refuse_archived(hierarchy, row)
            return await self._changed(tx, hierarchy, row, after, actor, totals=True)

    async def _changed(
        self,
        tx: Connection,
        hierarchy: Hierarchy,
        row: LocationRow,
        after: LocationRow,
        actor: Actor,
        *,
        totals: bool,
    ) -> Changed:
        """Save, announce with those above whose totals it changes, and show; nothing is told where nothing changed."""
        kind = announcing.event_type(row, after)
        if kind is not None:
            [done] = await self._desk.save(tx, [(row, after)], actor)
            above = [(E.AMENDED, up) for up in hierarchy.above(row) if totals]
            await self._desk.tell(tx, (kind, done), *above)
        return await self._desk.shown(tx, row.id, above=hierarchy.above(row) if totals else ())


def _demand_cell(hierarchy: Hierarchy, row: LocationRow) -> None:
    if not row.is_cell or row.converted_cell_type is not None:
        raise LocationNotFound(f"{row.key} (a cell)")
    _refuse_archived(hierarchy, row)


def _refuse_archived(hierarchy: Hierarchy, row: LocationRow) -> None:
    if hierarchy.standing(row).archived:
        raise LocationArchived(row.key)
