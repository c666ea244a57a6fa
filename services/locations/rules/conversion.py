"""Cells that become rooms, and rooms that become cells again (`reference/locations-api.md` §3.6)."""

from collections.abc import Collection
from dataclasses import dataclass

from msgspec.structs import replace

from libs.domain.codes import (
    CONVERTIBLE_TYPES,
    AccommodationType,
    ConvertedCellType,
    LocationType,
    ResidentialHousingType,
    SpecialistCellType,
    UsedForType,
)
from services.locations.errors import LocationNotFound
from services.locations.records import LocationRow
from services.locations.rules import capacity
from services.locations.rules.accommodation import accommodated, specialist_in_order, uses_in_order
from services.locations.rules.status import Standing
from services.locations.rules.synced import converted


@dataclass(frozen=True, slots=True)
class Room:
    """What a cell becomes; the text counts with OTHER alone."""

    kind: ConvertedCellType
    other: str | None = None

    @property
    def text(self) -> str | None:
        """What else it is, where the kind does not say."""
        return (self.other or "").strip() or None if self.kind is ConvertedCellType.OTHER else None


@dataclass(frozen=True, slots=True)
class Cell:
    """What a room becomes. `uses` are added, `specialist` replaces what is there if given."""

    accommodation: AccommodationType
    max_capacity: int
    working_capacity: int
    specialist: Collection[SpecialistCellType] | None = None
    uses: Collection[UsedForType] = ()


def to_room(row: LocationRow, room: Room) -> LocationRow:
    """Return a cell, or a residential place that may stand for one, as a room. Raises LocationNotFound."""
    residential = row.residential_housing_type is not None
    if not row.is_cell and not (residential and row.location_type in CONVERTIBLE_TYPES):
        raise LocationNotFound(f"{row.key} (a cell, or a residential room)")
    if not row.is_cell:
        row = replace(row, location_type=LocationType.CELL, residential_housing_type=ResidentialHousingType.OTHER_USE)
    return replace(converted(row, room.kind), other_converted_cell_type=room.text)


def to_other_room(row: LocationRow, room: Room) -> LocationRow:
    """Return a room that was a cell as another kind of room. Raises LocationNotFound."""
    _demand_converted(row)
    return replace(row, converted_cell_type=room.kind, other_converted_cell_type=room.text)


def to_cell(standing: Standing, cell: Cell) -> LocationRow:
    """Return a room that was a cell as a certified cell. Raises LocationNotFound, CapacityNotAllowed."""
    row = standing.row
    _demand_converted(row)
    fresh = accommodated(
        replace(row, converted_cell_type=None, other_converted_cell_type=None, certified=True), cell.accommodation
    )
    if cell.specialist is not None:
        fresh = replace(fresh, specialist_cell_types=specialist_in_order(cell.specialist))
    fresh = replace(
        fresh,
        used_for=uses_in_order((*fresh.used_for, *cell.uses)),
        capacity_of_certified_cell=row.capacity_of_certified_cell or 0,
    )
    capacity.check(Standing(fresh, standing.above), cell.max_capacity, cell.working_capacity)
    return replace(fresh, max_capacity=cell.max_capacity, working_capacity=cell.working_capacity)


def _demand_converted(row: LocationRow) -> None:
    if not row.is_cell or row.converted_cell_type is None:
        raise LocationNotFound(f"{row.key} (a cell that was made a room)")
