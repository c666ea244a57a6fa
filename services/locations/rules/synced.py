"""What a write of the sync doors does to one row: fields checked, kinds flipped, holding cells converted.

Only values that DPS can hold get in; a wrong one names its field and the rule it breaks.
"""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from types import MappingProxyType
from typing import Annotated, Any
from uuid import UUID

import msgspec
from msgspec import UNSET, UnsetType
from msgspec.structs import replace

from libs.domain.attributes import SPECIALIST_OF, Attribute
from libs.domain.codes import (
    ACCOMMODATION_OF_HOUSING,
    AccommodationType,
    ConvertedCellType,
    DeactivatedReason,
    LocationType,
    ResidentialHousingType,
    UsageType,
    UsedForType,
)
from libs.domain.shared import is_holding_cell
from libs.domain.sync import Usage
from services.locations.errors import FieldNotAllowed
from services.locations.records import LocationRow

Number = Annotated[int, msgspec.Meta(ge=-(2**31), lt=2**31)]
SEQUENCE_DEFAULT = 99


class Birth(msgspec.Struct, frozen=True, gc=False):
    """What a new location has beside its fields; `above` is its parent's path, empty without one."""

    id: UUID
    prison_id: str
    above: str
    created: datetime
    updated: datetime
    by: str


class SentUsage(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A usage as it travels: [type, capacity, sequence]."""

    usage_type: UsageType
    capacity: Number | None
    sequence: Number | None


class SharedFields(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True, kw_only=True, gc=False):
    """The fields of a sync write; only those that were sent count."""

    code: Annotated[str, msgspec.Meta(min_length=1, max_length=12)] | UnsetType = UNSET
    parent_id: UUID | UnsetType | None = UNSET
    location_type: LocationType | UnsetType = UNSET
    residential_housing_type: ResidentialHousingType | UnsetType | None = UNSET
    local_name: Annotated[str, msgspec.Meta(max_length=80)] | UnsetType | None = UNSET
    comments: Annotated[str, msgspec.Meta(max_length=255)] | UnsetType | None = UNSET
    order_within_parent_location: Number | UnsetType | None = UNSET
    max_capacity: Number | UnsetType | None = UNSET
    working_capacity: Number | UnsetType | None = UNSET
    certified: bool | UnsetType | None = UNSET
    capacity_of_certified_cell: Number | UnsetType | None = UNSET
    attributes: frozenset[Attribute] | UnsetType = UNSET
    usages: tuple[SentUsage, ...] | UnsetType = UNSET
    active: bool | UnsetType = UNSET
    # A day or a time: the projection knows days, callers may know more.
    deactivated_date: str | UnsetType | None = UNSET
    deactivated_reason: DeactivatedReason | UnsetType | None = UNSET
    proposed_reactivation_date: date | UnsetType | None = UNSET

    def sent(self) -> dict[str, Any]:
        """Return what was sent, as a row holds it. Raises FieldNotAllowed."""
        values = {name: value for name in _SHARED if (value := getattr(self, name)) is not UNSET}
        if "attributes" in values:
            values["attributes"] = tuple(sorted(values["attributes"]))
        if values.get("usages"):
            values["usages"] = _usages(values["usages"])
        if values.get("deactivated_date"):
            values["deactivated_date"] = _moment(values["deactivated_date"])
        for name in ("local_name", "comments"):
            if name in values and not (values[name] or "").strip():
                values[name] = None
        return values


_SHARED = SharedFields.__struct_fields__


def _usages(sent: Sequence[SentUsage]) -> tuple[Usage, ...]:
    """Order them as people read them; each type once."""
    ordered = sorted(sent, key=lambda usage: usage.usage_type.sequence)
    if len({usage.usage_type for usage in ordered}) != len(ordered):
        raise FieldNotAllowed("usages", "each usage type once")
    return tuple(
        Usage(
            usage_type=usage.usage_type,
            capacity=usage.capacity,
            sequence=SEQUENCE_DEFAULT if usage.sequence is None else usage.sequence,
        )
        for usage in ordered
    )


def _moment(told: str) -> datetime:
    try:
        return datetime.fromisoformat(told)
    except ValueError as wrong:
        raise FieldNotAllowed("deactivatedDate", "a date, or a date and time, in ISO 8601") from wrong


def born(read: SharedFields, birth: Birth) -> tuple[LocationRow, LocationRow]:
    """Return a location as it came and as it starts; the two differ where a holding cell became a room.

    A cell's attributes bring specialist types. Raises FieldNotAllowed.
    """
    sent = read.sent()
    if "code" not in sent or "location_type" not in sent:
        raise FieldNotAllowed("code, locationType", "required to create a location")
    nothing = LocationRow(
        id=birth.id,
        prison_id=birth.prison_id,
        path_hierarchy=f"{birth.above}-{sent['code']}" if birth.above else sent["code"],
        code=sent["code"],
        location_type=sent["location_type"],
        parent_id=sent.get("parent_id"),
        when_created=birth.created,
        when_updated=birth.updated,
        updated_by=birth.by,
    )
    fresh = _consistent(nothing, replace(nothing, **sent))
    if not fresh.is_cell:
        return fresh, fresh
    if special := {SPECIALIST_OF[a] for a in fresh.attributes if a in SPECIALIST_OF}:
        fresh = replace(fresh, specialist_cell_types=tuple(sorted(special, key=lambda s: s.sequence)))
    if is_holding_cell(fresh.location_type, fresh.residential_housing_type):
        return fresh, converted(fresh, ConvertedCellType.HOLDING_ROOM)
    return fresh, fresh


def changed(row: LocationRow, read: SharedFields) -> LocationRow:
    """Return `row` with the given fields and what follows from them; path and parent's rules are the caller's.

    Raises FieldNotAllowed.
    """
    return _consistent(row, replace(row, **read.sent()))


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
    details = NO_DETAILS if after.active else {}
    if after.is_cell:
        return _as_cell(before, replace(after, usages=(), **details))
    usages = after.usages if after.residential_housing_type is None else ()
    return replace(after, usages=usages, **_NOT_A_CELL, **details)


_NOT_A_CELL: Mapping[str, Any] = MappingProxyType(
    {
        "max_capacity": None,
        "working_capacity": None,
        "certified": None,
        "capacity_of_certified_cell": None,
        "attributes": (),
        "used_for": (),
        "specialist_cell_types": (),
        "accommodation_type": None,
    }
)
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
