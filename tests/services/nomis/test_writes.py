"""Writes through the API: the numbered cases are those of `reference/nomis.md` §6."""

from http import HTTPStatus
from typing import Any

import pytest

from tests.services.nomis.conftest import Client
from tests.services.nomis.prison import CELL, LANDING, UNKNOWN, WING, WORKSHOP, Prison

LOCATIONS = "AGENCY_INTERNAL_LOCATIONS-UPDATED"
PROFILES = "AGY_INT_LOC_PROFILES-UPDATED"
USAGES = "INT_LOC_USAGE_LOCATIONS-UPDATED"
NEW_CELL: dict[str, Any] = {
    "locationType": "CELL",
    "prisonId": "KMI",
    "locationCode": "015",
    "description": "KMI-D-2-015",
    "parentLocationId": LANDING,
    "unitType": "NA",
    "capacity": 1,
    "certified": True,
}
SAME_CELL: dict[str, Any] = {
    "locationType": "CELL",
    "locationCode": "014",
    "description": "KMI-D-2-014",
    "parentLocationId": LANDING,
    "unitType": "NA",
    "listSequence": 14,
    "profiles": [
        {"profileType": "HOU_UNIT_ATT", "profileCode": "DO"},
        {"profileType": "HOU_SANI_FIT", "profileCode": "WD"},
    ],
}
SAME_WORKSHOP: dict[str, Any] = {
    "locationType": "WORK",
    "locationCode": "WS4",
    "description": "KMI-WORK_IND-WS4",
    "usages": [
        {"internalLocationUsageType": "PROG", "capacity": 12, "sequence": 1},
        {"internalLocationUsageType": "OCCUR"},
    ],
}


async def create(client: Client, **changes: object) -> tuple[int, dict[str, Any]]:
    async with client.post("/locations", json={**NEW_CELL, **changes}) as answer:
        return answer.status, await answer.json()


async def put(client: Client, path: str, body: object = None, **options: Any) -> tuple[int, dict[str, Any]]:
    async with client.put(path, json=body, **options) as answer:
        return answer.status, {} if answer.status == HTTPStatus.OK else await answer.json()


async def count(prison: Prison) -> int:
    counted: int = await prison.connection.fetchval("SELECT count(*) FROM agency_internal_locations")
    return counted


async def test_n09_a_created_cell_is_active_tracked_and_empty_and_raises_one_event(
    client: Client, prison: Prison
) -> None:
    status, body = await create(client)
    assert status == HTTPStatus.CREATED
    row = await prison.row(body["locationId"])
    assert (row["active_flag"], row["tracking_flag"], row["no_of_occupant"]) == ("Y", "Y", 0)
    assert (row["operation_capacity"], row["cna_no"], row["certified_flag"]) == (None, None, "Y")
    assert (row["create_user_id"], row["audit_module_name"]) == ("PRISONER_MANAGER_API", "DPS_SYNCHRONISATION")
    [event] = await prison.events()
    assert event.kind == LOCATIONS
    assert event.entries["p_audit_module_name"] == "DPS_SYNCHRONISATION"
    assert "p_old_description" not in event.entries


async def test_n10_certified_is_false_unless_said(client: Client, prison: Prison) -> None:
    without = {name: value for name, value in NEW_CELL.items() if name != "certified"}
    async with client.post("/locations", json=without) as answer:
        assert (await prison.row((await answer.json())["locationId"]))["certified_flag"] == "N"


REFUSED = (
    pytest.param({"prisonId": "QQQ"}, "QQQ", id="n11-prison"),
    pytest.param({"parentLocationId": UNKNOWN}, str(UNKNOWN), id="n12-parent"),
    pytest.param({"unitType": "ZZ", "prisonId": "QQQ"}, "ZZ", id="n13-unit-type-comes-first"),
    pytest.param({"usages": [{"internalLocationUsageType": "OTHER"}]}, "OTHER", id="n19-only-oth-is-defined"),
)


@pytest.mark.parametrize(("changes", "named"), REFUSED)
async def test_what_does_not_exist_is_refused_by_name_and_nothing_is_stored(
    client: Client, prison: Prison, changes: dict[str, object], named: str
) -> None:
    before = await count(prison)
    status, body = await create(client, **changes)
    assert status == HTTPStatus.BAD_REQUEST
    assert body["userMessage"].startswith("Bad request: ")
    assert named in body["developerMessage"]
    assert "does not exist" in body["developerMessage"]
    assert (await count(prison), await prison.events()) == (before, [])


@pytest.mark.parametrize(
    ("field", "limit"), [("userDescription", 40), ("comment", 240), ("description", 240)], ids="n14-{}".format
)
async def test_n14_texts_that_are_too_long_are_refused_by_field(
    client: Client, prison: Prison, field: str, limit: int
) -> None:
    status, body = await create(client, **{field: "x" * (limit + 1)})
    assert status == HTTPStatus.BAD_REQUEST
    assert body["developerMessage"].startswith(f"{field} ")
    assert f"max allowed {limit} characters" in body["userMessage"]
    status, _ = await put(client, f"/locations/{CELL}", {**SAME_CELL, field: "x" * (limit + 1)})
    assert status == HTTPStatus.BAD_REQUEST
    assert await prison.events() == []


async def test_n15_a_code_too_long_for_its_column_is_a_500_and_stores_nothing(client: Client, prison: Prison) -> None:
    before = await count(prison)
    status, body = await create(client, locationCode="x" * 13)
    assert status == HTTPStatus.INTERNAL_SERVER_ERROR
    assert body["userMessage"].startswith("Unexpected error: ")
    assert await count(prison) == before


@pytest.mark.parametrize("field", ["capacity", "operationalCapacity"])
async def test_a_number_with_too_many_digits_is_a_500(client: Client, field: str) -> None:
    status, _ = await create(client, **{field: 100_000})
    assert status == HTTPStatus.INTERNAL_SERVER_ERROR


async def test_n16_a_taken_description_is_a_500_that_names_the_constraint(client: Client) -> None:
    status, body = await create(client, description="KMI-D-2-014")
    assert status == HTTPStatus.INTERNAL_SERVER_ERROR
    assert "AGENCY_INTERNAL_LOCATIONS_UK" in body["developerMessage"]
    status, _ = await create(client, description="KMI-D-2-014", prisonId="LEI", parentLocationId=None)
    assert status == HTTPStatus.CREATED


async def test_n17_the_type_is_stored_as_given(client: Client, prison: Prison) -> None:
    status, body = await create(client, locationType="NOPE")
    assert status == HTTPStatus.CREATED
    assert (await prison.row(body["locationId"]))["internal_location_type"] == "NOPE"


async def test_n18_each_profile_and_usage_of_a_new_location_raises_an_event(client: Client, prison: Prison) -> None:
    profiles = [{"profileType": "HOU_UNIT_ATT", "profileCode": code} for code in ("DO", "LC")]
    usages = [{"internalLocationUsageType": usage} for usage in ("PROG", "APP")]
    _, body = await create(client, profiles=profiles, usages=usages)
    events = await prison.events()
    assert [event.kind for event in events] == [LOCATIONS, PROFILES, PROFILES, USAGES, USAGES]
    assert {event.entries["p_internal_location_id"] for event in events} == {str(body["locationId"])}
    assert all("p_usage_location_id" in event.entries for event in events[3:])


async def test_n20_profile_codes_are_not_checked(client: Client, prison: Prison) -> None:
    _, body = await create(client, profiles=[{"profileType": "HOU_UNIT_ATT", "profileCode": "SAFE_CELL"}])
    stored = await prison.column(
        "SELECT int_loc_profile_code FROM agy_int_loc_profiles WHERE internal_location_id = $1", body["locationId"]
    )
    assert stored == ["SAFE_CELL"]


async def test_n21_profiles_left_out_of_an_update_are_deleted(client: Client, prison: Prison) -> None:
    without = {name: value for name, value in SAME_CELL.items() if name != "profiles"}
    assert await put(client, f"/locations/{CELL}", without) == (HTTPStatus.OK, {})
    events = await prison.events()
    assert [(event.kind, event.entries["p_delete_flag"]) for event in events] == [(PROFILES, "Y")] * 2


async def test_n22_profiles_are_replaced_as_a_set(client: Client, prison: Prison) -> None:
    wanted = [{"profileType": "HOU_UNIT_ATT", "profileCode": code} for code in ("DO", "LC", "LC")]
    await put(client, f"/locations/{CELL}", {**SAME_CELL, "profiles": wanted})
    changes = [
        (event.entries["p_int_loc_profile_code"], event.entries.get("p_delete_flag")) for event in await prison.events()
    ]
    assert changes == [("WD", "Y"), ("LC", None)]


async def test_n23_usages_are_replaced_by_type_and_keep_their_ids(client: Client, prison: Prison) -> None:
    usages = [{"internalLocationUsageType": "PROG", "capacity": 15, "sequence": 1}]
    await put(client, f"/locations/{WORKSHOP}", {**SAME_WORKSHOP, "usages": usages})
    rows = await prison.connection.fetch("SELECT usage_location_id, capacity, list_seq FROM int_loc_usage_locations")
    assert [tuple(row) for row in rows] == [(7001, 15, 1)]
    changes = [(e.entries["p_usage_location_id"], e.entries.get("p_delete_flag")) for e in await prison.events()]
    assert changes == [("7002", "Y"), ("7001", None)]


async def test_n24_a_usage_without_capacity_loses_it(client: Client, prison: Prison) -> None:
    usages = [{"internalLocationUsageType": "PROG"}]
    await put(client, f"/locations/{WORKSHOP}", {**SAME_WORKSHOP, "usages": usages})
    assert await prison.column("SELECT capacity FROM int_loc_usage_locations") == [None]


async def test_n25_what_an_update_leaves_out_is_cleared(client: Client, prison: Prison) -> None:
    await prison.edit("UPDATE agency_internal_locations SET comment_text = 'x' WHERE internal_location_id = 5003")
    kept = {name: SAME_CELL[name] for name in ("locationType", "locationCode", "description", "profiles")}
    await put(client, f"/locations/{CELL}", kept)
    row = await prison.row()
    assert (row["parent_internal_location_id"], row["comment_text"], row["unit_type"]) == (None, None, None)


async def test_n26_an_update_touches_neither_capacity_nor_certification(client: Client, prison: Prison) -> None:
    await put(client, f"/locations/{CELL}", {**SAME_CELL, "capacity": 9, "certified": False, "active": False})
    row = await prison.row()
    assert (row["capacity"], row["certified_flag"], row["active_flag"]) == (2, "Y", "Y")


@pytest.mark.parametrize(
    ("path", "body"),
    [
        (f"/locations/{CELL}", SAME_CELL),
        (f"/locations/{CELL}", {**SAME_CELL, "comment": ""}),
        (f"/locations/{WORKSHOP}", SAME_WORKSHOP),
        (f"/locations/{CELL}/capacity", {"capacity": 2, "operationalCapacity": 1}),
        (f"/locations/{CELL}/certification", {"certified": True, "cnaCapacity": 1}),
    ],
)
async def test_n27_an_identical_write_changes_no_row(
    client: Client, prison: Prison, path: str, body: dict[str, Any]
) -> None:
    assert await put(client, path, body) == (HTTPStatus.OK, {})
    assert await prison.events() == []
    assert await prison.column("SELECT DISTINCT modify_datetime FROM agency_internal_locations") == [None]


async def test_n28_a_new_description_leaves_children_alone_and_tells_the_old_one(
    client: Client, prison: Prison
) -> None:
    await put(client, f"/locations/{CELL}", {**SAME_CELL, "description": "KMI-E-1-001", "locationCode": "001"})
    await put(client, f"/locations/{LANDING}", {"locationType": "LAND", "locationCode": "3", "description": "KMI-D-3"})
    cell, landing = await prison.events()
    assert (cell.entries["p_description"], cell.entries["p_old_description"]) == ("KMI-E-1-001", "KMI-D-2-014")
    assert (landing.entries["p_description"], landing.entries["p_old_description"]) == ("KMI-D-3", "KMI-D-2")
    assert (await prison.row())["description"] == "KMI-E-1-001"


async def test_n29_deactivating_without_a_word_is_of_today(client: Client, prison: Prison) -> None:
    await put(client, f"/locations/{CELL}/deactivate", {})
    row = await prison.row()
    [today] = await prison.column("SELECT london_now()::date::timestamp")
    assert (row["active_flag"], row["deactivate_date"]) == ("N", today)
    assert (row["deactivate_reason_code"], row["reactivate_date"]) == (None, None)


GONE_IN_MARCH = {"deactivateDate": "2024-03-04", "reasonCode": "G", "reactivateDate": "2024-05-06"}


async def test_n30_deactivation_is_stored_and_does_not_cascade(client: Client, prison: Prison) -> None:
    await put(client, f"/locations/{CELL}/deactivate", GONE_IN_MARCH)
    async with client.get(f"/locations/{CELL}") as answer:
        body = await answer.json()
    assert {name: body[name] for name in GONE_IN_MARCH} == GONE_IN_MARCH
    assert (await prison.row(LANDING))["active_flag"] == "Y"


async def test_n31_deactivating_again_is_refused_unless_forced(client: Client, prison: Prison) -> None:
    await put(client, f"/locations/{CELL}/deactivate", GONE_IN_MARCH)
    status, body = await put(client, f"/locations/{CELL}/deactivate", {})
    assert status == HTTPStatus.BAD_REQUEST
    assert "already inactive" in body["userMessage"]
    assert await put(client, f"/locations/{CELL}/deactivate", {"force": True}) == (HTTPStatus.OK, {})
    row = await prison.row()
    [today] = await prison.column("SELECT london_now()::date::timestamp")
    assert (row["deactivate_date"], row["deactivate_reason_code"]) == (today, None)


async def test_n32_an_unknown_reason_is_refused(client: Client, prison: Prison) -> None:
    status, body = await put(client, f"/locations/{CELL}/deactivate", {"reasonCode": "Z"})
    assert status == HTTPStatus.BAD_REQUEST
    assert "code=Z does not exist" in body["developerMessage"]
    assert (await prison.row())["active_flag"] == "Y"


async def test_n33_deactivating_needs_a_body(client: Client) -> None:
    async with client.put(f"/locations/{CELL}/deactivate") as answer:
        assert answer.status == HTTPStatus.BAD_REQUEST
        assert (await answer.json())["userMessage"].startswith("Bad request: ")


async def test_n34_reactivating_what_is_active_is_refused(client: Client) -> None:
    status, body = await put(client, f"/locations/{WING}/reactivate")
    assert status == HTTPStatus.BAD_REQUEST
    assert "already active" in body["userMessage"]


async def test_n35_reactivating_clears_deactivation_in_one_event(client: Client, prison: Prison) -> None:
    await put(client, f"/locations/{CELL}/deactivate", GONE_IN_MARCH)
    await put(client, f"/locations/{CELL}/reactivate")
    row = await prison.row()
    assert row["active_flag"] == "Y"
    assert {row[name] for name in ("deactivate_date", "deactivate_reason_code", "reactivate_date")} == {None}
    assert len(await prison.events()) == 2


CAPACITIES = (
    pytest.param({"capacity": 3, "operationalCapacity": 2}, "", (3, 2), id="n36"),
    pytest.param({"capacity": 3, "operationalCapacity": 2}, "?ignoreOperationalCapacity=true", (3, 1), id="n36-ignore"),
    pytest.param({}, "", (None, None), id="n37"),
    pytest.param({"capacity": -1, "operationalCapacity": -1}, "", (-1, -1), id="n38"),
)


@pytest.mark.parametrize(("body", "query", "expected"), CAPACITIES)
async def test_capacities_are_overwritten_as_given(
    client: Client, prison: Prison, body: dict[str, int], query: str, expected: tuple[int, int]
) -> None:
    assert await put(client, f"/locations/{CELL}/capacity{query}", body) == (HTTPStatus.OK, {})
    row = await prison.row()
    assert (row["capacity"], row["operation_capacity"]) == expected


async def test_n39_certification_without_cna_makes_it_zero(client: Client, prison: Prison) -> None:
    await put(client, f"/locations/{CELL}/certification", {"certified": True})
    row = await prison.row()
    assert (row["certified_flag"], row["cna_no"]) == ("Y", 0)
    await put(client, f"/locations/{CELL}/certification", {"cnaCapacity": None, "certified": None})
    assert (await prison.row())["certified_flag"] == "N"


@pytest.mark.parametrize("path", ["", "/deactivate", "/reactivate", "/capacity", "/certification"])
async def test_writing_to_what_does_not_exist_is_a_404_that_names_it(client: Client, path: str) -> None:
    status, body = await put(client, f"/locations/{UNKNOWN}{path}", SAME_CELL)
    assert status == HTTPStatus.NOT_FOUND
    assert str(UNKNOWN) in body["userMessage"]


async def test_two_definitions_of_one_usage_are_a_500(client: Client, prison: Prison) -> None:
    await prison.edit(
        "INSERT INTO internal_location_usages (agy_loc_id, internal_location_usage, event_sub_type)"
        " VALUES ('KMI', 'PROG', 'X')"
    )
    status, _ = await put(client, f"/locations/{WORKSHOP}", SAME_WORKSHOP)
    assert status == HTTPStatus.INTERNAL_SERVER_ERROR


async def test_deleting_a_usage_that_others_stand_below_is_a_500(client: Client, prison: Prison) -> None:
    await prison.edit(
        "INSERT INTO int_loc_usage_locations (internal_location_usage_id, internal_location_id,"
        " parent_usage_location_id) VALUES (901, 5001, 7001)"
    )
    status, _ = await put(client, f"/locations/{WORKSHOP}", {**SAME_WORKSHOP, "usages": []})
    assert status == HTTPStatus.INTERNAL_SERVER_ERROR


async def test_profiles_go_before_they_come_and_the_row_is_last(client: Client, prison: Prison) -> None:
    wanted = [{"profileType": "HOU_UNIT_ATT", "profileCode": "LC"}]
    usages = [{"internalLocationUsageType": "APP"}]
    await put(client, f"/locations/{CELL}", {**SAME_CELL, "profiles": wanted, "usages": usages, "comment": "x"})
    assert [event.kind for event in await prison.events()] == [PROFILES, PROFILES, PROFILES, USAGES, LOCATIONS]


async def test_what_the_api_writes_is_amended_in_its_name(client: Client, prison: Prison) -> None:
    await put(client, f"/locations/{CELL}/capacity", {"capacity": 3, "operationalCapacity": 1})
    assert await prison.amendments() == [("Maximum Capacity", "2", "3", "U", None, "PRISONER_MANAGER_API")]
