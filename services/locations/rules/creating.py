"""Locations that staff make: one at a time, or a wing with all that stands in it (`locations-api.md` §3.7)."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from msgspec.structs import replace

from libs.domain.codes import AccommodationType, LocationType, SpecialistCellType, UsedForType
from libs.domain.sync import Usage
from services.locations.errors import FieldNotAllowed
from services.locations.records import LocationRow
from services.locations.rules import capacity
from services.locations.rules.accommodation import housing_for, specialist_in_order, uses_in_order, uses_with
from services.locations.rules.status import Standing

WING_LOCATIONS_MAX = 2000
"""How many locations one call may make: the largest real wing has some hundreds."""


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
    specialist_cell_types: frozenset[SpecialistCellType] = frozenset()
    usages: tuple[Usage, ...] = ()


@dataclass(frozen=True, slots=True)
class NewWing:
    """A wing with its landings, spurs and cells, all alike."""

    prison_id: str
    code: str
    local_name: str | None
    landings: int
    spurs: int
    cells: int
    capacity: int

    @property
    def locations(self) -> int:
        """How many locations it is."""
        landings, sections = self.landings, (self.landings or 1) * (self.spurs or 1)
        return 1 + landings + (sections if self.spurs else 0) + sections * self.cells


@dataclass(frozen=True, slots=True)
class Maker:
    """Who makes new locations, when, and where their ids come from."""

    by: str
    at: datetime
    new_id: Callable[[], UUID]


def new_location(wish: NewLocation, above: list[LocationRow], maker: Maker) -> LocationRow:
    """Return the row of a new location below its parent, `above[0]`. Raises CapacityNotAllowed."""
    parent = above[0] if above else None
    row = _row(wish.prison_id, wish.code, wish.location_type, parent, maker)
    row = replace(row, local_name=(wish.local_name or "").strip() or None)
    accommodation = wish.accommodation_type
    if accommodation is None:
        return replace(row, usages=tuple({usage.usage_type: usage for usage in wish.usages}.values()))
    row = replace(row, residential_housing_type=housing_for(accommodation))
    if not row.is_cell:
        return row
    row = replace(
        row,
        accommodation_type=accommodation,
        certified=wish.certified,
        capacity_of_certified_cell=0,
        used_for=_uses(accommodation, wish.used_for),
        specialist_cell_types=specialist_in_order(wish.specialist_cell_types),
    )
    if wish.max_capacity is None:
        return row
    capacity.check(Standing(row, above), wish.max_capacity, wish.working_capacity or 0)
    return replace(row, max_capacity=wish.max_capacity, working_capacity=wish.working_capacity or 0)


def _uses(accommodation: AccommodationType, wanted: frozenset[UsedForType]) -> tuple[UsedForType, ...]:
    return uses_in_order({*wanted, *uses_with(accommodation, ())})


def new_wing(wish: NewWing, maker: Maker) -> list[LocationRow]:
    """Return the rows of a wing, each parent before its children. Raises FieldNotAllowed."""
    if wish.locations > WING_LOCATIONS_MAX:
        raise FieldNotAllowed("numberOfCellsPerSection", f"a wing has at most {WING_LOCATIONS_MAX} locations")
    wing = _structure(wish.prison_id, wish.code, LocationType.WING, None, maker)
    wing = replace(wing, local_name=(wish.local_name or "").strip() or None)
    return [wing, *_inside(wish, wing, maker)]


def _inside(wish: NewWing, wing: LocationRow, maker: Maker) -> Iterator[LocationRow]:
    landings = [_numbered(n, LocationType.LANDING, wing, maker) for n in range(1, wish.landings + 1)]
    yield from landings
    sections = landings or [wing]
    if wish.spurs:
        sections = [
            _numbered(n, LocationType.SPUR, above, maker) for above in sections for n in range(1, wish.spurs + 1)
        ]
        yield from sections
    for section in sections:
        yield from (_cell(n, section, wish.capacity, maker) for n in range(1, wish.cells + 1))


def _numbered(number: int, kind: LocationType, parent: LocationRow, maker: Maker) -> LocationRow:
    row = _structure(parent.prison_id, str(number), kind, parent, maker)
    return replace(row, local_name=f"{kind.description} {number}")


def _structure(prison_id: str, code: str, kind: LocationType, parent: LocationRow | None, maker: Maker) -> LocationRow:
    housing = housing_for(AccommodationType.NORMAL_ACCOMMODATION)
    return replace(_row(prison_id, code, kind, parent, maker), residential_housing_type=housing)


def _cell(number: int, parent: LocationRow, held: int, maker: Maker) -> LocationRow:
    normal = AccommodationType.NORMAL_ACCOMMODATION
    return replace(
        _structure(parent.prison_id, f"{number:03}", LocationType.CELL, parent, maker),
        accommodation_type=normal,
        max_capacity=held,
        working_capacity=held,
        certified=True,
        capacity_of_certified_cell=held,
        used_for=uses_with(normal, ()),
    )


def _row(prison_id: str, code: str, kind: LocationType, parent: LocationRow | None, maker: Maker) -> LocationRow:
    return LocationRow(
        id=maker.new_id(),
        prison_id=prison_id,
        path_hierarchy=f"{parent.path_hierarchy}-{code}" if parent else code,
        code=code,
        location_type=kind,
        parent_id=parent.id if parent else None,
        when_created=maker.at,
        when_updated=maker.at,
        updated_by=maker.by,
    )
