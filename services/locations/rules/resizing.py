"""Many capacities at once, by key: what each change is told as, and why one is not made (`locations-api.md` §3.4)."""

from dataclasses import dataclass
from typing import Any

from msgspec.structs import replace

from services.locations.errors import CapacityNotAllowed
from services.locations.records import LocationRow
from services.locations.rules import capacity
from services.locations.rules.status import Standing

Told = list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Resize:
    """What a cell is to hold, and for how many it is certified (None keeps)."""

    max_capacity: int
    working_capacity: int
    certified_for: int | None = None


def unchanged(key: str, why: str) -> Told:
    """Tell that a key stays as it is."""
    return [{"key": key, "message": why}]


def resized(standing: Standing, wish: Resize, occupants: int | None) -> tuple[LocationRow, Told]:
    """Return a cell with its new numbers and what is told of each; the same row if it stays as it is.

    `occupants` is None where the people in it could not be counted.
    """
    row = standing.row
    if standing.archived:
        return row, unchanged(row.key, "Not updated: the location is permanently deactivated")
    if not row.is_cell or row.converted_cell_type is not None:
        return row, unchanged(row.key, "Not updated: the location is not a cell")
    after = replace(row, max_capacity=wish.max_capacity, working_capacity=wish.working_capacity)
    if wish.certified_for is not None:
        after = replace(after, capacity_of_certified_cell=wish.certified_for, certified=row.certified or False)
    told = _told(row, after)
    if not told:
        return row, unchanged(row.key, "Not updated: nothing to change")
    try:
        _check(standing, wish, occupants)
    except CapacityNotAllowed as refused:
        return row, unchanged(row.key, f"Update failed: {refused}")
    return after, told


def _check(standing: Standing, wish: Resize, occupants: int | None) -> None:
    if occupants is None:
        raise CapacityNotAllowed("BELOW_OCCUPANCY", "the people in the cell could not be counted")
    if min(wish.max_capacity, wish.working_capacity, wish.certified_for or 0) < 0:
        raise CapacityNotAllowed("NEGATIVE", "maxCapacity, workingCapacity, capacityOfCertifiedCell: at least 0")
    if (wish.certified_for or 0) > capacity.LIMIT:
        raise CapacityNotAllowed("CERTIFIED_LIMIT", f"capacityOfCertifiedCell: at most {capacity.LIMIT}")
    capacity.check(standing, wish.max_capacity, wish.working_capacity, occupants=occupants)


def _told(before: LocationRow, after: LocationRow) -> Told:
    numbers = (
        ("maxCapacity", "Max capacity", before.max_capacity, after.max_capacity),
        ("workingCapacity", "Working capacity", before.working_capacity, after.working_capacity),
        ("CNA", "Baseline CNA", before.capacity_of_certified_cell, after.capacity_of_certified_cell),
    )
    return [
        {
            "key": before.key,
            "message": f"{called} from {old or 0} ==> {new}",
            "type": kind,
            "previousValue": old or 0,
            "newValue": new,
        }
        for kind, called, old, new in numbers
        if old != new
    ]
