"""The legacy doors beyond the numbered cases: the record's addresses, and one transaction for a snapshot."""

from typing import Any

import pytest

from tests.services.locations.cases import BY_ID, World
from tests.services.locations.f1 import ID

PLAIN: dict[str, Any] = BY_ID["S02"]["request"]["body"]
MIGRATED: dict[str, Any] = BY_ID["M01"]["request"]["body"]


def update(path: str, **changed: Any) -> dict[str, Any]:
    return PLAIN | {"id": f"{{{path}}}", "code": path.rsplit("-", 1)[-1], "parentLocationPath": None, **changed}


async def test_the_records_addresses_do_the_same(world: World) -> None:
    made = await world.ask("POST", "/locations/sync/upsert", PLAIN, 201, auth="SYNC+write")
    await world.ask("DELETE", f"/locations/sync/delete?id={made['id']}", status=204, auth="SYNC+write")
    again = await world.ask("POST", "/locations/migrate", MIGRATED, 201, auth="MIGRATE")
    assert again["key"] == "KTI-C-4-040"


async def test_the_records_get_says_that_it_is_deprecated(world: World) -> None:
    headers = {"Authorization": f"Bearer {world.token({'ROLE_SYNC_LOCATIONS'})}"}
    async with world.client.get("/locations/sync/upsert", json=PLAIN, headers=headers) as answer:
        made = await answer.json()
        assert (answer.status, made["key"]) == (201, "KTI-C-4-020")
        assert answer.headers["Cache-Control"] == "no-store"
        assert "Deprecation" in answer.headers
    async with world.client.get(f"/locations/sync/delete?id={made['id']}", headers=headers) as answer:
        assert answer.status == 204
        assert "Deprecation" in answer.headers
    # A refusal that is kept would be shown for a location that came meanwhile.
    for asked, status in ((made["id"], 404), ("C-4", 400)):
        async with world.client.get(f"/locations/sync/delete?id={asked}", headers=headers) as answer:
            assert (answer.status, answer.headers["Cache-Control"]) == (status, "no-store")
            assert "Deprecation" in answer.headers


async def test_a_snapshot_that_changes_and_closes_is_one_version_one_event_and_all_or_nothing(world: World) -> None:
    closing = {"deactivationReason": "DAMAGED", "capacity": {"maxCapacity": 3, "workingCapacity": 1}}
    taken = update("C-4-010", **closing) | {"code": "011"}
    assert (await world.ask("POST", "/sync/upsert", taken, 409, auth="SYNC+write"))["errorCode"] == 103
    assert (await world.see("/locations/{C-4-010}"))["active"] is True
    assert await world.events() == []
    await world.ask("POST", "/sync/upsert", update("C-4-010", **closing), auth="SYNC+write")
    assert await world.events() == [("deactivated", "KTI-C-4-010", "NOMIS")]
    version = await world.connection.fetchval("SELECT version FROM location WHERE id = $1", ID["C-4-010"])
    assert version == 2
    shown = await world.see("/locations/{C-4-010}")
    assert (shown["capacity"]["maxCapacity"], shown["oldWorkingCapacity"]) == (3, 1)


async def test_a_wing_renamed_and_closed_at_once_announces_its_cells_by_their_new_keys(world: World) -> None:
    wing = update("C", code="CC", locationType="WING", deactivationReason="DAMAGED")
    await world.ask("POST", "/sync/upsert", wing, auth="SYNC+write")
    told = await world.events()
    assert told[-1] == ("deactivated", "KTI-CC", "NOMIS")
    assert {source for _, _, source in told[:-1]} == {"DPS"}
    assert all(key.startswith("KTI-CC-") for _, key, _ in told[:-1])
    assert (await world.see("/locations/{C-4-010}"))["key"] == "KTI-CC-4-010"


async def test_a_cell_moved_below_a_closed_wing_and_reopened_revives_the_wing_it_came_to(world: World) -> None:
    await world.ask("PUT", "/locations/{D}/deactivate/temporary", {"deactivationReason": "DAMP"})
    await world.ask("PUT", "/locations/{C-4-010}/deactivate/temporary", {"deactivationReason": "DAMP"})
    await world.events()
    await world.ask("POST", "/sync/upsert", update("C-4-010", parentLocationPath="D-E"), auth="SYNC+write")
    told = await world.events()
    assert told == [
        ("reactivated", "KTI-D", "DPS"),
        ("reactivated", "KTI-D-E", "DPS"),
        ("reactivated", "KTI-D-E-010", "NOMIS"),
    ]


@pytest.mark.parametrize(
    "empty", ["comments", "localName", "deactivatedDate", "deactivationReason", "createDate", "id"]
)
async def test_an_empty_text_is_nothing(world: World, empty: str) -> None:
    await world.ask("POST", "/sync/upsert", PLAIN | {empty: ""}, 201, auth="SYNC+write")


async def test_the_migrate_doors_take_the_migrate_role_alone(world: World) -> None:
    for path in ("/migrate/location", "/locations/migrate", "/migrate/locations/validate"):
        for auth in ("SYNC+write", "MAINT+write", "VIEW", "no roles"):
            await world.ask("POST", path, MIGRATED, 403, auth=auth)


async def test_a_time_with_a_zone_is_told_as_londons_clock_shows_it(world: World) -> None:
    change = {"attribute": "COMMENTS", "newValue": "x", "amendedBy": "A", "amendedDate": "2024-07-01T10:00:00Z"}
    wish = MIGRATED | {"history": [change], "createDate": "2024-07-01T09:00:00Z"}
    made = await world.ask("POST", "/migrate/location", wish, 201, auth="MIGRATE")
    shown = await world.see(f"/sync/id/{made['id']}?includeHistory=true")
    assert shown["lastModifiedDate"] == "2024-07-01T10:00:00"
    assert [each["amendedDate"] for each in shown["changeHistory"] if each["attribute"] == "Comments"] == [
        "2024-07-01T11:00:00"
    ]
