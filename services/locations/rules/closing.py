"""Out of use and back, for a while or for good (`reference/locations-api.md` §3.3): who changes with whom, and how.

Each function returns the rows that change as (before, after), in the order in which they are announced.
"""

from dataclasses import dataclass
from datetime import date, datetime

from msgspec.structs import replace

from libs.domain.codes import DeactivatedReason
from services.locations.errors import (
    AlreadyInactive,
    CannotReactivate,
    HoldsPrisoners,
    LocationArchived,
    ReasonMissing,
)
from services.locations.records import Change, LocationRow
from services.locations.rules import capacity
from services.locations.rules.accommodation import housing_for
from services.locations.rules.hierarchy import Hierarchy
from services.locations.rules.status import Standing
from services.locations.rules.synced import NO_DETAILS


@dataclass(frozen=True, slots=True)
class Closure:
    """Why and until when a location is out of use."""

    reason: DeactivatedReason
    description: str | None = None
    proposed_reactivation_date: date | None = None
    planet_fm_reference: str | None = None

    def check(self) -> None:
        """Raise ReasonMissing where the reason says nothing by itself."""
        if self.reason is DeactivatedReason.OTHER and not (self.description or "").strip():
            raise ReasonMissing

    def told_of(self, row: LocationRow) -> LocationRow:
        """Return a row with these details."""
        return replace(
            row,
            deactivated_reason=self.reason,
            deactivation_reason_description=(self.description or "").strip() or None,
            proposed_reactivation_date=self.proposed_reactivation_date,
            planet_fm_reference=self.planet_fm_reference,
        )


@dataclass(frozen=True, slots=True)
class Opening:
    """How a location comes back: with what is below, and with another capacity if it is a cell."""

    cascade: bool = False
    capacity: tuple[int, int] | None = None


def closed(
    hierarchy: Hierarchy, row: LocationRow, closure: Closure, by: str, now: datetime, *, people: int = 0
) -> list[Change]:
    """Close a location and the active residential ones below it, children before parents.

    Nothing happens to one that is closed for good. Raises AlreadyInactive, HoldsPrisoners, ReasonMissing.
    """
    standing = hierarchy.standing(row)
    if standing.archived:
        return []
    if not standing.active:
        raise AlreadyInactive(row.key)
    if people:
        raise HoldsPrisoners(row.key, people)
    closure.check()
    along = [*reversed([each for each in hierarchy.below(row) if closes_along(each)]), row]
    return [
        (each, replace(closure.told_of(each), active=False, deactivated_date=now, deactivated_by=by)) for each in along
    ]


def closes_along(row: LocationRow) -> bool:
    """Rooms and converted cells are not closed with their wing: they only show as closed by it."""
    residential = row.residential_housing_type is not None and row.converted_cell_type is None
    return row.active and not row.archived and residential


def details_changed(hierarchy: Hierarchy, row: LocationRow, closure: Closure) -> list[Change]:
    """Tell otherwise why a location is closed, and those below that were closed along, as they tell the same.

    Nothing happens to one that is not closed by itself. Raises ReasonMissing.
    """
    if row.active or hierarchy.standing(row).archived:
        return []
    closure.check()
    told = _details(row)
    along = [each for each in hierarchy.below(row) if _closed_by_itself(each) and _details(each) == told]
    changes = [(each, closure.told_of(each)) for each in (row, *along)]
    return [(before, after) for before, after in changes if before != after]


def _closed_by_itself(row: LocationRow) -> bool:
    return not row.active and not row.archived and row.residential_housing_type is not None


def _details(row: LocationRow) -> tuple[object, ...]:
    return (
        row.deactivated_reason,
        row.deactivation_reason_description,
        row.proposed_reactivation_date,
        row.planet_fm_reference,
    )


def opened(hierarchy: Hierarchy, row: LocationRow, opening: Opening) -> list[Change]:
    """Open what is closed: from the top down to the location, then what is below it if asked.

    Raises CannotReactivate, CapacityNotAllowed.
    """
    if hierarchy.standing(row).archived:
        raise CannotReactivate(row.key)
    line = [*reversed(hierarchy.above(row)), row, *(hierarchy.below(row) if opening.cascade else ())]
    line = [each for each in line if each.archived is False and (not each.active or each.id == row.id)]
    fresh = {each.id: reopened(each) for each in line}
    if opening.capacity is not None and row.is_cell and row.converted_cell_type is None:
        maximum, working = opening.capacity
        capacity.check(Standing(fresh[row.id]), maximum, working)
        fresh[row.id] = replace(fresh[row.id], max_capacity=maximum, working_capacity=working)
    return [(each, fresh[each.id]) for each in line if each != fresh[each.id]]


def reopened(row: LocationRow) -> LocationRow:
    """Return a row in use again; a cell whose unit type does not say what it is for gets one that does."""
    if row.active:
        return row
    after = replace(row, active=True, **NO_DETAILS)
    if not row.is_cell or row.converted_cell_type is not None or row.accommodation_type is None:
        return after
    return replace(after, residential_housing_type=housing_for(row.accommodation_type, row.residential_housing_type))


def archived(
    hierarchy: Hierarchy, row: LocationRow, reason: str, by: str, now: datetime, *, people: int = 0
) -> list[Change]:
    """Close a location for good, itself first; the cells at and below it lose capacity and certification.

    Raises LocationArchived, HoldsPrisoners.
    """
    if hierarchy.standing(row).archived:
        raise LocationArchived(row.key)
    if people:
        raise HoldsPrisoners(row.key, people)
    gone = replace(
        row if not row.is_cell else _emptied(row),
        **{**NO_DETAILS, "deactivated_date": now, "deactivated_by": by},
        active=False,
        archived=True,
        archived_reason=reason,
    )
    cells = [(cell, _emptied(cell)) for cell in hierarchy.cells(row) if cell.id != row.id]
    return [(row, gone), *((before, after) for before, after in cells if before != after)]


def _emptied(cell: LocationRow) -> LocationRow:
    return replace(
        cell,
        max_capacity=None if cell.max_capacity is None else 0,
        working_capacity=None if cell.working_capacity is None else 0,
        certified=None if cell.certified is None else False,
    )
