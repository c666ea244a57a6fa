"""What staff change of cells and of the shape of a prison: sets of a cell, permanent closure, code and parent."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from libs.db.pool import Connection, Database
from libs.domain.codes import AccommodationType, SpecialistCellType, UsedForType
from libs.domain.events import LocationEventType, Source
from libs.domain.sync import Usage
from services.locations.changes.announce import Announcer, Told
from services.locations.changes.staff import Actor, StaffChanges
from services.locations.errors import (
    CapacityNotAllowed,
    HoldsPrisoners,
    LocationArchived,
    LocationNotFound,
    ParentNotAllowed,
)
from services.locations.records import LocationRow
from services.locations.rules.synced import NO_DETAILS
from services.locations.store import rows
from services.locations.store.family import Family, family
from services.locations.views.location import Shower

E = LocationEventType


@dataclass(frozen=True, slots=True)
class Move:
    """What to change of a location's place; None keeps."""

    code: str | None = None
    parent_id: UUID | None = None
    usages: tuple[Usage, ...] | None = None
    residential: bool = True


class CellChanges:
    """Carries out what staff ask for, on the ground of `StaffChanges`."""

    def __init__(self, database: Database, announcer: Announcer, staff: StaffChanges) -> None:
        self._db = database
        self._announcer = announcer
        self._staff = staff

    async def set_specialist_types(
        self, location_id: UUID, types: frozenset[SpecialistCellType], actor: Actor
    ) -> dict[str, Any]:
        """Replace a cell's specialist types. Raises LocationNotFound, LocationArchived, CapacityNotAllowed."""
        async with self._db.transaction() as tx:
            found = await self._staff.family(tx, location_id, actor)
            row = found.row
            if not row.is_cell or row.converted_cell_type is not None:
                raise LocationNotFound(f"{row.key} (a cell)")
            self._refuse_archived(found)
            ordinary = row.accommodation_type is AccommodationType.NORMAL_ACCOMMODATION
            if not types and ordinary and not row.working_capacity:
                raise CapacityNotAllowed(
                    "WORKING_ZERO", "specialistCellTypes: needed by an ordinary cell whose working capacity is zero"
                )
            ordered = tuple(sorted(types, key=lambda each: each.sequence))
            after = await self._staff.save(tx, row, replace(row, specialist_cell_types=ordered), actor)
            await self._announcer.tell(tx, [(E.AMENDED, after)], Source.DPS)
            return Shower(Family(after, found.above, found.below).rows).shown(after)

    async def set_used_for(self, location_id: UUID, uses: frozenset[UsedForType], actor: Actor) -> dict[str, Any]:
        """Replace the uses of every cell at and below a residential location. Raises LocationNotFound."""
        async with self._db.transaction() as tx:
            found = await self._staff.family(tx, location_id, actor)
            if found.row.residential_housing_type is None:
                raise LocationNotFound(f"{found.row.key} (residential)")
            self._refuse_archived(found)
            ordered = tuple(sorted(uses, key=lambda each: each.sequence))
            cells = [row for row in (found.row, *found.below) if row.is_cell and not row.archived]
            told: list[Told] = [
                (E.AMENDED, await self._staff.save(tx, row, replace(row, used_for=ordered), actor))
                for row in cells
                if row.converted_cell_type is None and row.used_for != ordered
            ]
            await self._announcer.tell(tx, told, Source.DPS)
            return await self._shown(tx, location_id, children=True)

    async def archive(self, location_id: UUID, reason: str, actor: Actor) -> dict[str, Any]:
        """Close a location for good; the cells at and below it lose capacity and certification first.

        Raises LocationNotFound, LocationArchived, HoldsPrisoners, NotInCaseload.
        """
        people = await self._staff.people(location_id)
        async with self._db.transaction() as tx:
            found = await self._staff.family(tx, location_id, actor)
            self._refuse_archived(found)
            if people:
                raise HoldsPrisoners(found.row.key, people)
            told: list[Told] = []
            for cell in (row for row in found.below if row.is_cell and not row.archived):
                emptied = replace(cell, max_capacity=0, working_capacity=0, certified=False)
                told.append((E.AMENDED, await self._staff.save(tx, cell, emptied, actor)))
            now = self._announcer.local_now().replace(microsecond=0)
            closed = replace(found.row, **NO_DETAILS, active=False, archived=True, archived_reason=reason)
            closed = replace(closed, deactivated_date=now, deactivated_by=actor.username)
            if closed.is_cell:
                closed = replace(closed, max_capacity=0, working_capacity=0, certified=False)
            after = await self._staff.save(tx, found.row, closed, actor)
            told = [(E.DEACTIVATED, after), *told, *((E.AMENDED, row) for row in found.above)]
            await self._announcer.tell(tx, told, Source.DPS)
            return (await self._shown(tx, location_id, parent=True)) | {"childLocations": []}

    async def patch(self, location_id: UUID, move: Move, actor: Actor) -> dict[str, Any]:
        """Change code, parent or usages; what is below is renamed in one statement and announced, of any kind.

        Raises LocationNotFound, LocationArchived, LocationKeyTaken, ParentNotAllowed, NotInCaseload.
        """
        async with self._db.transaction() as tx:
            found = await self._staff.family(tx, location_id, actor)
            row = found.row
            if (row.residential_housing_type is not None) is not move.residential:
                raise LocationNotFound(f"{row.key} ({'residential' if move.residential else 'non-residential'})")
            self._refuse_archived(found)
            parent_id = move.parent_id or row.parent_id
            after = replace(row, code=move.code or row.code, parent_id=parent_id)
            if move.usages is not None:
                after = replace(after, usages=move.usages)
            moved = (after.code, after.parent_id) != (row.code, row.parent_id)
            above: Sequence[LocationRow] = found.above
            if moved:
                above = await self._new_parents(tx, found, after)
                path = f"{above[0].path_hierarchy}-{after.code}" if above else after.code
                await rows.lock_tree(tx, row.prison_id)
                await rows.rename_below(tx, row, path)
                after = replace(after, path_hierarchy=path)
            after = await self._staff.save(tx, row, after, actor)
            await self._announcer.tell(tx, await self._moved(tx, found, after, above, moved=moved), Source.DPS)
            return await self._shown(tx, location_id, children=moved, parent=after.parent_id != row.parent_id)

    async def _new_parents(self, tx: Connection, found: Family, after: LocationRow) -> Sequence[LocationRow]:
        if after.parent_id == found.row.parent_id or after.parent_id is None:
            return found.above
        parent = await family(tx, after.parent_id, lock=True)
        if parent is None:
            raise LocationNotFound(f"{after.parent_id} (parentId)")
        if parent.row.prison_id != after.prison_id:
            raise ParentNotAllowed(f"parentId: {parent.row.key} is of another prison")
        if Shower(parent.rows).standing(parent.row).archived:
            raise ParentNotAllowed(f"parentId: {parent.row.key} is permanently deactivated")
        if await rows.is_below(tx, parent.row.id, after.id):
            raise ParentNotAllowed(f"parentId: {parent.row.key} is {found.row.key} or stands below it")
        return [parent.row, *parent.above]

    async def _moved(
        self, tx: Connection, found: Family, after: LocationRow, above: Sequence[LocationRow], *, moved: bool
    ) -> list[Told]:
        """Return the location, what its new path renames, and those above whose totals changed, each once."""
        told: list[Told] = [(E.AMENDED, after)]
        if moved:
            renamed = await rows.get_many(tx, [row.id for row in found.below if not row.archived])
            told += [(E.AMENDED, row) for row in sorted(renamed.values(), key=lambda row: row.path_hierarchy)]
        if after.parent_id != found.row.parent_id:
            touched = {row.id: row for row in (*above, *found.above)}
            told += [(E.AMENDED, row) for row in touched.values()]
        return told

    @staticmethod
    def _refuse_archived(found: Family) -> None:
        if Shower(found.rows).standing(found.row).archived:
            raise LocationArchived(found.row.key)

    async def _shown(
        self, tx: Connection, location_id: UUID, *, children: bool = False, parent: bool = False
    ) -> dict[str, Any]:
        found = await family(tx, location_id)
        assert found is not None
        return Shower(found.rows).shown(found.row, children=children, parent=parent)
