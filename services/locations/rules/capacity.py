"""What a cell may hold, checked in the contract's order (`reference/locations-api.md` §3.4)."""

from libs.domain.codes import AccommodationType
from services.locations.errors import CapacityNotAllowed
from services.locations.rules.status import Standing

LIMIT = 99


def check(standing: Standing, maximum: int, working: int, *, occupants: int | None = None) -> None:
    """Raise CapacityNotAllowed for the first rule that is broken; `occupants` only where they were asked for."""
    row = standing.row
    if occupants is not None and maximum < occupants:
        raise CapacityNotAllowed("BELOW_OCCUPANCY", f"maxCapacity: {occupants} people are in {row.key}")
    if working > LIMIT:
        raise CapacityNotAllowed("WORKING_LIMIT", f"workingCapacity: at most {LIMIT}")
    if maximum > LIMIT:
        raise CapacityNotAllowed("MAX_LIMIT", f"maxCapacity: at most {LIMIT}")
    if working > maximum:
        raise CapacityNotAllowed("WORKING_ABOVE_MAX", "workingCapacity: at most maxCapacity")
    if maximum == 0 and not standing.archived:
        raise CapacityNotAllowed("MAX_ZERO", "maxCapacity: not zero")
    ordinary = row.accommodation_type is AccommodationType.NORMAL_ACCOMMODATION and not row.specialist_cell_types
    if working == 0 and ordinary and standing.active:
        raise CapacityNotAllowed("WORKING_ZERO", "workingCapacity: zero only where a cell has a specialist type")
