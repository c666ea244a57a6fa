"""What NOMIS does by itself when a row is changed by SQL: audit columns, amendments, events (§1.9, §3.3, §3.10)."""

import asyncpg
import pytest

from tests.services.nomis.prison import CELL, WORKSHOP, Prison

LOCATIONS = "AGENCY_INTERNAL_LOCATIONS-UPDATED"
PROFILES = "AGY_INT_LOC_PROFILES-UPDATED"
USAGES = "INT_LOC_USAGE_LOCATIONS-UPDATED"
UPDATE_CELL = "UPDATE agency_internal_locations SET {} WHERE internal_location_id = 5003"


async def test_n40_occupancy_moves_the_audit_columns_and_is_silent(prison: Prison) -> None:
    await prison.edit(UPDATE_CELL.format("no_of_occupant = 2"))
    row = await prison.row()
    assert (row["modify_user_id"], row["audit_user_id"], row["audit_module_name"]) == ("QQQ99X", "QQQ99X", "OIMMHOLO")
    assert row["modify_datetime"] == row["audit_timestamp"] is not None
    assert row["create_user_id"] == "OMS_OWNER"
    assert (await prison.events(), await prison.amendments()) == ([], [])


async def test_n41_a_screen_is_named_in_the_event_and_its_change_amended(prison: Prison) -> None:
    await prison.edit(UPDATE_CELL.format("capacity = 1"))
    [event] = await prison.events()
    assert event.kind == LOCATIONS
    assert event.entries["p_audit_module_name"] == "OIMMHOLO"
    assert event.entries["p_old_description"] == event.entries["p_description"] == "KMI-D-2-014"
    assert await prison.amendments() == [("Maximum Capacity", "2", "1", "U", None, "QQQ99X")]


async def test_n42_no_module_is_no_entry(prison: Prison) -> None:
    await prison.edit(UPDATE_CELL.format("capacity = 1"), module=None)
    [event] = await prison.events()
    assert "p_audit_module_name" not in event.entries


async def test_without_any_setting_the_database_user_is_named(prison: Prison) -> None:
    await prison.connection.execute(UPDATE_CELL.format("capacity = 1"))
    assert (await prison.row())["modify_user_id"] == (await prison.column("SELECT upper(session_user)"))[0]


async def test_n43_a_load_raises_no_event_and_amends_nothing(prison: Prison) -> None:
    async with prison.screen("MERGE"):
        await prison.connection.execute(UPDATE_CELL.format("capacity = 1"))
        await prison.connection.execute("DELETE FROM agy_int_loc_profiles")
        await prison.connection.execute("DELETE FROM int_loc_usage_locations")
        await prison.connection.execute("DELETE FROM agency_internal_locations WHERE internal_location_id = 5010")
    assert (await prison.events(), await prison.amendments()) == ([], [])


async def test_a_load_keeps_the_audit_values_it_brings(prison: Prison) -> None:
    await prison.edit(
        "INSERT INTO agency_internal_locations (internal_location_id, agy_loc_id, internal_location_code,"
        " internal_location_type, description, create_user_id, create_datetime, modify_user_id)"
        " VALUES (6000, 'KMI', 'E', 'WING', 'KMI-E', 'ABC12D', '2009-01-02 03:04:05', 'XYZ98W')",
        module="MERGE",
    )
    row = await prison.row(6000)
    assert (row["create_user_id"], row["create_datetime"].year, row["modify_user_id"]) == ("ABC12D", 2009, "XYZ98W")


async def test_a_screen_cannot_choose_its_audit_values(prison: Prison) -> None:
    await prison.edit(UPDATE_CELL.format("create_user_id = 'FORGED', modify_user_id = 'FORGED', capacity = 1"))
    row = await prison.row()
    assert (row["create_user_id"], row["modify_user_id"]) == ("OMS_OWNER", "QQQ99X")


async def test_n44_what_is_deleted_is_told_from_the_leaves_up(prison: Prison) -> None:
    async with prison.screen():
        await prison.connection.execute("DELETE FROM agy_int_loc_profiles WHERE internal_location_id = 5003")
        await prison.connection.execute("DELETE FROM agy_int_loc_amendments WHERE internal_location_id = 5003")
        await prison.connection.execute("DELETE FROM agency_internal_locations WHERE internal_location_id = 5003")
    *profiles, location = await prison.events()
    assert [(event.kind, event.entries["p_delete_flag"]) for event in profiles] == [(PROFILES, "Y")] * 2
    assert location.entries == {
        "p_internal_location_id": str(CELL),
        "p_agy_loc_id": "KMI",
        "p_old_description": "KMI-D-2-014",
        "p_delete_flag": "Y",
        "p_audit_module_name": "OIMMHOLO",
    }


async def test_n45_a_usage_of_a_location_that_does_not_exist_is_stored_and_told(prison: Prison) -> None:
    await prison.edit(
        "INSERT INTO int_loc_usage_locations (internal_location_usage_id, internal_location_id) VALUES (901, 990001)"
    )
    [event] = await prison.events()
    assert (event.kind, event.entries["p_internal_location_id"]) == (USAGES, "990001")


async def test_n46_what_was_rolled_back_never_happened(prison: Prison) -> None:
    both = f"{UPDATE_CELL.format('capacity = 1')}; {UPDATE_CELL.format('description = NULL')}"
    with pytest.raises(asyncpg.NotNullViolationError):
        await prison.edit(both)
    assert (await prison.events(), await prison.amendments()) == ([], [])


async def test_an_insert_has_no_old_description_and_no_delete_flag(prison: Prison) -> None:
    await prison.edit(
        "INSERT INTO agency_internal_locations (agy_loc_id, internal_location_code, internal_location_type,"
        " description) VALUES ('KMI', 'E', 'WING', 'KMI-E')"
    )
    [event] = await prison.events()
    assert event.entries.keys().isdisjoint({"p_old_description", "p_delete_flag"})
    assert (event.entries["p_description"], event.entries["p_create_user_id"]) == ("KMI-E", "QQQ99X")


SILENT = ("capacity = capacity", "no_of_occupant = 3", "modify_user_id = 'X'")
TOLD = (
    "description = 'KMI-X'", "internal_location_code = 'X'", "internal_location_type = 'ROOM'",
    "security_level_code = 'A'", "capacity = 3", "parent_internal_location_id = 5001", "active_flag = 'N'",
    "list_seq = 3", "cna_no = 3", "certified_flag = 'N'", "deactivate_date = '2024-03-04'",
    "reactivate_date = '2024-03-04'", "deactivate_reason_code = 'A'", "comment_text = 'x'", "user_desc = 'x'",
    "aca_cap_rating = 3", "unit_type = 'SEG'", "operation_capacity = 3", "tracking_flag = 'Y'", "agy_loc_id = 'LEI'",
)  # fmt: skip


@pytest.mark.parametrize(("change", "events"), [*((one, 0) for one in SILENT), *((one, 1) for one in TOLD)])
async def test_exactly_the_columns_of_the_payload_are_told(prison: Prison, change: str, events: int) -> None:
    await prison.edit(UPDATE_CELL.format(change))
    assert len(await prison.events()) == events


AMENDED = (
    ("unit_type = 'SEG'", ("Unit Type", "NA", "SEG", "U", None)),
    ("unit_type = NULL", ("Unit Type", "NA", None, "D", None)),
    ("active_flag = 'N'", ("Active", "Y", "N", "U", None)),
    ("internal_location_code = '015'", ("Living Unit Id", "014", "015", "U", None)),
    ("comment_text = 'x'", ("Comments", None, "x", "A", None)),
    ("internal_location_type = 'ROOM'", ("Accommodation Type", "CELL", "ROOM", "U", None)),
    ("certified_flag = 'N'", ("Certified", "Y", "N", "U", None)),
    ("description = 'KMI-X'", ("Description", "KMI-D-2-014", "KMI-X", "U", None)),
    ("cna_no = 2", ("Baseline CNA", "1", "2", "U", None)),
    ("operation_capacity = 2", ("Operational Capacity", "1", "2", "U", None)),
    ("deactivate_reason_code = 'A'", ("Deactivate Reason", None, "A", "A", None)),
    ("reactivate_date = '2024-02-15'", ("Proposed Reactivate Date", None, "15-FEB-24", "A", None)),
    ("list_seq = 15", ("Sequence", "14", "15", "U", None)),
    ("deactivate_date = '2024-02-15'", ("Deactivate Date", None, "15-FEB-24", "A", None)),
    ("capacity = 3", ("Maximum Capacity", "2", "3", "U", None)),
)


@pytest.mark.parametrize(("change", "amended"), AMENDED, ids=[amended[0] for _, amended in AMENDED])
async def test_each_recorded_column_has_its_label(prison: Prison, change: str, amended: tuple[object, ...]) -> None:
    await prison.edit(UPDATE_CELL.format(change))
    assert await prison.amendments() == [(*amended, "QQQ99X")]


@pytest.mark.parametrize(
    "change", ["user_desc = 'x'", "tracking_flag = 'Y'", "parent_internal_location_id = 5001", "agy_loc_id = 'LEI'"]
)
async def test_some_columns_are_not_recorded(prison: Prison, change: str) -> None:
    await prison.edit(UPDATE_CELL.format(change))
    assert await prison.amendments() == []


async def test_the_row_that_says_inactive_also_says_why(prison: Prison) -> None:
    await prison.edit(UPDATE_CELL.format("active_flag = 'N', deactivate_reason_code = 'G'"))
    assert await prison.amendments() == [
        ("Active", "Y", "N", "U", "G", "QQQ99X"),
        ("Deactivate Reason", None, "G", "A", None, "QQQ99X"),
    ]


async def test_amendments_are_of_whole_seconds(prison: Prison) -> None:
    await prison.edit(UPDATE_CELL.format("capacity = 3"))
    [at] = await prison.column("SELECT amend_date FROM agy_int_loc_amendments")
    assert at.microsecond == 0
    assert at <= (await prison.column("SELECT london_now()"))[0]


async def test_profiles_are_amended_without_label_in_words(prison: Prison) -> None:
    async with prison.screen():
        await prison.connection.execute("DELETE FROM agy_int_loc_profiles WHERE int_loc_profile_code = 'WD'")
        await prison.connection.execute("INSERT INTO agy_int_loc_profiles VALUES (5003, 'HOU_UNIT_ATT', 'LC')")
        await prison.connection.execute("INSERT INTO agy_int_loc_profiles VALUES (5003, 'HOU_USED_FOR', 'MB')")
    assert await prison.amendments() == [
        (None, "Wooden Door", None, "D", None, "QQQ99X"),
        (None, None, "Listener Cell", "A", None, "QQQ99X"),
        (None, None, "MB", "A", None, "QQQ99X"),
    ]


async def test_events_of_profiles_and_usages_tell_their_own_columns(prison: Prison) -> None:
    async with prison.screen("OIMULOCA"):
        await prison.connection.execute("INSERT INTO agy_int_loc_profiles VALUES (5003, 'HOU_UNIT_ATT', 'LC')")
        await prison.connection.execute(
            "UPDATE int_loc_usage_locations SET capacity = 5 WHERE usage_location_id = 7001"
        )
        await prison.connection.execute(
            "UPDATE int_loc_usage_locations SET capacity = 5 WHERE usage_location_id = 7001"
        )
        await prison.connection.execute("DELETE FROM int_loc_usage_locations WHERE usage_location_id = 7002")
    profile, changed, gone = await prison.events()
    assert profile.entries == {
        "p_internal_location_id": str(CELL),
        "p_int_loc_profile_type": "HOU_UNIT_ATT",
        "p_int_loc_profile_code": "LC",
        "p_audit_module_name": "OIMULOCA",
    }
    assert changed.entries == {
        "p_internal_location_usage_id": "901",
        "p_internal_location_id": str(WORKSHOP),
        "p_capacity": "5",
        "p_list_seq": "1",
        "p_usage_location_id": "7001",
        "p_audit_module_name": "OIMULOCA",
    }
    assert (gone.entries["p_usage_location_id"], gone.entries["p_delete_flag"]) == ("7002", "Y")


async def test_empty_text_is_no_text(prison: Prison) -> None:
    await prison.edit(UPDATE_CELL.format("comment_text = ''"))
    assert (await prison.row())["comment_text"] is None
    assert await prison.events() == []


async def test_n55_synonyms_are_two_rows(prison: Prison) -> None:
    """The other half of the case, one DPS attribute, is tested with the translation table."""
    async with prison.screen():
        for code in ("NA", "N/A"):
            await prison.connection.execute("INSERT INTO agy_int_loc_profiles VALUES (5003, 'SUP_LVL_TYPE', $1)", code)
    assert len(await prison.events()) == 2
