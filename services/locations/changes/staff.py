"""What staff do to locations: state, history and events in one transaction, the rows locked from the top down."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from libs.db.pool import Connection, Database
from libs.domain.codes import (
    AccommodationType,
    DeactivatedReason,
    LocationType,
    ResidentialHousingType,
    UsedForType,
)
from libs.domain.events import LocationEventType, Source
from libs.domain.sync import Usage
from services.locations.changes.announce import Announcer, Told
from services.locations.errors import (
    AlreadyInactive,
    CannotReactivate,
    HoldsPrisoners,
    LocationArchived,
    LocationNotFound,
    NotInCaseload,
    ParentNotAllowed,
    ReasonMissing,
)
from services.locations.ports import Occupancy
from services.locations.records import LocationRow
from services.locations.rules import announcing, capacity, history
from services.locations.rules.status import Standing
from services.locations.rules.synced import NO_DETAILS
from services.locations.store import rows
from services.locations.store.family import Family, family
from services.locations.views.location import Shower

E = LocationEventType


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts, and on which prisons they may; None means on all."""

    username: str
    prisons: frozenset[str] | None = None

    def may_act_on(self, prison_id: str) -> None:
        """Raise NotInCaseload unless the prison is in the caseload."""
        if self.prisons is not None and prison_id not in self.prisons:
            raise NotInCaseload(prison_id)


@dataclass(frozen=True, slots=True)
class NewLocation:
    """A location staff want; a room has usages, a residential one may have a capacity if it is a cell."""

    prison_id: str
    code: str
    location_type: LocationType
    parent_id: UUID | None = None
    local_name: str | None = None
    accommodation_type: AccommodationType | None = None
    max_capacity: int | None = None
    working_capacity: int | None = None
    certified: bool = False
    used_for: frozenset[UsedForType] = frozenset()
    usages: tuple[Usage, ...] = ()


@dataclass(frozen=True, slots=True)
class Closure:
    """Why and until when a location is out of use."""

    reason: DeactivatedReason
    description: str | None = None
    proposed_reactivation_date: Any = None
    planet_fm_reference: str | None = None


class StaffChanges:
    """Carries out what staff ask for."""

    def __init__(
        self, database: Database, announcer: Announcer, occupancy: Occupancy, new_id: Callable[[], UUID] = uuid4
    ) -> None:
        self._db = database
        self._announcer = announcer
        self._occupancy = occupancy
        self._new_id = new_id

    async def create(self, wish: NewLocation, actor: Actor) -> dict[str, Any]:
        """Create a location.

        Raises LocationNotFound (the parent), LocationKeyTaken, ParentNotAllowed, NotInCaseload, CapacityNotAllowed.
        """
        actor.may_act_on(wish.prison_id)
        async with self._db.transaction() as tx:
            await rows.lock_tree(tx, wish.prison_id)
            above = await self._parents(tx, wish)
            now = self._announcer.local_now()
            row = _new_row(self._new_id(), wish, above, actor.username, now)
            if row.is_cell and row.max_capacity is not None:
                capacity.check(Standing(row, above), row.max_capacity, row.working_capacity or 0)
            await rows.insert(tx, row)
            blank = replace(row, used_for=())
            await rows.add_history(tx, history.changes(blank, row, actor.username, now))
            counts = row.max_capacity is not None or bool(row.usages)
            told: list[Told] = [(E.CREATED, row)]
            told += [(E.AMENDED, ancestor) for ancestor in above if counts]
            await self._announcer.tell(tx, told, Source.DPS)
            return Shower(Family(row, above, ()).rows).shown(row, parent=counts)

    async def set_capacity(self, location_id: UUID, maximum: int, working: int, actor: Actor) -> dict[str, Any]:
        """Set a cell's capacity. Raises LocationNotFound, LocationArchived, CapacityNotAllowed, NotInCaseload."""
        people = await self.people(location_id)
        async with self._db.transaction() as tx:
            found = await self.family(tx, location_id, actor)
            standing = Shower(found.rows).standing(found.row)
            if not found.row.is_cell or found.row.converted_cell_type is not None:
                raise LocationNotFound(f"{found.row.key} (a cell)")
            _refuse_archived(standing)
            capacity.check(standing, maximum, working, occupants=people)
            after = replace(found.row, max_capacity=maximum, working_capacity=working)
            return await self._changed(tx, found, after, actor, totals=True)

    async def set_local_name(self, location_id: UUID, name: str, actor: Actor) -> dict[str, Any]:
        """Set the local name; a cell has none. Raises LocationNotFound, LocationArchived, NotInCaseload."""
        async with self._db.transaction() as tx:
            found = await self.family(tx, location_id, actor)
            _refuse_archived(Shower(found.rows).standing(found.row))
            after = found.row if found.row.is_cell else replace(found.row, local_name=name.strip() or None)
            return await self._changed(tx, found, after, actor, totals=False)

    async def deactivate(self, wishes: Mapping[UUID, Closure], actor: Actor) -> list[dict[str, Any]]:
        """Take locations out of use, and every residential one below them; all or none.

        Raises LocationNotFound, AlreadyInactive, HoldsPrisoners, ReasonMissing, NotInCaseload.
        """
        people = {location_id: await self.people(location_id) for location_id in wishes}
        async with self._db.transaction() as tx:
            closed: dict[UUID, LocationRow] = {}
            above: dict[UUID, LocationRow] = {}
            for location_id, closure in wishes.items():
                found = await self.family(tx, location_id, actor)
                newly = await self._close(tx, found, closure, actor, people[location_id])
                closed |= {row.id: row for row in newly}
                above |= {row.id: row for row in found.above}
            told: list[Told] = [(E.AMENDED, row) for row in above.values() if row.id not in closed and closed]
            told += [(E.DEACTIVATED, row) for row in closed.values()]
            await self._announcer.tell(tx, told, Source.DPS)
            return [await self._shown(tx, row.id) for row in closed.values()]

    async def reactivate(self, wishes: Mapping[UUID, bool], actor: Actor) -> list[dict[str, Any]]:
        """Bring locations back, with what is above them and, where asked, what is below; all or none.

        Raises LocationNotFound, CannotReactivate, NotInCaseload.
        """
        async with self._db.transaction() as tx:
            opened: dict[UUID, LocationRow] = {}
            above: dict[UUID, LocationRow] = {}
            for location_id, cascade in wishes.items():
                found = await self.family(tx, location_id, actor)
                newly = await self._open(tx, found, actor, cascade=cascade)
                opened |= {row.id: row for row in newly}
                above |= {row.id: row for row in found.above}
            told: list[Told] = [(E.AMENDED, row) for row in above.values() if row.id not in opened and opened]
            told += [(E.REACTIVATED, row) for row in opened.values()]
            await self._announcer.tell(tx, told, Source.DPS)
            return [await self._shown(tx, row.id) for row in opened.values()]

    async def people(self, location_id: UUID) -> int:
        """Count who is in the cells at and below a location; asked before the transaction, which would wait for it."""
        async with self._db.transaction(readonly=True) as tx:
            found = await family(tx, location_id)
        if found is None:
            raise LocationNotFound(str(location_id))
        cells = [row.path_hierarchy for row in (found.row, *found.below) if row.is_cell and not row.archived]
        if not cells:
            return 0
        return sum((await self._occupancy.people_in(found.row.prison_id, cells)).values())

    async def shown(self, location_id: UUID) -> dict[str, Any]:
        """Return a location as it stands now."""
        async with self._db.transaction(readonly=True) as tx:
            return await self._shown(tx, location_id)

    async def _parents(self, tx: Connection, wish: NewLocation) -> list[LocationRow]:
        if wish.parent_id is None:
            return []
        found = await family(tx, wish.parent_id, lock=True)
        if found is None:
            raise LocationNotFound(f"{wish.parent_id} (parentId)")
        if found.row.prison_id != wish.prison_id:
            raise ParentNotAllowed(f"parentId: {found.row.key} is of another prison")
        if Shower(found.rows).standing(found.row).archived:
            raise ParentNotAllowed(f"parentId: {found.row.key} is permanently deactivated")
        return [found.row, *found.above]

    async def family(self, tx: Connection, location_id: UUID, actor: Actor) -> Family:
        """Return a location with its relatives, locked. Raises LocationNotFound, NotInCaseload."""
        found = await family(tx, location_id, lock=True)
        if found is None:
            raise LocationNotFound(str(location_id))
        actor.may_act_on(found.row.prison_id)
        return found

    async def _changed(
        self, tx: Connection, found: Family, after: LocationRow, actor: Actor, *, totals: bool
    ) -> dict[str, Any]:
        kind = announcing.event_type(found.row, after) or E.AMENDED
        after = await self.save(tx, found.row, after, actor)
        told: list[Told] = [(kind, after)]
        told += [(E.AMENDED, ancestor) for ancestor in found.above if totals]
        await self._announcer.tell(tx, told, Source.DPS)
        return Shower(Family(after, found.above, found.below).rows).shown(after, parent=totals)

    async def save(self, tx: Connection, before: LocationRow, after: LocationRow, actor: Actor) -> LocationRow:
        """Write a changed row under its next version, with its history."""
        now = self._announcer.local_now()
        after = replace(after, version=before.version + 1, when_updated=now, updated_by=actor.username)
        await rows.save(tx, after)
        await rows.add_history(tx, history.changes(before, after, actor.username, now))
        return after

    async def _close(
        self, tx: Connection, found: Family, closure: Closure, actor: Actor, people: int
    ) -> list[LocationRow]:
        """Close a location and the active residential ones below it; children come before parents."""
        shower = Shower(found.rows)
        standing = shower.standing(found.row)
        if found.row.archived:
            return []
        if not standing.active:
            raise AlreadyInactive(found.row.key)
        if people:
            raise HoldsPrisoners(found.row.key, people)
        if closure.reason is DeactivatedReason.OTHER and not (closure.description or "").strip():
            raise ReasonMissing
        below = [row for row in found.below if _closes_along(row)]
        now = self._announcer.local_now().replace(microsecond=0)
        return [
            await self.save(tx, row, _closed(row, closure, actor.username, now), actor)
            for row in [*reversed(below), found.row]
        ]

    async def _open(self, tx: Connection, found: Family, actor: Actor, *, cascade: bool) -> list[LocationRow]:
        """Open what is closed: from the top down to the location, then what is below if asked."""
        if Shower(found.rows).standing(found.row).archived:
            raise CannotReactivate(found.row.key)
        line = [*reversed(found.above), found.row, *(found.below if cascade else ())]
        closed = [row for row in line if not row.active and not row.archived]
        return [await self.save(tx, row, replace(row, active=True, **NO_DETAILS), actor) for row in closed]

    async def _shown(self, tx: Connection, location_id: UUID) -> dict[str, Any]:
        found = await family(tx, location_id)
        assert found is not None
        return Shower(found.rows).shown(found.row)


def _closed(row: LocationRow, closure: Closure, by: str, now: datetime) -> LocationRow:
    return replace(
        row,
        active=False,
        deactivated_reason=closure.reason,
        deactivation_reason_description=(closure.description or "").strip() or None,
        deactivated_date=now,
        deactivated_by=by,
        proposed_reactivation_date=closure.proposed_reactivation_date,
        planet_fm_reference=closure.planet_fm_reference,
    )


def _closes_along(row: LocationRow) -> bool:
    """Rooms and converted cells are not closed with their wing: they only show as closed by it."""
    return (
        row.active and not row.archived and row.residential_housing_type is not None and row.converted_cell_type is None
    )


def _refuse_archived(standing: Standing) -> None:
    if standing.archived:
        raise LocationArchived(standing.row.key)


def _new_row(location_id: UUID, wish: NewLocation, above: Sequence[LocationRow], by: str, now: datetime) -> LocationRow:
    residential = wish.accommodation_type is not None
    is_cell = residential and wish.location_type is LocationType.CELL
    used_for = set(wish.used_for) if is_cell else set()
    if is_cell and wish.accommodation_type is AccommodationType.NORMAL_ACCOMMODATION:
        used_for.add(UsedForType.STANDARD_ACCOMMODATION)
    return LocationRow(
        id=location_id,
        prison_id=wish.prison_id,
        path_hierarchy=f"{above[0].path_hierarchy}-{wish.code}" if above else wish.code,
        code=wish.code,
        location_type=wish.location_type,
        parent_id=above[0].id if above else None,
        when_created=now,
        when_updated=now,
        updated_by=by,
        local_name=(wish.local_name or "").strip() or None,
        residential_housing_type=ResidentialHousingType.NORMAL_ACCOMMODATION if residential else None,
        accommodation_type=wish.accommodation_type if is_cell else None,
        max_capacity=wish.max_capacity if is_cell else None,
        working_capacity=wish.working_capacity if is_cell else None,
        certified=wish.certified if is_cell else None,
        capacity_of_certified_cell=0 if is_cell else None,
        used_for=tuple(sorted(used_for, key=lambda use: use.sequence)),
        usages=() if residential else wish.usages,
    )
