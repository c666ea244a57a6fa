"""A location's row as it stands in the table: own state, nothing derived. Times are London's, without zone."""

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from operator import attrgetter
from typing import Any
from uuid import UUID

import msgspec

from libs.domain.attributes import Attribute
from libs.domain.codes import (
    AccommodationType,
    ConvertedCellType,
    DeactivatedReason,
    HistoryAttribute,
    LocationType,
    ResidentialHousingType,
    SpecialistCellType,
    UsedForType,
)
from libs.domain.sync import Conflict, OwnLocation, Side, Usage


class LocationRow(msgspec.Struct, frozen=True, gc=False):
    """One row of `location`. A struct, because a bulk door makes and replaces some thousand of them a second."""

    id: UUID
    prison_id: str
    path_hierarchy: str
    code: str
    location_type: LocationType
    parent_id: UUID | None
    when_created: datetime
    when_updated: datetime
    updated_by: str
    local_name: str | None = None
    comments: str | None = None
    order_within_parent_location: int | None = None
    residential_housing_type: ResidentialHousingType | None = None
    accommodation_type: AccommodationType | None = None
    max_capacity: int | None = None
    working_capacity: int | None = None
    certified: bool | None = None
    capacity_of_certified_cell: int | None = None
    attributes: tuple[Attribute, ...] = ()
    used_for: tuple[UsedForType, ...] = ()
    specialist_cell_types: tuple[SpecialistCellType, ...] = ()
    usages: tuple[Usage, ...] = ()
    active: bool = True
    archived: bool = False
    archived_reason: str | None = None
    deactivated_date: datetime | None = None
    deactivated_reason: DeactivatedReason | None = None
    deactivation_reason_description: str | None = None
    deactivated_by: str | None = None
    proposed_reactivation_date: date | None = None
    planet_fm_reference: str | None = None
    converted_cell_type: ConvertedCellType | None = None
    other_converted_cell_type: str | None = None
    version: int = 1

    @property
    def key(self) -> str:
        """Prison and path: how people name a location."""
        return f"{self.prison_id}-{self.path_hierarchy}"

    @property
    def is_cell(self) -> bool:
        """Whether people may live here; a converted cell stays one in storage."""
        return self.residential_housing_type is not None and self.location_type is LocationType.CELL

    @property
    def shown_type(self) -> LocationType:
        """What both views call it: a converted cell is a room."""
        return LocationType.ROOM if self.converted_cell_type is not None else self.location_type

    def own(self) -> OwnLocation:
        """Return it as the sync doors show it."""
        return OwnLocation(
            key=self.key,
            last_modified_by=self.updated_by,
            last_modified_date=self.when_updated,
            **{name: getattr(self, name) for name in OwnLocation.model_fields if hasattr(self, name) and name != "key"},
        )

    def columns(self) -> tuple[Any, ...]:
        """Return the values in the order of `COLUMNS`, as the driver takes them."""
        if not self.usages:
            return _values(self)
        return tuple(_stored(name, value) for name, value in zip(COLUMNS, _values(self), strict=True))

    def fields(self) -> dict[str, Any]:
        """Return the values by the names of the columns, as a statement would bring them."""
        return dict(zip(COLUMNS, self.columns(), strict=True))


Change = tuple[LocationRow, LocationRow]
"""A location before and after."""

COLUMNS = LocationRow.__struct_fields__
_values = attrgetter(*COLUMNS)

_SETS = {"attributes": Attribute, "used_for": UsedForType, "specialist_cell_types": SpecialistCellType}.items()
_CODES = {
    "location_type": LocationType,
    "residential_housing_type": ResidentialHousingType,
    "accommodation_type": AccommodationType,
    "deactivated_reason": DeactivatedReason,
    "converted_cell_type": ConvertedCellType,
}.items()
# Where each stands in a row, and the members by their text: a bulk door reads some thousand rows a second.
_CODES_AT = tuple((COLUMNS.index(name), {each.value: each for each in codes}) for name, codes in _CODES)
_SETS_AT = tuple((COLUMNS.index(name), {each.value: each for each in codes}) for name, codes in _SETS)
_USAGES_AT = COLUMNS.index("usages")


def row_from(record: Iterable[Any]) -> LocationRow:
    """Read a database row that has exactly `COLUMNS`, in their order."""
    values = [*record]
    for place, codes in _CODES_AT:
        if values[place] is not None:
            values[place] = codes[values[place]]
    for place, codes in _SETS_AT:
        values[place] = tuple([codes[value] for value in values[place]])
    values[_USAGES_AT] = tuple([Usage.model_validate(usage) for usage in values[_USAGES_AT]])
    return LocationRow(*values)


def differing(before: LocationRow, after: LocationRow) -> frozenset[str]:
    """Return the columns that differ."""
    told = zip(COLUMNS, _values(before), _values(after), strict=True)
    return frozenset([name for name, old, new in told if old is not new and old != new])


def ever_differing(changes: Sequence[Change]) -> list[str]:
    """Return the columns that differ in any of these changes, in the order of `COLUMNS`."""
    olds, news = (zip(*map(_values, side), strict=True) for side in zip(*changes, strict=True))
    return [name for name, old, new in zip(COLUMNS, olds, news, strict=True) if old != new]


def _stored(name: str, value: Any) -> Any:
    """Return what the driver cannot take as it is, as JSON. Codes are text, and a tuple of codes is an array."""
    if name == "usages":
        return [usage.model_dump(mode="json", by_alias=True, exclude_none=True) for usage in value]
    return value


class HistoryRow(msgspec.Struct, frozen=True, gc=False):
    """One change of one attribute, as people read it; blank is stored as null."""

    location_id: UUID
    attribute: HistoryAttribute
    old_value: str | None
    new_value: str | None
    amended_by: str
    amended_date: datetime


class RecordedConflict(Conflict):
    """A conflict as it is kept: where, what both sides and the base had, what won, who and when; what people did."""

    id: int
    location_id: UUID
    key: str
    detected_at: datetime
    detected_by: str
    acknowledged_at: datetime | None = None
    acknowledged_by: str | None = None
    chosen: Side | None = None

    @property
    def prison_id(self) -> str:
        """The prison is what stands before the first hyphen of a key."""
        return self.key.partition("-")[0]


class ConflictFilter(msgspec.Struct, frozen=True):
    """Which conflicts; None leaves out a condition."""

    location_id: UUID | None = None
    field: str | None = None
    won: str | None = None
    acknowledged: bool | None = None
    prisons: frozenset[str] | None = None
