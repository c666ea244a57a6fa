"""The quick look says yes of what the table calls equal, of nothing else, and of what it is meant for."""

from datetime import date
from typing import Any

import msgspec
from hypothesis import example, given
from hypothesis import strategies as st

from libs.domain.bulk import MirrorRow, OwnRow, SyncRow
from libs.domain.comparing import differences
from libs.domain.nomis import NomisLocation, NomisUsage
from libs.domain.sync import OwnLocation
from libs.domain.translation import Untranslatable
from libs.domain.writing import dps_create_fields
from services.reconciliation.rules.quick import surely_equal
from tests.fakes.fake_bulk import row_of
from tests.libs.domain.rows import LANDING_ID, dps_cell, nomis_cell, nomis_rows, own_locations

PARENT = str(LANDING_ID)


def mirror(own: OwnLocation) -> MirrorRow:
    read = msgspec.json.decode(own.model_dump_json(by_alias=True), type=OwnRow)
    return MirrorRow(read, SyncRow(1, 1, 771204, "NWI-C-2-017", "NWI-C-2-017"))


def copied(row: NomisLocation) -> OwnLocation:
    """The location that this row would become, so that most draws are nearly equal."""
    fields: dict[str, Any] = dict(dps_create_fields(row, PARENT if row.parent_location_id else None))
    usages = fields.get("usages", [])
    fields["usages"] = [{"usageType": use, "capacity": capacity, "sequence": order} for use, capacity, order in usages]
    return OwnLocation.model_validate(dps_cell().model_dump(by_alias=True) | fields)


@given(own_locations, nomis_rows)
@example(dps_cell(), nomis_cell())
def test_a_yes_is_never_wrong(own: OwnLocation, row: NomisLocation) -> None:
    if surely_equal(mirror(own), row_of(row), PARENT):
        assert differences(mirror(own), row_of(row), PARENT) == ()


@given(nomis_rows, st.sampled_from([*OwnLocation.model_fields]), own_locations)
def test_a_yes_is_never_wrong_of_a_copy_with_one_field_changed(
    row: NomisLocation, name: str, other: OwnLocation
) -> None:
    own = copied(row).model_copy(update={name: getattr(other, name)})
    parent = PARENT if row.parent_location_id else None
    try:
        found = differences(mirror(own), row_of(row), parent)
    except Untranslatable:
        assert not surely_equal(mirror(own), row_of(row), parent)
        return
    if found:
        assert not surely_equal(mirror(own), row_of(row), parent)


def test_a_cell_in_use_with_the_same_words_is_a_yes() -> None:
    assert surely_equal(mirror(dps_cell()), row_of(nomis_cell()), PARENT)


def test_a_closed_cell_and_a_room_with_uses_are_a_yes() -> None:
    day = date(2026, 6, 1)
    closed = nomis_cell(active=False, reason_code="C", deactivate_date=day, reactivate_date=day)
    assert surely_equal(mirror(copied(closed)), row_of(closed), PARENT)
    uses = (NomisUsage(internal_location_usage_type="VISIT", capacity=4, sequence=1),)
    room = nomis_cell(location_type="VISIT", unit_type=None, usages=uses, profiles=())
    assert surely_equal(mirror(copied(room)), row_of(room), PARENT)


def test_every_field_that_it_reads_turns_the_yes() -> None:
    other = {
        "code": "018",
        "key": "NWI-C-2-018",
        "parent_id": None,
        "prison_id": "LEI",
        "location_type": "ROOM",
        "residential_housing_type": "SEGREGATION",
        "local_name": "Corner",
        "comments": "Other",
        "order_within_parent_location": 18,
        "max_capacity": 3,
        "working_capacity": 2,
        "certified": False,
        "capacity_of_certified_cell": 2,
        "attributes": (),
        "active": False,
        "archived": True,
        "converted_cell_type": "OFFICE",
    }
    for name, value in other.items():
        own = OwnLocation.model_validate(dps_cell().model_dump() | {name: value})
        assert not surely_equal(mirror(own), row_of(nomis_cell()), PARENT), name
