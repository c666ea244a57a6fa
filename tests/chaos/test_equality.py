"""The independent judge sees what it is there to see: a planted difference for each field, each way to be alone."""

from collections.abc import Mapping
from uuid import UUID, uuid5

import asyncpg
import pytest

from tests.chaos.equality import SHARED, Difference, differences, read
from tests.conftest import Databases

WING, CELL, ROOM, GONE = 11, 12, 13, 14
SPACE = UUID("5ad3a1a4-93d8-4a57-8c0b-0d6d2f4f3a11")
IDS = {number: uuid5(SPACE, str(number)) for number in (WING, CELL, ROOM, GONE)}

NOMIS = """
INSERT INTO agency_locations (agy_loc_id, description) VALUES ('LEI', 'LEEDS'), ('MDI', 'MOORLAND');
INSERT INTO agency_internal_locations (internal_location_id, internal_location_code, agy_loc_id, internal_location_type,
    description, parent_internal_location_id, unit_type, capacity, operation_capacity, cna_no, certified_flag, list_seq,
    user_desc, comment_text, active_flag, deactivate_date, deactivate_reason_code, reactivate_date)
VALUES (11, 'A', 'LEI', 'BLK', 'LEI-A', NULL, 'NA', 90, 80, 70, 'N', NULL, 'Wing A', NULL, 'Y', NULL, NULL, NULL),
       (12, '1', 'LEI', 'CELL', 'LEI-A-1', 11, 'NA', 2, 1, 1, 'Y', 3, NULL, ' ', 'N', '2026-01-02', 'K', '2027-01-01'),
       (13, 'GYM', 'LEI', 'SPOR', 'LEI-GYM', NULL, NULL, 40, NULL, NULL, 'N', NULL, 'Gym', 'wet', 'Y',
        NULL, NULL, NULL),
       (14, 'OLD', 'LEI', 'SPOR', 'LEI-OLD', NULL, NULL, 0, 0, NULL, 'N', NULL, NULL, NULL, 'N',
        '2026-01-02', 'F', NULL);
INSERT INTO agy_int_loc_profiles (internal_location_id, int_loc_profile_type, int_loc_profile_code)
VALUES (12, 'HOU_UNIT_ATT', 'SAFE_CELL'), (12, 'SUP_LVL_TYPE', 'NA'), (12, 'NON_ASSO_TYP', 'WING');
INSERT INTO internal_location_usages (internal_location_usage_id, agy_loc_id, internal_location_usage)
VALUES (1, 'LEI', 'OTH'), (2, 'LEI', 'OTHER'), (3, 'LEI', 'APP');
INSERT INTO int_loc_usage_locations (internal_location_usage_id, internal_location_id, capacity, list_seq)
VALUES (1, 13, 5, 1), (2, 13, 9, NULL), (3, 13, NULL, 4);
"""
DPS = """
INSERT INTO location (id, prison_id, path_hierarchy, code, location_type, parent_id, residential_housing_type,
    max_capacity, working_capacity, certified, capacity_of_certified_cell, order_within_parent_location, local_name,
    comments, attributes, usages, active, deactivated_date, deactivated_reason, proposed_reactivation_date,
    when_created, when_updated, updated_by)
VALUES ($1, 'LEI', 'A', 'A', 'WING', NULL, 'NORMAL_ACCOMMODATION', NULL, NULL, NULL, NULL, NULL, 'Wing A', NULL, '{}',
        '[]', true, NULL, NULL, NULL, now(), now(), 'X'),
       ($2, 'LEI', 'A-1', '1', 'CELL', $1, 'NORMAL_ACCOMMODATION', 2, 1, true, 1, 3, NULL, NULL,
        '{SAFE_CELL,NOT_APPLICABLE,ELIGIBLE}', '[]', false, '2026-01-02 10:00', 'DAMP', '2027-01-01',
        now(), now(), 'X'),
       ($3, 'LEI', 'GYM', 'GYM', 'SPORTS', NULL, NULL, NULL, NULL, NULL, NULL, NULL, 'Gym', 'wet', '{}',
        '[{"usageType": "OTHER", "capacity": 9}, {"usageType": "APPOINTMENT", "capacity": null, "sequence": 4}]',
        true, NULL, NULL, NULL, now(), now(), 'X')
"""
# One edit of DPS for each field, and of which location.
PLANTED = {
    "prison": (CELL, "prison_id = 'MDI'"),
    "code": (CELL, "code = '2'"),
    "parent": (CELL, "parent_id = NULL"),
    "type": (ROOM, "location_type = 'OFFICE'"),
    "housing": (CELL, "residential_housing_type = 'SEGREGATION'"),
    "local_name": (ROOM, "local_name = 'Old gym'"),
    "comments": (CELL, "comments = 'dry'"),
    "sequence": (CELL, "order_within_parent_location = 4"),
    "max_capacity": (CELL, "max_capacity = 3"),
    "working_capacity": (CELL, "working_capacity = 2"),
    "certified": (CELL, "certified = false"),
    "certified_capacity": (CELL, "capacity_of_certified_cell = 2"),
    "attributes": (CELL, "attributes = '{SAFE_CELL}'"),
    "usages": (ROOM, "usages = '[]'"),
    "active": (ROOM, "active = false, deactivated_reason = NULL"),
    "deactivated": (CELL, "deactivated_date = '2026-01-03'"),
    "reason": (CELL, "deactivated_reason = 'MAINTENANCE'"),
    "proposed": (CELL, "proposed_reactivation_date = NULL"),
}
ROW, WHERE = "UPDATE agency_internal_locations SET", "WHERE internal_location_id"
# And one of NOMIS: what is read there wrong would hide behind a DPS that is read right.
PLANTED_IN_NOMIS = {
    "prison": f"{ROW} agy_loc_id = 'MDI' {WHERE} = 12",
    "code": f"{ROW} internal_location_code = '2' {WHERE} = 12",
    "parent": f"{ROW} parent_internal_location_id = NULL {WHERE} = 12",
    "type": f"{ROW} internal_location_type = 'OFFI' {WHERE} = 13",
    "housing": f"{ROW} unit_type = 'SEG' {WHERE} = 12",
    "local_name": f"{ROW} user_desc = 'Old gym' {WHERE} = 13",
    "comments": f"{ROW} comment_text = 'dry' {WHERE} = 12",
    "sequence": f"{ROW} list_seq = 4 {WHERE} = 12",
    "max_capacity": f"{ROW} capacity = 3 {WHERE} = 12",
    "working_capacity": f"{ROW} operation_capacity = 2 {WHERE} = 12",
    "certified": f"{ROW} certified_flag = 'N' {WHERE} = 12",
    "certified_capacity": f"{ROW} cna_no = 2 {WHERE} = 12",
    "attributes": "DELETE FROM agy_int_loc_profiles WHERE int_loc_profile_code = 'NA'",
    "usages": "UPDATE int_loc_usage_locations SET capacity = 8 WHERE internal_location_usage_id = 2",
    "active": f"{ROW} active_flag = 'N' {WHERE} = 13",
    "deactivated": f"{ROW} deactivate_date = '2026-01-03' {WHERE} = 12",
    "reason": f"{ROW} deactivate_reason_code = 'G' {WHERE} = 12",
    "proposed": f"{ROW} reactivate_date = NULL {WHERE} = 12",
}

Dsns = Mapping[str, str]


async def execute(dsn: str, sql: str, *given: object) -> None:
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute(sql, *given)
    finally:
        await connection.close()


@pytest.fixture(scope="module")
async def dsns(databases: Databases) -> Dsns:
    return {
        "nomis": await databases.create("services/nomis/schema"),
        "locations": await databases.create("libs/messaging/schema", "services/locations/schema"),
        "mapping": await databases.create("services/mapping/schema"),
    }


@pytest.fixture
async def equal(dsns: Dsns) -> Dsns:
    """Both systems hold a wing, a cell and a room in their own words; a second room was deleted in DPS."""
    await execute(dsns["nomis"], f"TRUNCATE agency_locations, internal_location_usages CASCADE; {NOMIS}")
    await execute(dsns["locations"], "TRUNCATE location, tombstone CASCADE")
    await execute(dsns["locations"], DPS, IDS[WING], IDS[CELL], IDS[ROOM])
    await execute(
        dsns["locations"],
        "INSERT INTO tombstone VALUES ($1, 14, 'LEI', 'LEI-OLD', now(), 'X')",
        IDS[GONE],
    )
    await execute(dsns["mapping"], "TRUNCATE location_mapping")
    await execute(
        dsns["mapping"],
        "INSERT INTO location_mapping SELECT o.*, NULL, 'MIGRATED' FROM unnest($1::text[], $2::bigint[]) o",
        [str(each) for each in IDS.values()],
        [*IDS],
    )
    return dsns


async def found(dsns: Dsns) -> list[Difference]:
    return differences(await read(dsns))


async def test_what_is_equal_in_the_words_of_both_sides_is_found_equal(equal: Dsns) -> None:
    assert await found(equal) == []


def test_a_difference_is_planted_for_every_field_that_is_shared() -> None:
    assert PLANTED.keys() == PLANTED_IN_NOMIS.keys() == {"prison"}.union(*SHARED.values())


@pytest.mark.parametrize("field", PLANTED)
async def test_one_planted_difference_is_found_and_no_other(equal: Dsns, field: str) -> None:
    nomis_id, planted = PLANTED[field]
    await execute(equal["locations"], f"UPDATE location SET {planted} WHERE id = $1", IDS[nomis_id])
    follow = {"reason", "deactivated"} if field == "active" else set()
    assert {difference.field for difference in await found(equal)} - follow == {field}


@pytest.mark.parametrize("field", PLANTED_IN_NOMIS)
async def test_so_is_one_planted_in_nomis(equal: Dsns, field: str) -> None:
    await execute(equal["nomis"], PLANTED_IN_NOMIS[field])
    follow = {"reason", "deactivated"} if field == "active" else set()
    assert {difference.field for difference in await found(equal)} - follow == {field}


async def test_what_only_one_side_has_is_found(equal: Dsns) -> None:
    await execute(equal["mapping"], "DELETE FROM location_mapping WHERE nomis_location_id = $1", ROOM)
    await execute(equal["nomis"], "DELETE FROM agency_internal_locations WHERE internal_location_id = $1", GONE)
    fields = sorted((difference.field, difference.nomis_id, difference.dps_id) for difference in await found(equal))
    assert fields == sorted(
        [
            ("only in NOMIS", ROOM, None),
            ("only in DPS", None, str(IDS[ROOM])),
            ("mapping to no row", GONE, str(IDS[GONE])),
        ],
        key=str,
    )


async def test_a_location_deleted_in_dps_must_be_deleted_softly_in_nomis(equal: Dsns) -> None:
    await execute(
        equal["nomis"], "UPDATE agency_internal_locations SET capacity = 1 WHERE internal_location_id = $1", GONE
    )
    assert [difference.field for difference in await found(equal)] == ["deleted in DPS, max_capacity"]
