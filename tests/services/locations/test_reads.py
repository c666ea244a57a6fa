"""What the numbered cases do not say of the reads, on fixture F1: other ways to ask, empty lists, shapes, order."""

from typing import Any

import pytest

from tests.services.locations.asking import Asking, holds
from tests.services.locations.prison import at, cell, put, row

LIST, SUMMARY = "GET /locations/prison/KTI", "GET /locations/residential-summary/KTI"
SIGNED = {"prisonId": "KTI", "updatedBy": "BOSS"}


async def test_a_summary_below_a_location_is_asked_by_path_or_by_id(f1: Asking) -> None:
    by_path = await f1.ask("VIEW", f"{SUMMARY}?parentPathHierarchy=C-4")
    assert await f1.ask("VIEW", f"{SUMMARY}?parentLocationId={{C-4}}&latestHistory=true") == by_path
    assert by_path["subLocationName"] == "Cells"
    assert by_path["locationHierarchy"][1] == {
        "id": str(f1.id("C-4")),
        "prisonId": "KTI",
        "code": "4",
        "type": "LANDING",
        "pathHierarchy": "C-4",
        "level": 2,
    }


async def test_a_summary_lists_by_local_name_and_hides_areas_and_what_is_archived(f1: Asking) -> None:
    await put(
        f1.connection,
        [
            row(70, "B", location_type="WING", local_name="WING 10"),
            row(71, "F", location_type="WING", local_name="wing 9"),
            row(72, "G", location_type="AREA"),
            row(73, "H", location_type="OFFICE"),
        ],
    )
    await f1.connection.execute("UPDATE location SET archived = true, active = false WHERE path_hierarchy = 'D'")
    summary = await f1.ask("VIEW", SUMMARY)
    assert [each["key"] for each in summary["subLocations"]] == ["KTI-C", "KTI-F", "KTI-B"]
    assert (summary["subLocationName"], summary["prisonSummary"]["numberOfCellLocations"]) == ("Wings", 3)


async def test_a_prison_without_locations_is_said_to_consist_of_wings(f1: Asking) -> None:
    summary = await f1.ask("VIEW", "GET /locations/residential-summary/LGI")
    assert (summary["topLevelLocationType"], summary["subLocations"]) == ("Wings", [])
    assert "subLocationName" not in summary


async def test_the_parent_of_a_summary_was_changed_last_by_its_history(f1: Asking) -> None:
    await f1.connection.execute(
        """
        INSERT INTO location_history (location_id, attribute_name, new_value, amended_by, amended_date)
        VALUES ($1, 'DESCRIPTION', 'x', 'HISTORIAN', '2025-01-02 03:04:05')
        """,
        f1.id("C-4"),
    )
    parent = (await f1.ask("VIEW", f"{SUMMARY}?parentPathHierarchy=C-4"))["parentLocation"]
    assert (parent["lastModifiedBy"], parent["lastModifiedDate"]) == ("HISTORIAN", "2025-01-02T03:04:05")


@pytest.mark.parametrize(
    "line",
    [
        "GET /locations/residential-summary/XXI",
        f"{SUMMARY}?parentPathHierarchy=Q",
        f"{SUMMARY}?parentLocationId={{C-VIS}}",
        f"{LIST}/inactive-cells?parentLocationId={at('KTI', 999)}",
    ],
)
async def test_what_is_not_there_or_not_residential_is_not_found(f1: Asking, line: str) -> None:
    assert (await f1.ask("VIEW", line, status=404))["errorCode"] == 101


async def test_below_a_location_cells_and_rooms_are_inactive_by_themselves_or_by_what_is_above(f1: Asking) -> None:
    await f1.connection.execute("UPDATE location SET active = false WHERE path_hierarchy = 'C'")
    found = await f1.ask("VIEW", f"{LIST}/inactive-cells?parentLocationId={{C}}")
    assert [each["key"] for each in found] == ["KTI-C-4-010", "KTI-C-4-011", "KTI-C-4-0S1"]
    assert [each["key"] for each in await f1.ask("VIEW", f"{LIST}/inactive-cells")] == ["KTI-D-E-007"]


async def test_archived_locations_are_listed_in_natural_order(f1: Asking) -> None:
    gone: dict[str, Any] = {"active": False, "archived": True}
    await put(f1.connection, [cell(80 + n, f"Z-{n}", None, **gone) for n in (10, 9, 2)])
    found = [each["key"] for each in await f1.ask("VIEW", f"{LIST}/archived")]
    assert found == ["KTI-C-4-012", "KTI-Z-2", "KTI-Z-9", "KTI-Z-10"]


async def test_the_signed_capacity_is_set_without_a_slash_too_and_stands_in_the_summary(f1: Asking) -> None:
    await f1.ask("MAINT", "POST /signed-op-cap", SIGNED | {"signedOperationCapacity": 4}, 201)
    signed = await f1.ask("VIEW", "GET /signed-op-cap/KTI")
    assert (signed["signedOperationCapacity"], signed["updatedBy"]) == (4, "BOSS")
    assert len(signed["whenUpdated"]) == len("2025-02-14T09:30:00")
    assert (await f1.ask("VIEW", SUMMARY))["prisonSummary"]["signedOperationalCapacity"] == 4
    for prison, status, code in (("XXI", 404, 101), ("ABC", 400, 102)):
        body = {"prisonId": prison, "updatedBy": "BOSS", "signedOperationCapacity": 0}
        assert (await f1.ask("MAINT", "POST /signed-op-cap", body, status))["errorCode"] == code


async def test_history_reaches_into_the_children_newest_first(f1: Asking) -> None:
    await f1.ask("MAINT", "PUT /locations/{C-4}/change-local-name", {"localName": "Upper"})
    await f1.ask("MAINT", "PUT /locations/{C-4}/change-local-name", {"localName": "Lower"})
    wing = await f1.ask("VIEW", "GET /locations/{C}?includeChildren=true&includeHistory=true")
    assert wing["changeHistory"] == []
    [landing] = [each for each in wing["childLocations"] if each["code"] == "4"]
    assert [each["newValue"] for each in landing["changeHistory"]] == ["Lower", "Upper"]
    assert landing["childLocations"][0]["changeHistory"] == []
    by_key = await f1.ask("VIEW", "GET /locations/key/KTI-C?includeChildren=true&includeHistory=true")
    assert by_key == wing
    alone = await f1.ask("VIEW", "GET /locations/key/KTI-C-4?includeHistory=true")
    assert (alone["changeHistory"], "childLocations" in alone) == (landing["changeHistory"], False)


async def test_lists_are_there_when_empty_and_what_is_not_set_is_absent(f1: Asking) -> None:
    landing = await f1.ask("VIEW", "GET /locations/{C-5}")
    holds(landing, {"accommodationTypes": [], "usedFor": [], "specialistCellTypes": [], "isResidential": True})
    room = await f1.ask("VIEW", "GET /locations/{C-VIS}")
    assert room["usage"] == [{"usageType": "VISIT", "capacity": 15, "sequence": 1}]
    residential_only = {"capacity", "certification", "accommodationTypes", "usedFor", "specialistCellTypes"}
    assert not residential_only & set(room)
    assert "usage" not in landing
    for shown in (landing, room):
        assert None not in shown.values()
    legacy = await f1.ask("VIEW", "GET /sync/id/{C-5}")
    holds(legacy, {"attributes": [], "ignoreWorkingCapacity": True, "permanentlyDeactivated": False})
    assert None not in legacy.values()


async def test_a_cell_keeps_its_local_name_to_itself_and_a_wing_shows_it_word_by_word(f1: Asking) -> None:
    await f1.connection.execute("UPDATE location SET local_name = 'o''BRIEN 2ND z1' WHERE code IN ('C', '010')")
    assert (await f1.ask("VIEW", "GET /locations/{C}"))["localName"] == "O'brien 2nd Z1"
    assert "localName" not in await f1.ask("VIEW", "GET /locations/{C-4-010}")
    assert (await f1.ask("VIEW", "GET /sync/id/{C-4-010}"))["localName"] == "o'BRIEN 2ND z1"


async def test_dates_are_londons_with_seconds_and_without_zone(f1: Asking) -> None:
    await f1.connection.execute(
        """
        UPDATE location SET deactivated_date = '2025-07-01 09:30:15', proposed_reactivation_date = '2026-01-02',
               when_updated = '2025-07-01 09:30:15.987' WHERE path_hierarchy = 'D-E-007'
        """
    )
    cell_shown = await f1.ask("VIEW", "GET /locations/{D-E-007}")
    dates = {"deactivatedDate": "2025-07-01T09:30:15", "proposedReactivationDate": "2026-01-02"}
    holds(cell_shown, dates | {"lastModifiedDate": "2025-07-01T09:30:15"})
    holds(await f1.ask("VIEW", "GET /sync/id/{D-E-007}"), dates | {"deactivatedDate": "2025-07-01"})


async def test_pages_are_stable_and_a_page_beyond_the_last_is_empty(f1: Asking) -> None:
    pages = [await f1.ask("VIEW", f"GET /locations?page={n}&size=4&sort=locationType,desc&sort=code") for n in range(5)]
    assert [page["numberOfElements"] for page in pages] == [4, 4, 4, 3, 0]
    assert len({each["id"] for page in pages for each in page["content"]}) == 15
    assert [(page["first"], page["last"], page["empty"]) for page in pages] == [
        (True, False, False),
        (False, False, False),
        (False, False, False),
        (False, True, False),
        (False, True, True),
    ]
    unsorted = await f1.ask("VIEW", "GET /locations")
    assert [each["id"] for each in unsorted["content"]] == sorted(each["id"] for each in unsorted["content"])
    assert unsorted["sort"] == {"empty": False, "sorted": True, "unsorted": False}


async def test_a_list_of_codes_says_more_only_of_specialist_types(f1: Asking) -> None:
    special = (await f1.ask("REF", "GET /constants/specialist-cell-type"))["specialistCellTypes"]
    assert ([each["key"] for each in special if "additionalInformation" in each], len(special)) == (
        ["ACCESSIBLE_CELL", "BIOHAZARD_DIRTY_PROTEST"],
        14,
    )
    families = (await f1.ask("REF", "GET /constants/residential-attribute-type"))["residentialAttributeTypes"]
    assert [each["description"] for each in families] == sorted(each["description"] for each in families)
    assert sum(len(each["values"]) for each in families) == 83
    sizes = {"location-type": 39, "deactivated-reason": 9, "residential-housing-type": 7, "accommodation-type": 4}
    sizes |= {"non-residential-usage-type": 8, "converted-cell-type": 10}
    for name, size in sizes.items():
        [listed] = (await f1.ask("REF", f"GET /constants/{name}")).values()
        assert (len(listed), set(listed[0])) == (size, {"key", "description"})
    await f1.ask("VIEW", "GET /constants/location-type", status=403)


async def test_health_tells_of_the_database_and_of_whom_is_asked(f1: Asking) -> None:
    async with f1.client.get("/health") as answer:
        told = await answer.json()
    asked = {"db", "hmppsAuthApi", "prisonerSearchApi", "prisonRegisterApi", "prisonApi"}
    assert {name: told["components"][name]["status"] for name in asked} == dict.fromkeys(asked, "UP")


async def test_an_archived_cell_shows_nomis_no_attributes(f1: Asking) -> None:
    await f1.connection.execute("UPDATE location SET attributes = '{CAT_B}' WHERE code IN ('010', '012')")
    shown = [await f1.ask("VIEW", f"GET /sync/id/{{C-4-{code}}}") for code in ("010", "012")]
    assert [each["attributes"] for each in shown] == [["CAT_B"], []]
    assert (await f1.ask("VIEW", "GET /sync/id/{C}"))["attributes"] == ["CAT_B", "DOUBLE_OCCUPANCY"]
