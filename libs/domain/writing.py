"""From a decision to the calls that carry it out: what to send so that only the wanted fields change.

NOMIS's PUT replaces a whole row, so an update starts from the row as it is, raw codes and all, and lays the wanted
fields over it: what folds to the wanted value is left as it is, and what DPS cannot express is kept.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from pydantic import JsonValue

from libs.domain.attributes import Attribute
from libs.domain.codes import DeactivatedReason, LocationType, ResidentialHousingType, UsageType
from libs.domain.nomis import (
    CapacityWrite,
    CertificationWrite,
    CreateNomisLocation,
    DeactivateWrite,
    NomisLocation,
    NomisLocationId,
    NomisUsage,
    Profile,
    UpdateNomisLocation,
)
from libs.domain.shapes import RowShape
from libs.domain.shared import DETAIL_FIELDS, SYNCED, Field, Kind, Projection, attributes_of, project_dps, usage_rows
from libs.domain.sync import OwnLocation
from libs.domain.translation import (
    DPS_ATTRIBUTE,
    NOMIS_PROFILE,
    NOMIS_TYPE,
    NOMIS_UNIT,
    NOMIS_USAGE,
    UNSHARED_ATTRIBUTES,
    dps_housing,
    dps_reason,
    dps_type,
    nomis_reason,
)

_ALL_FIELDS = tuple(field.value for field in Field)
_ROW_FIELDS = frozenset(
    {
        Field.CODE,
        Field.PARENT,
        Field.LOCATION_TYPE,
        Field.HOUSING_TYPE,
        Field.LOCAL_NAME,
        Field.COMMENTS,
        Field.ORDER,
        Field.ATTRIBUTES,
        Field.USAGES,
    },
)
_CAPACITY_FIELDS = frozenset({Field.MAX_CAPACITY, Field.WORKING_CAPACITY})
_CERTIFICATION_FIELDS = frozenset({Field.CERTIFIED, Field.CERTIFIED_CAPACITY})
_STATE_FIELDS = frozenset({Field.ACTIVE, *DETAIL_FIELDS})


@dataclass(frozen=True, slots=True)
class NomisWrites:
    """The calls of one walk, in the order they are made; each absent one is not needed."""

    update: UpdateNomisLocation | None = None
    capacity: CapacityWrite | None = None
    certification: CertificationWrite | None = None
    deactivate: DeactivateWrite | None = None
    reactivate: bool = False


def nomis_writes(
    row: NomisLocation,
    wanted: Projection,
    *,
    parent: NomisLocationId | None,
    description: str,
) -> NomisWrites:
    """Return the calls that bring `row` to `wanted`, a projection of just the fields to change.

    `parent` is the NOMIS id of the wanted parent, `description` the wanted one (the row's own unless DPS changed code
    or parent): both are used only where the row is written at all.
    """
    touched = set(wanted)
    rewrite = bool(touched & _ROW_FIELDS) or description != row.description
    active = bool(wanted.get(Field.ACTIVE, row.active))
    return NomisWrites(
        update=_update(row, wanted, parent, description) if rewrite else None,
        capacity=_capacity(row, wanted) if touched & _CAPACITY_FIELDS else None,
        certification=_certification(row, wanted) if touched & _CERTIFICATION_FIELDS else None,
        deactivate=_deactivate(row, wanted) if touched & _STATE_FIELDS and not active else None,
        reactivate=active and not row.active,
    )


def nomis_create(
    own: OwnLocation, kind: Kind, *, parent: NomisLocationId | None, description: str
) -> CreateNomisLocation:
    """Return the row to create for a DPS location; one that is inactive is deactivated afterwards."""
    projected = {field: value for field, value in project_dps(own).items() if field in SYNCED[kind]}
    housing = projected[Field.HOUSING_TYPE]
    return CreateNomisLocation(
        prison_id=own.prison_id,
        location_code=own.code,
        location_type=_raw_type(projected[Field.LOCATION_TYPE]),
        unit_type=_raw_unit(housing),
        description=description,
        parent_location_id=parent,
        user_description=_as_text(projected[Field.LOCAL_NAME]),
        comment=_as_text(projected[Field.COMMENTS]),
        list_sequence=own.order_within_parent_location,
        profiles=_profiles((), projected.get(Field.ATTRIBUTES, [])),
        usages=_usages((), projected.get(Field.USAGES, [])),
        certified=bool(projected.get(Field.CERTIFIED, False)),
        cna_capacity=own.capacity_of_certified_cell if Field.CERTIFIED_CAPACITY in projected else None,
        capacity=own.max_capacity if Field.MAX_CAPACITY in projected else None,
        operational_capacity=own.working_capacity if Field.WORKING_CAPACITY in projected else None,
    )


def nomis_soft_delete() -> NomisWrites:
    """Return what removes a location from use where NOMIS has no DELETE: inactive, 0/0, uncertified."""
    return NomisWrites(
        capacity=CapacityWrite(capacity=0, operational_capacity=0),
        certification=CertificationWrite(cna_capacity=0, certified=False),
        deactivate=DeactivateWrite(force=True),
    )


def is_soft_deleted(row: RowShape) -> bool:
    """Whether a NOMIS row looks as `nomis_soft_delete` leaves it."""
    empty = not row.capacity and not row.operational_capacity and not row.cna_capacity
    return not row.active and not row.certified and empty


def with_other_as_oth(usages: tuple[NomisUsage, ...]) -> tuple[NomisUsage, ...]:
    """Rename OTHER to OTH, for a prison that has only OTH defined."""
    return tuple(
        usage.model_copy(update={"internal_location_usage_type": "OTH"})
        if usage.internal_location_usage_type == NOMIS_USAGE[UsageType.OTHER]
        else usage
        for usage in usages
    )


def dps_fields(wanted: Projection, own: OwnLocation) -> dict[str, JsonValue]:
    """Return `SyncWrite.fields` for the fields to change in DPS, keeping what NOMIS cannot express."""
    fields: dict[str, JsonValue] = {field.value: value for field, value in wanted.items()}
    if isinstance(attributes := wanted.get(Field.ATTRIBUTES), list):
        kept: list[JsonValue] = [a.value for a in own.attributes if a in UNSHARED_ATTRIBUTES]
        fields[Field.ATTRIBUTES.value] = [*attributes, *kept]
    return fields


def dps_create_fields(row: RowShape, parent_id: str | None) -> dict[str, JsonValue]:
    """Return `SyncWrite.fields` of a location that DPS has not seen: as NOMIS has it, absent numbers left absent.

    The stored type of a holding cell stays CELL: DPS converts it as it arrives.
    """
    housing = dps_housing(row.unit_type)
    has_capacity = row.capacity is not None or row.operational_capacity is not None
    usages: list[JsonValue] = []
    if row.usages:
        usages = [[u.value, r.capacity, r.sequence or 0] for u, r in sorted(usage_rows(row.usages).items())]
    values: tuple[JsonValue, ...] = (
        row.location_code,
        parent_id,
        dps_type(row.location_type).value,
        housing.value if housing else None,
        row.user_description,
        row.comment,
        row.list_sequence,
        (row.capacity or 0) if has_capacity else None,
        (row.operational_capacity or 0) if has_capacity else None,
        row.certified,
        row.cna_capacity or 0,
        [*sorted(a.value for a in attributes_of(row.profiles))] if row.profiles else [],
        usages,
        row.active,
        _iso(row.deactivate_date) if not row.active else None,
        None if row.active else dps_reason(row.reason_code).value,
        _iso(row.reactivate_date) if not row.active else None,
    )
    return dict(zip(_ALL_FIELDS, values, strict=True))


def _update(
    row: NomisLocation,
    wanted: Projection,
    parent: NomisLocationId | None,
    description: str,
) -> UpdateNomisLocation:
    profiles, usages = row.profiles, row.usages
    if Field.ATTRIBUTES in wanted:
        profiles = _profiles(row.profiles, wanted[Field.ATTRIBUTES])
    if Field.USAGES in wanted:
        usages = _usages(row.usages, wanted[Field.USAGES])
    return UpdateNomisLocation(
        location_type=_raw_type(wanted[Field.LOCATION_TYPE]) if Field.LOCATION_TYPE in wanted else row.location_type,
        location_code=str(wanted.get(Field.CODE, row.location_code)),
        description=description,
        parent_location_id=parent if Field.PARENT in wanted else row.parent_location_id,
        user_description=_over_text(wanted, Field.LOCAL_NAME, row.user_description),
        unit_type=_raw_unit(wanted[Field.HOUSING_TYPE]) if Field.HOUSING_TYPE in wanted else row.unit_type,
        list_sequence=_over_number(wanted, Field.ORDER, row.list_sequence),
        comment=_over_text(wanted, Field.COMMENTS, row.comment),
        profiles=profiles,
        usages=usages,
    )


def _capacity(row: NomisLocation, wanted: Projection) -> CapacityWrite:
    return CapacityWrite(
        capacity=_over_number(wanted, Field.MAX_CAPACITY, row.capacity),
        operational_capacity=_over_number(wanted, Field.WORKING_CAPACITY, row.operational_capacity),
    )


def _certification(row: NomisLocation, wanted: Projection) -> CertificationWrite:
    return CertificationWrite(
        cna_capacity=_over_number(wanted, Field.CERTIFIED_CAPACITY, row.cna_capacity) or 0,
        certified=bool(wanted.get(Field.CERTIFIED, row.certified)),
    )


def _deactivate(row: NomisLocation, wanted: Projection) -> DeactivateWrite:
    inactive = None if row.active else row
    date_now = inactive.deactivate_date if inactive else None
    proposed_now = inactive.reactivate_date if inactive else None
    reason = inactive.reason_code if inactive else None
    if isinstance(word := wanted.get(Field.DEACTIVATED_REASON), str):
        reason = nomis_reason(DeactivatedReason(word))
    return DeactivateWrite(
        deactivate_date=_date(wanted, Field.DEACTIVATED_DATE, date_now),
        reason_code=reason,
        reactivate_date=_date(wanted, Field.PROPOSED_REACTIVATION_DATE, proposed_now),
        force=True,
    )


def _profiles(now: tuple[Profile, ...], wanted: JsonValue) -> tuple[Profile, ...]:
    """Keep what DPS cannot express and any synonym of a wanted attribute, drop the others, add what is missing."""
    names = wanted if isinstance(wanted, list) else []
    attributes = {Attribute(str(name)) for name in names}
    kept = tuple(
        p
        for p in now
        if (pair := (p.profile_type, p.profile_code)) not in DPS_ATTRIBUTE or DPS_ATTRIBUTE[pair] in attributes
    )
    missing = sorted(attributes - attributes_of(kept))
    added = (
        Profile(profile_type=family, profile_code=code) for family, code in map(NOMIS_PROFILE.__getitem__, missing)
    )
    return (*kept, *added)


def _usages(now: tuple[NomisUsage, ...], wanted: JsonValue) -> tuple[NomisUsage, ...]:
    """Lay the wanted usages over the rows that stand for them; a second row that folds to the same usage is kept."""
    standing = usage_rows(now)
    rows = wanted if isinstance(wanted, list) else []
    by_type: dict[UsageType, tuple[int, int]] = {}
    for row in rows:
        if isinstance(row, list):
            by_type[UsageType(str(row[0]))] = (int(str(row[1])), int(str(row[2])))
    folded = tuple(u for u in now if u not in standing.values() and _usage_of(u) in by_type)
    return (
        *(_usage(usage, standing.get(usage), capacity, seq) for usage, (capacity, seq) in by_type.items()),
        *folded,
    )


def _usage_of(row: NomisUsage) -> UsageType | None:
    return next(iter(usage_rows((row,))), None)


def _usage(usage: UsageType, now: NomisUsage | None, capacity: int, sequence: int) -> NomisUsage:
    code = now.internal_location_usage_type if now else NOMIS_USAGE[usage]
    return NomisUsage(
        internal_location_usage_type=code,
        capacity=now.capacity if now and (now.capacity or 0) == capacity else capacity,
        sequence=now.sequence if now and (now.sequence or 0) == sequence else sequence,
    )


def _raw_type(value: JsonValue) -> str:
    return NOMIS_TYPE[LocationType(str(value))]


def _raw_unit(value: JsonValue) -> str | None:
    return None if value is None else NOMIS_UNIT[ResidentialHousingType(str(value))]


def _as_text(value: JsonValue) -> str | None:
    return str(value) if value else None


def _over_text(wanted: Projection, field: Field, now: str | None) -> str | None:
    return _as_text(wanted[field]) if field in wanted else now


def _over_number(wanted: Projection, field: Field, now: int | None) -> int | None:
    value = wanted.get(field)
    return value if isinstance(value, int) else now


def _date(wanted: Mapping[Field, JsonValue], field: Field, now: date | None) -> date | None:
    if field not in wanted:
        return now
    value = wanted[field]
    return date.fromisoformat(value) if isinstance(value, str) else None


def _iso(value: date | None) -> str | None:
    return value.isoformat() if value else None
