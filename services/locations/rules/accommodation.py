"""What a cell is for, and what follows from it for its unit type and its uses (`locations-api.md` §1.4, §3.7)."""

from collections.abc import Iterable
from types import MappingProxyType

from msgspec.structs import replace

from libs.domain.codes import (
    ACCOMMODATION_OF_HOUSING,
    AccommodationType,
    ResidentialHousingType,
    SpecialistCellType,
    UsedForType,
)
from services.locations.errors import CapacityNotAllowed
from services.locations.records import LocationRow

HOUSING_OF_ACCOMMODATION = MappingProxyType(
    {
        AccommodationType.NORMAL_ACCOMMODATION: ResidentialHousingType.NORMAL_ACCOMMODATION,
        AccommodationType.HEALTHCARE_INPATIENTS: ResidentialHousingType.HEALTHCARE,
        AccommodationType.CARE_AND_SEPARATION: ResidentialHousingType.SEGREGATION,
        AccommodationType.OTHER_NON_RESIDENTIAL: ResidentialHousingType.OTHER_USE,
    }
)


def housing_for(
    accommodation: AccommodationType, present: ResidentialHousingType | None = None
) -> ResidentialHousingType:
    """Return NOMIS's unit type for a cell; the present one is kept while it means the same."""
    if present is not None and ACCOMMODATION_OF_HOUSING[present] is accommodation:
        return present
    return HOUSING_OF_ACCOMMODATION[accommodation]


def uses_in_order(uses: Iterable[UsedForType]) -> tuple[UsedForType, ...]:
    """Return uses as they are kept."""
    return tuple(sorted(set(uses), key=lambda use: use.sequence))


def specialist_in_order(types: Iterable[SpecialistCellType]) -> tuple[SpecialistCellType, ...]:
    """Return specialist types as they are kept."""
    return tuple(sorted(set(types), key=lambda each: each.sequence))


def uses_with(accommodation: AccommodationType, uses: Iterable[UsedForType]) -> tuple[UsedForType, ...]:
    """Return uses as the accommodation type demands: standard accommodation with a normal cell, and with no other."""
    kept = set(uses) - {UsedForType.STANDARD_ACCOMMODATION}
    if accommodation is AccommodationType.NORMAL_ACCOMMODATION:
        kept.add(UsedForType.STANDARD_ACCOMMODATION)
    return uses_in_order(kept)


def accommodated(cell: LocationRow, accommodation: AccommodationType) -> LocationRow:
    """Return a cell that is for this; its unit type and uses follow."""
    return replace(
        cell,
        accommodation_type=accommodation,
        residential_housing_type=housing_for(accommodation, cell.residential_housing_type),
        used_for=uses_with(accommodation, cell.used_for),
    )


def specialised(cell: LocationRow, types: Iterable[SpecialistCellType]) -> LocationRow:
    """Return a cell with these specialist types in place of those it has. Raises CapacityNotAllowed."""
    ordered = specialist_in_order(types)
    ordinary = cell.accommodation_type is AccommodationType.NORMAL_ACCOMMODATION
    if not ordered and ordinary and not cell.working_capacity:
        raise CapacityNotAllowed(
            "WORKING_ZERO", "specialistCellTypes: needed by an ordinary cell whose working capacity is zero"
        )
    return replace(cell, specialist_cell_types=ordered)
