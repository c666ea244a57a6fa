"""What a write of the sync doors does to one row: fields checked, kinds flipped, holding cells converted.

Only values that DPS can hold get in; a wrong one names its field and the rule it breaks.
"""

from collections.abc import Mapping
from datetime import date, datetime
from types import MappingProxyType
from typing import Annotated, Any
from uuid import UUID

from msgspec.structs import replace
from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError, model_validator
from pydantic.alias_generators import to_camel

from libs.domain.attributes import SPECIALIST_OF, Attribute
from libs.domain.codes import (
    ACCOMMODATION_OF_HOUSING,
    AccommodationType,
    ConvertedCellType,
    DeactivatedReason,
    LocationType,
    ResidentialHousingType,
    UsedForType,
)
from libs.domain.shared import is_holding_cell
from libs.domain.sync import Usage
from services.locations.errors import FieldNotAllowed
from services.locations.records import LocationRow

Number = Annotated[int, Field(ge=-(2**31), lt=2**31)]
SEQUENCE_DEFAULT = 99


class SharedFields(BaseModel):
    """The fields of a sync write; only those that were sent count."""

    model_config = ConfigDict(frozen=True, extra="forbid", alias_generator=to_camel)

    code: Annotated[str, Field(min_length=1, max_length=12)] = ""
    parent_id: UUID | None = None
    location_type: LocationType = LocationType.CELL
    residential_housing_type: ResidentialHousingType | None = None
    local_name: Annotated[str, Field(max_length=80)] | None = None
    comments: Annotated[str, Field(max_length=255)] | None = None
    order_within_parent_location: Number | None = None
    max_capacity: Number | None = None
    working_capacity: Number | None = None
    certified: bool | None = None
    capacity_of_certified_cell: Number | None = None
    attributes: frozenset[Attribute] = frozenset()
    usages: tuple[Usage, ...] = ()
    active: bool = True
    deactivated_date: datetime | None = None
    deactivated_reason: DeactivatedReason | None = None
    proposed_reactivation_date: date | None = None

    @model_validator(mode="before")
    @classmethod
    def _usages(cls, values: Mapping[str, Any]) -> dict[str, Any]:
        """Usages travel as [type, capacity, sequence]; each type once."""
        read = dict(values)
        if isinstance(rows := read.get("usages"), list):
            read["usages"] = [_usage(row) for row in rows]
        return read


def _usage(row: JsonValue) -> dict[str, JsonValue]:
    if not isinstance(row, list) or len(row) != len(("type", "capacity", "sequence")):
        raise ValueError("each usage is [type, capacity, sequence]")
    return {"usageType": row[0], "capacity": row[1], "sequence": row[2] if row[2] is not None else SEQUENCE_DEFAULT}


def parsed(fields: Mapping[str, JsonValue]) -> SharedFields:
    """Check the fields of a write. Raises FieldNotAllowed for the first that does not fit."""
    try:
        read = SharedFields.model_validate(fields)
        if len({usage.usage_type for usage in read.usages}) != len(read.usages):
            raise FieldNotAllowed("usages", "each usage type once")
    except ValidationError as wrong:
        error = wrong.errors(include_url=False)[0]
        raise FieldNotAllowed(".".join(map(str, error["loc"])) or "usages", error["msg"]) from wrong
    return read


def changed(row: LocationRow, fields: Mapping[str, JsonValue]) -> LocationRow:
    """Return `row` with the given fields and what follows from them; path and parent's rules are the caller's.

    Raises FieldNotAllowed.
    """
    read = parsed(fields)
    values = {name: getattr(read, name) for name in read.model_fields_set}
    if "attributes" in values:
        values["attributes"] = tuple(sorted(values["attributes"]))
    if "usages" in values:
        values["usages"] = tuple(sorted(values["usages"], key=lambda usage: usage.usage_type.sequence))
    for name in ("local_name", "comments"):
        if name in values and not (values[name] or "").strip():
            values[name] = None
    return _consistent(row, replace(row, **values))


def created(row: LocationRow, fields: Mapping[str, JsonValue]) -> LocationRow:
    """Return a location as it starts: a cell's attributes bring specialist types, a holding cell is converted."""
    return begun(row, fields)[1]


def begun(row: LocationRow, fields: Mapping[str, JsonValue]) -> tuple[LocationRow, LocationRow]:
    """Return a location as it came and as it starts; the two differ where a holding cell became a room."""
    fresh = changed(row, fields)
    if not fresh.is_cell:
        return fresh, fresh
    specialist = {SPECIALIST_OF[a] for a in fresh.attributes if a in SPECIALIST_OF}
    fresh = replace(fresh, specialist_cell_types=tuple(sorted(specialist, key=lambda s: s.sequence)))
    if is_holding_cell(fresh.location_type, fresh.residential_housing_type):
        return fresh, converted(fresh, ConvertedCellType.HOLDING_ROOM)
    return fresh, fresh


def converted(row: LocationRow, into: ConvertedCellType) -> LocationRow:
    """Return a cell that stopped holding people: no capacity, not certified, no use (§3.6)."""
    return replace(
        row,
        converted_cell_type=into,
        accommodation_type=AccommodationType.OTHER_NON_RESIDENTIAL,
        max_capacity=None,
        working_capacity=None,
        certified=False,
        specialist_cell_types=(),
        used_for=(),
    )


def _consistent(before: LocationRow, after: LocationRow) -> LocationRow:
    """Drop what the new kind cannot hold, derive what it must (§5.3)."""
    if after.active:
        after = replace(after, **NO_DETAILS)
    if after.is_cell:
        return _as_cell(before, replace(after, usages=()))
    after = replace(
        after,
        max_capacity=None,
        working_capacity=None,
        certified=None,
        capacity_of_certified_cell=None,
        attributes=(),
        used_for=(),
        specialist_cell_types=(),
        accommodation_type=None,
    )
    return after if after.residential_housing_type is None else replace(after, usages=())


NO_DETAILS: Mapping[str, Any] = MappingProxyType(
    {
        "deactivated_date": None,
        "deactivated_reason": None,
        "deactivation_reason_description": None,
        "deactivated_by": None,
        "proposed_reactivation_date": None,
        "planet_fm_reference": None,
    }
)


def _as_cell(before: LocationRow, after: LocationRow) -> LocationRow:
    """Derive the accommodation type from the housing type whenever that, or the kind, changed."""
    housing = after.residential_housing_type
    assert housing is not None
    if before.is_cell and before.residential_housing_type is housing and before.accommodation_type is not None:
        return after
    accommodation = ACCOMMODATION_OF_HOUSING[housing]
    used = set(after.used_for) - {UsedForType.STANDARD_ACCOMMODATION}
    if accommodation is AccommodationType.NORMAL_ACCOMMODATION:
        used.add(UsedForType.STANDARD_ACCOMMODATION)
    return replace(after, accommodation_type=accommodation, used_for=tuple(sorted(used, key=lambda use: use.sequence)))
