"""What both sides can hold of a location, and how each side is brought to one normal form before any compare.

One table, field × kind, says what is synced, what is only compared and what is NOMIS's own. A projection is a dict from
field to a JSON value in normal form: no text is '' and no number is 0, text is cut to what NOMIS holds, codes are
folded, sets are sorted lists, dates are ISO on the London calendar, deactivation details are gone while active. Own
flags and details only. The same form is compared, stored as base, listed as published and sent over the wire.
"""

from collections.abc import Iterable, Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import TypeVar

from pydantic import JsonValue

from libs.domain.attributes import Attribute
from libs.domain.codes import DeactivatedReason, LocationType, ResidentialHousingType, UsageType
from libs.domain.shapes import NomisUsageShape, OwnShape, ProfileShape, RowShape, UsageShape
from libs.domain.sync import Usage
from libs.domain.translation import (
    DPS_ATTRIBUTE,
    FOLDED_USAGES,
    NOMIS_PROFILE,
    UNSHARED_REASONS,
    dps_housing,
    dps_reason,
    dps_type,
    dps_usage,
)

LOCAL_NAME_MAX = 40  # USER_DESC
COMMENTS_MAX = 240  # COMMENT_TEXT
ORDER_MAX = 999_999  # LIST_SEQ is NUMBER(6)


class Field(StrEnum):
    """A field that both systems know, by its name on our wire."""

    CODE = "code"
    PARENT = "parentId"
    LOCATION_TYPE = "locationType"
    HOUSING_TYPE = "residentialHousingType"
    LOCAL_NAME = "localName"
    COMMENTS = "comments"
    ORDER = "orderWithinParentLocation"
    MAX_CAPACITY = "maxCapacity"
    WORKING_CAPACITY = "workingCapacity"
    CERTIFIED = "certified"
    CERTIFIED_CAPACITY = "capacityOfCertifiedCell"
    ATTRIBUTES = "attributes"
    USAGES = "usages"
    ACTIVE = "active"
    DEACTIVATED_DATE = "deactivatedDate"
    DEACTIVATED_REASON = "deactivatedReason"
    PROPOSED_REACTIVATION_DATE = "proposedReactivationDate"

    # As in `Described`: a projection is a dict of these, and Enum's own hash runs in Python.
    __hash__ = str.__hash__


Projection = Mapping[Field, JsonValue]
AnyProfile = TypeVar("AnyProfile", bound=ProfileShape)
AnyNomisUsage = TypeVar("AnyNomisUsage", bound=NomisUsageShape)

KIND_FIELDS = (Field.LOCATION_TYPE, Field.HOUSING_TYPE)
DETAIL_FIELDS = (Field.DEACTIVATED_DATE, Field.DEACTIVATED_REASON, Field.PROPOSED_REACTIVATION_DATE)


class Kind(StrEnum):
    """What a location is for the table below. CONVERTED includes holding cells."""

    CELL = "cell"
    RESIDENTIAL = "other residential"
    NON_RESIDENTIAL = "non-residential"
    CONVERTED = "converted or holding"
    ARCHIVED = "archived"


class Share(StrEnum):
    """What becomes of a field of a kind."""

    SYNCED = "synced"
    COMPARED = "compared only"
    NOMIS_OWN = "NOMIS's own"


_EVERYWHERE = frozenset(Field) - {
    Field.MAX_CAPACITY,
    Field.WORKING_CAPACITY,
    Field.CERTIFIED,
    Field.CERTIFIED_CAPACITY,
    Field.ATTRIBUTES,
    Field.USAGES,
}

SYNCED = MappingProxyType(
    {
        Kind.CELL: frozenset(Field) - {Field.USAGES},
        Kind.RESIDENTIAL: _EVERYWHERE,
        Kind.NON_RESIDENTIAL: _EVERYWHERE | {Field.USAGES},
        Kind.CONVERTED: _EVERYWHERE,
        Kind.ARCHIVED: _EVERYWHERE,
    },
)
"""Fields the merge moves, by kind."""

_SYNCED_NAMES = MappingProxyType(
    {kind: tuple((field, field.value) for field in Field if field in fields) for kind, fields in SYNCED.items()},
)

COMPARED = MappingProxyType(
    {
        Kind.CELL: frozenset[Field](),
        Kind.RESIDENTIAL: frozenset[Field](),
        Kind.NON_RESIDENTIAL: frozenset[Field](),
        Kind.CONVERTED: frozenset({Field.ATTRIBUTES}),
        Kind.ARCHIVED: frozenset[Field](),
    },
)
"""Fields reported when they differ but never moved, by kind."""

DPS_MASTERED = frozenset({Kind.CONVERTED, Kind.ARCHIVED})
"""Kinds whose sync updates DPS refuses by rule: its state goes back to NOMIS."""


def share(field: Field, kind: Kind) -> Share:
    """Return what the table says of a field of a kind."""
    if field in SYNCED[kind]:
        return Share.SYNCED
    return Share.COMPARED if field in COMPARED[kind] else Share.NOMIS_OWN


def kind_of(
    location_type: JsonValue, housing_type: JsonValue, *, converted: bool = False, archived: bool = False
) -> Kind:
    """Return the kind of a location from its projected type and housing and from what only DPS knows."""
    if archived:
        return Kind.ARCHIVED
    if housing_type is None:
        return Kind.NON_RESIDENTIAL
    if converted or (location_type == LocationType.ROOM and housing_type == ResidentialHousingType.HOLDING_CELL):
        return Kind.CONVERTED
    return Kind.CELL if location_type == LocationType.CELL else Kind.RESIDENTIAL


def kind_in_dps(own: OwnShape) -> Kind:
    """Return the kind of a location as DPS holds it."""
    return kind_of(
        own.location_type,
        own.residential_housing_type,
        converted=own.converted_cell_type is not None,
        archived=own.archived,
    )


def is_holding_cell(location_type: LocationType, housing: ResidentialHousingType | None) -> bool:
    """Whether DPS turns this row from NOMIS into a converted cell, a holding room, as soon as it meets it."""
    return location_type is LocationType.CELL and housing is ResidentialHousingType.HOLDING_CELL


def text(value: str | None, limit: int) -> str:
    """Cut to NOMIS's length; blank is no text."""
    return "" if value is None or not value.strip() else value[:limit]


def order(value: int | None) -> int:
    """Clamp to NUMBER(6)."""
    return max(-ORDER_MAX, min(ORDER_MAX, value or 0))


def project_dps(own: OwnShape) -> dict[Field, JsonValue]:
    """Bring a DPS location to the normal form. A converted cell is a ROOM, as both of DPS's views say."""
    converted = own.converted_cell_type is not None
    projected: dict[Field, JsonValue] = {
        Field.CODE: own.code,
        Field.PARENT: str(own.parent_id) if own.parent_id else None,
        Field.LOCATION_TYPE: LocationType.ROOM.value if converted else own.location_type.value,
        Field.HOUSING_TYPE: own.residential_housing_type.value if own.residential_housing_type else None,
        Field.LOCAL_NAME: text(own.local_name, LOCAL_NAME_MAX),
        Field.COMMENTS: text(own.comments, COMMENTS_MAX),
        Field.ORDER: order(own.order_within_parent_location),
        Field.MAX_CAPACITY: own.max_capacity or 0,
        Field.WORKING_CAPACITY: own.working_capacity or 0,
        Field.CERTIFIED: bool(own.certified),
        Field.CERTIFIED_CAPACITY: own.capacity_of_certified_cell or 0,
        Field.ATTRIBUTES: _attributes(own.attributes),
        Field.USAGES: _usages(own.usages),
    }
    reason = own.deactivated_reason or DeactivatedReason.OTHER
    day = own.deactivated_date.date() if own.deactivated_date else None
    projected |= _details(
        own.active and not own.archived,
        day.isoformat() if day else None,
        DeactivatedReason.OTHER if reason in UNSHARED_REASONS else reason,
        own.proposed_reactivation_date.isoformat() if own.proposed_reactivation_date else None,
    )
    return projected


def project_nomis(row: RowShape, parent_id: str | None) -> dict[Field, JsonValue]:
    """Bring a NOMIS row to the normal form; `parent_id` is the DPS id its parent is mapped to.

    Raises Untranslatable for a type, unit, usage or reason that DPS has no word for. Profiles without a word are left
    out: `unshared_profiles` names them.
    """
    location_type = dps_type(row.location_type)
    housing = dps_housing(row.unit_type)
    if is_holding_cell(location_type, housing):
        location_type = LocationType.ROOM
    projected: dict[Field, JsonValue] = {
        Field.CODE: row.location_code,
        Field.PARENT: parent_id,
        Field.LOCATION_TYPE: location_type.value,
        Field.HOUSING_TYPE: housing.value if housing else None,
        Field.LOCAL_NAME: text(row.user_description, LOCAL_NAME_MAX),
        Field.COMMENTS: text(row.comment, COMMENTS_MAX),
        Field.ORDER: row.list_sequence or 0,
        Field.MAX_CAPACITY: row.capacity or 0,
        Field.WORKING_CAPACITY: row.operational_capacity or 0,
        Field.CERTIFIED: row.certified,
        Field.CERTIFIED_CAPACITY: row.cna_capacity or 0,
        Field.ATTRIBUTES: _attributes(attributes_of(row.profiles)),
        Field.USAGES: _usages(usages_of(row.usages)),
    }
    projected |= _details(
        row.active,
        row.deactivate_date.isoformat() if row.deactivate_date else None,
        DeactivatedReason.OTHER if row.active else dps_reason(row.reason_code),
        row.reactivate_date.isoformat() if row.reactivate_date else None,
    )
    return projected


def attributes_of(profiles: Iterable[ProfileShape]) -> set[Attribute]:
    """Translate the profiles that DPS has a word for; synonyms fold."""
    pairs = ((profile.profile_type, profile.profile_code) for profile in profiles)
    return {DPS_ATTRIBUTE[pair] for pair in pairs if pair in DPS_ATTRIBUTE}


def unshared_profiles(profiles: Iterable[AnyProfile]) -> tuple[AnyProfile, ...]:
    """Return the profiles that stay NOMIS's own."""
    return tuple(p for p in profiles if (p.profile_type, p.profile_code) not in DPS_ATTRIBUTE)


def usage_rows(usages: Iterable[AnyNomisUsage]) -> dict[UsageType, AnyNomisUsage]:
    """Return the row that stands for each usage; where a folded code and its own one are both there, its own one."""
    rows: dict[UsageType, AnyNomisUsage] = {}
    for row in usages:
        usage = dps_usage(row.internal_location_usage_type)
        if usage not in rows or row.internal_location_usage_type not in FOLDED_USAGES:
            rows[usage] = row
    return rows


def usages_of(usages: Iterable[NomisUsageShape]) -> list[Usage]:
    """Translate usages, one of each type."""
    return [
        Usage(usage_type=usage, capacity=row.capacity, sequence=row.sequence or 0)
        for usage, row in usage_rows(usages).items()
    ]


def synced_part(projection: Projection, kind: Kind) -> dict[str, JsonValue]:
    """Return what of a projection an agreement covers: the base of a location that both sides hold like this."""
    return {name: projection[field] for field, name in _SYNCED_NAMES[kind]}


def _attributes(attributes: Iterable[Attribute]) -> list[JsonValue]:
    return [*sorted(attribute.value for attribute in attributes if attribute in NOMIS_PROFILE)]


def _usages(usages: Iterable[UsageShape]) -> list[JsonValue]:
    return [*sorted([u.usage_type.value, u.capacity or 0, u.sequence] for u in usages)]


def _details(
    active: bool,
    date: str | None,
    reason: DeactivatedReason,
    proposed: str | None,
) -> dict[Field, JsonValue]:
    return {
        Field.ACTIVE: active,
        Field.DEACTIVATED_DATE: None if active else date,
        Field.DEACTIVATED_REASON: None if active else reason.value,
        Field.PROPOSED_REACTIVATION_DATE: None if active else proposed,
    }
