"""What is sent so that only the wanted fields change, and a NOMIS row keeps what DPS cannot express."""

from typing import Any

import pytest
from hypothesis import given

from libs.domain.attributes import Attribute
from libs.domain.merge import merge
from libs.domain.nomis import NomisLocation, NomisUsage, Profile
from libs.domain.shared import Field, Kind, kind_in_dps, project_dps, project_nomis, unshared_profiles
from libs.domain.sync import OwnLocation, Side
from libs.domain.writing import (
    NomisWrites,
    dps_create_fields,
    dps_fields,
    is_soft_deleted,
    nomis_create,
    nomis_soft_delete,
    nomis_writes,
    with_other_as_oth,
)
from tests.libs.domain.rows import LANDING_ID, LANDING_NOMIS, dps_cell, nomis_cell, nomis_rows, own_locations

PARENT = str(LANDING_ID)
KEY = "NWI-C-2-017"


def written(row: NomisLocation, wanted: dict[Field, Any]) -> NomisWrites:
    return nomis_writes(row, wanted, parent=LANDING_NOMIS, description=row.description)


def carried_out(row: NomisLocation, writes: NomisWrites) -> NomisLocation:
    """Do to a row what NOMIS does with these calls (`reference/nomis.md` §2.4)."""
    changed: dict[str, Any] = {}
    if writes.update is not None:
        changed |= {name: getattr(writes.update, name) for name in type(writes.update).model_fields}
    if writes.capacity is not None:
        changed |= {name: getattr(writes.capacity, name) for name in type(writes.capacity).model_fields}
    if writes.certification is not None:
        changed |= {name: getattr(writes.certification, name) for name in type(writes.certification).model_fields}
    if writes.deactivate is not None:
        changed |= {
            "active": False,
            "deactivate_date": writes.deactivate.deactivate_date,
            "reason_code": writes.deactivate.reason_code,
            "reactivate_date": writes.deactivate.reactivate_date,
        }
    if writes.reactivate:
        changed |= {"active": True, "deactivate_date": None, "reason_code": None, "reactivate_date": None}
    return row.model_copy(update=changed)


@given(own=own_locations, row=nomis_rows)
def test_the_calls_bring_the_row_to_what_was_wanted(own: OwnLocation, row: NomisLocation) -> None:
    nomis = project_nomis(row, PARENT if row.parent_location_id else None)
    result = merge(
        None,
        project_dps(own),
        nomis,
        published={},
        authority=Side.DPS,
        converted=own.converted_cell_type is not None,
        archived=own.archived,
    )
    wanted_parent = result.base[Field.PARENT.value]
    writes = nomis_writes(
        row, result.to_nomis, parent=LANDING_NOMIS if wanted_parent else None, description=row.description
    )
    after = carried_out(row, writes)
    seen = project_nomis(after, PARENT if after.parent_location_id else None)
    assert {field: seen[field] for field in result.to_nomis} == result.to_nomis
    assert unshared_profiles(after.profiles) == unshared_profiles(row.profiles)


def test_nothing_wanted_makes_no_call() -> None:
    assert written(nomis_cell(), {}) == NomisWrites()


@pytest.mark.parametrize(("code", "field"), [("BLK", "location_type"), ("TIER", "location_type")])
def test_a_folded_code_survives_an_update_of_something_else(code: str, field: str) -> None:
    row = nomis_cell(location_type=code)
    writes = written(row, {Field.COMMENTS: "new"})
    assert writes.update is not None
    assert getattr(writes.update, field) == code


def test_a_folded_reason_survives_an_update_of_the_date() -> None:
    row = nomis_cell(active=False, reason_code="K")
    writes = written(row, {Field.DEACTIVATED_DATE: "2026-03-04"})
    assert writes.deactivate is not None
    assert (writes.deactivate.reason_code, str(writes.deactivate.deactivate_date)) == ("K", "2026-03-04")


def test_profiles_that_dps_cannot_express_are_kept_and_synonyms_are_left() -> None:
    own = (("NON_ASSO_TYP", "WING"), ("HOU_USED_FOR", "V"), ("HOU_UNIT_ATT", "SO"), ("HOU_USED_FOR", "MB"))
    row = nomis_cell(profiles=tuple(Profile(profile_type=t, profile_code=c) for t, c in own))
    writes = written(row, {Field.ATTRIBUTES: ["SAFE_CELL", "VULNERABLE_PRISONER_UNIT"]})
    assert writes.update is not None
    assert {(p.profile_type, p.profile_code) for p in writes.update.profiles} == {
        ("NON_ASSO_TYP", "WING"),
        ("HOU_USED_FOR", "V"),
        ("HOU_USED_FOR", "MB"),
        ("HOU_UNIT_ATT", "SC"),
    }


def test_a_usage_keeps_its_own_code_and_its_null() -> None:
    row = nomis_cell(
        unit_type=None,
        usages=(
            NomisUsage(internal_location_usage_type="OTH", capacity=None, sequence=None),
            NomisUsage(internal_location_usage_type="APP", capacity=4, sequence=1),
        ),
    )
    writes = written(row, {Field.USAGES: [["OTHER", 0, 0], ["PROPERTY", 5, 2]]})
    assert writes.update is not None
    assert writes.update.usages == (
        NomisUsage(internal_location_usage_type="OTH"),
        NomisUsage(internal_location_usage_type="PROP", capacity=5, sequence=2),
    )


def test_capacity_and_certification_keep_the_half_that_was_not_changed() -> None:
    row = nomis_cell(operational_capacity=None, cna_capacity=None)
    writes = written(row, {Field.MAX_CAPACITY: 3, Field.CERTIFIED: False})
    assert writes.capacity is not None
    assert (writes.capacity.capacity, writes.capacity.operational_capacity) == (3, None)
    assert writes.certification is not None
    assert (writes.certification.certified, writes.certification.cna_capacity) == (False, 0)
    assert writes.update is None


@given(own=own_locations)
def test_a_row_created_for_a_location_projects_like_it_but_for_its_state(own: OwnLocation) -> None:
    kind = kind_in_dps(own)
    row = nomis_create(own, kind, parent=LANDING_NOMIS if own.parent_id else None, description=KEY)
    seen = project_nomis(
        NomisLocation(
            location_id=LANDING_NOMIS,
            active=True,
            create_datetime="2026-01-01T00:00:00",
            create_username="US",
            **row.model_dump(),
        ),
        PARENT if own.parent_id else None,
    )
    mine = project_dps(own)
    same = {Field.CODE, Field.PARENT, Field.LOCATION_TYPE, Field.HOUSING_TYPE, Field.LOCAL_NAME, Field.COMMENTS}
    if kind is Kind.CELL:
        same |= {Field.MAX_CAPACITY, Field.WORKING_CAPACITY, Field.CERTIFIED, Field.ATTRIBUTES}
    if kind is Kind.NON_RESIDENTIAL:
        same |= {Field.USAGES}
    assert {field: seen[field] for field in same} == {field: mine[field] for field in same}


def test_a_soft_delete_leaves_what_counts_as_soft_deleted() -> None:
    row = nomis_cell()
    assert not is_soft_deleted(row)
    assert is_soft_deleted(carried_out(row, nomis_soft_delete()))


def test_writing_attributes_to_dps_keeps_those_nomis_cannot_express() -> None:
    own = dps_cell(attributes=(Attribute.ELIGIBLE, Attribute.SINGLE_OCCUPANCY))
    fields = dps_fields({Field.ATTRIBUTES: ["SAFE_CELL"]}, own)
    assert fields == {"attributes": ["SAFE_CELL", "ELIGIBLE"]}


def test_absent_numbers_stay_absent_when_dps_meets_a_row() -> None:
    fields = dps_create_fields(nomis_cell(capacity=None, operational_capacity=None, cna_capacity=None), PARENT)
    assert (fields["maxCapacity"], fields["workingCapacity"]) == (None, None)
    assert fields["capacityOfCertifiedCell"] == 0
    half = dps_create_fields(nomis_cell(capacity=None, operational_capacity=7), PARENT)
    assert (half["maxCapacity"], half["workingCapacity"]) == (0, 7)


def test_long_texts_are_cut_for_nomis_and_a_cut_text_counts_as_unchanged() -> None:
    own = dps_cell(local_name="n" * 60, comments="c" * 250)
    row = nomis_create(own, Kind.CELL, parent=None, description=KEY)
    assert (len(row.user_description or ""), len(row.comment or "")) == (40, 240)
    nomis = project_nomis(nomis_cell(user_description="n" * 40, comment="c" * 240), PARENT)
    mine = project_dps(own)
    assert (mine[Field.LOCAL_NAME], mine[Field.COMMENTS]) == (nomis[Field.LOCAL_NAME], nomis[Field.COMMENTS])


def test_only_other_becomes_oth() -> None:
    usages = (
        NomisUsage(internal_location_usage_type="OTHER", capacity=1),
        NomisUsage(internal_location_usage_type="APP"),
    )
    assert [u.internal_location_usage_type for u in with_other_as_oth(usages)] == ["OTH", "APP"]
