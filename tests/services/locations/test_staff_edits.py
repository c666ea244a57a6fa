"""Edits of one location by staff: the version they looked at, the trial of an edit, and the doors by key."""

from typing import Any

import pytest
from aiohttp import web

from libs.web.application import ROUTES
from services.locations.api.requests import MAINTAIN
from services.locations.rules.resizing import Resize, resized
from services.locations.rules.status import Standing
from tests.conftest import MakeToken
from tests.services.locations.cases import World
from tests.services.locations.conftest import Client
from tests.services.locations.f1 import F1, ID

CLOSING = {"deactivationReason": "DAMP"}
OFFICE = {"convertedCellType": "OFFICE"}
# Every door that edits one location: the template, an address that fits it, and a body that is accepted.
EDITS: dict[str, tuple[str, Any]] = {
    "PATCH /locations/residential/{locationId}": ("/locations/residential/{C-4-010}", {"code": "099"}),
    "PATCH /locations/residential/key/{key}": ("/locations/residential/key/KTI-C-4-010", {"usedFor": ["REMAND"]}),
    "PATCH /locations/non-residential/{locationId}": ("/locations/non-residential/{C-VIS}", {"code": "V2"}),
    "PATCH /locations/non-residential/key/{key}": ("/locations/non-residential/key/KTI-C-VIS", {"usage": []}),
    "PUT /locations/{locationId}/change-local-name": ("/locations/{C}/change-local-name", {"localName": "North"}),
    "PUT /locations/{locationId}/capacity": (
        "/locations/{C-4-010}/capacity",
        {"maxCapacity": 3, "workingCapacity": 3},
    ),
    "PUT /locations/{locationId}/specialist-cell-types": ("/locations/{C-4-010}/specialist-cell-types", ["DRY"]),
    "PUT /locations/{locationId}/used-for-type": ("/locations/{C-4-010}/used-for-type", ["REMAND"]),
    "PUT /locations/{locationId}/deactivate/temporary": ("/locations/{C-4-010}/deactivate/temporary", CLOSING),
    "PUT /locations/{locationId}/update/temporary-deactivation": (
        "/locations/{D-E-007}/update/temporary-deactivation",
        CLOSING,
    ),
    "PUT /locations/{locationId}/deactivate/permanent": ("/locations/{C-4-010}/deactivate/permanent", {"reason": "x"}),
    "PUT /locations/{locationId}/reactivate": ("/locations/{D-E-007}/reactivate", None),
    "PUT /locations/{locationId}/convert-cell-to-non-res-cell": (
        "/locations/{C-4-010}/convert-cell-to-non-res-cell",
        OFFICE,
    ),
    "PUT /locations/{locationId}/update-non-res-cell": ("/locations/{C-4-011}/update-non-res-cell", OFFICE),
    "PUT /locations/{locationId}/convert-to-cell": (
        "/locations/{C-4-011}/convert-to-cell",
        {"accommodationType": "NORMAL_ACCOMMODATION", "maxCapacity": "2", "workingCapacity": "2"},
    ),
}


async def sent(world: World, door: str, tag: str | None) -> tuple[int, str | None]:
    """Make an edit from a version; return the status and the new version's tag."""
    path, body = EDITS[door]
    headers = {"Authorization": f"Bearer {world.token({'ROLE_MAINTAIN_LOCATIONS'}, username='BOSS')}"}
    if tag is not None:
        headers["If-Match"] = tag
    method = door.split(" ", 1)[0]
    async with world.client.request(method, str(world.filled(path)), json=body, headers=headers) as answer:
        await answer.read()
        return answer.status, answer.headers.get("ETag")


async def test_every_edit_of_one_location_is_listed(client: Client) -> None:
    app: web.Application | None = client.app
    assert app is not None
    edits = {
        f"{route.method} {route.path}"
        for route in app[ROUTES]
        if route.needs == MAINTAIN and ("{locationId}" in route.path or "{key}" in route.path)
    }
    assert edits == set(EDITS)


@pytest.mark.parametrize("door", EDITS)
async def test_an_edit_from_an_old_version_is_refused_and_from_the_present_one_made(world: World, door: str) -> None:
    await world.connection.execute(
        """
        UPDATE location SET version = 7, converted_cell_type =
               CASE WHEN path_hierarchy = 'C-4-011' AND $1 THEN 'STORE' ELSE converted_cell_type END
        """,
        "non-res-cell" in door.removesuffix("/convert-cell-to-non-res-cell") or "convert-to-cell" in door,
    )
    assert await sent(world, door, '"6-0123456789abcdef"') == (412, None)
    assert await world.events() == []
    status, tag = await sent(world, door, '"7-0123456789abcdef"')
    assert status == 200
    assert await world.events() != []
    if tag is not None:
        assert tag.startswith('"8-')
    assert (await sent(world, door, '"7"'))[0] == 412


@pytest.mark.parametrize("door", ["deactivate/temporary", "reactivate"])
async def test_many_are_changed_from_the_versions_that_were_seen_of_each_or_none_is(world: World, door: str) -> None:
    closed = door == "reactivate"
    wish = {} if closed else CLOSING
    await world.connection.execute(
        "UPDATE location SET version = CASE path_hierarchy WHEN 'C-4-010' THEN 7 ELSE 8 END, active = NOT $1,"
        " deactivated_reason = CASE WHEN $1 THEN 'DAMP' END, deactivated_date = CASE WHEN $1 THEN now() END"
        " WHERE path_hierarchy IN ('C-4-010', 'C-4-011')",
        closed,
    )
    one, other = str(ID["C-4-010"]), str(ID["C-4-011"])
    stale = {one: {**wish, "version": 7}, other: {**wish, "version": 7}}
    told = await world.ask("PUT", f"/locations/bulk/{door}", {"locations": stale}, 412)
    assert "8 (KTI-C-4-011)" in told["developerMessage"]
    assert await world.events() == []
    seen = {one: {**wish, "version": 7}, other: wish}
    done = await world.ask("PUT", f"/locations/bulk/{door}", {"locations": seen})
    assert {each["key"] for each in done} >= {"KTI-C-4-010", "KTI-C-4-011"}


async def test_without_a_version_the_last_write_wins(world: World) -> None:
    for _ in range(2):
        assert (await sent(world, "PUT /locations/{locationId}/capacity", None))[0] == 200
    assert (await sent(world, "PUT /locations/{locationId}/capacity", "*"))[0] == 200
    assert (await sent(world, "PUT /locations/{locationId}/capacity", "7"))[0] == 400


async def test_nothing_changed_is_neither_a_version_nor_an_event(world: World) -> None:
    await world.ask("PUT", "/locations/{C-4-010}/capacity", {"maxCapacity": 2, "workingCapacity": 2})
    await world.ask("PATCH", "/locations/residential/{C-4-010}", {"code": "010"})
    await world.ask("PUT", "/locations/{C-4-010}/update/temporary-deactivation", CLOSING)
    await world.ask("PUT", "/locations/bulk/reactivate", {"locations": {"{C-4-010}": {}}})
    assert await world.events() == []
    assert await world.connection.fetchval("SELECT version FROM location WHERE id = $1", ID["C-4-010"]) == 1


CELL = {"prisonId": "KTI", "locationType": "CELL", "accommodationType": "NORMAL_ACCOMMODATION"}
TRIALS: list[tuple[dict[str, Any], int, dict[str, Any]]] = [
    ({"operation": "CREATE_RESIDENTIAL", "body": CELL | {"code": "X", "parentId": "{C-4}"}}, 200, {"key": "KTI-C-4-X"}),
    ({"operation": "CREATE_RESIDENTIAL", "body": CELL | {"code": "010", "parentId": "{C-4}"}}, 409, {"errorCode": 103}),
    ({"operation": "CREATE_RESIDENTIAL", "body": CELL | {"code": ""}}, 400, {"errorCode": 102}),
    (
        {
            "operation": "CREATE_NON_RESIDENTIAL",
            "body": {"prisonId": "KTI", "code": "GYM", "locationType": "SPORTS", "usage": [{"usageType": "OTHER"}]},
        },
        200,
        {"key": "KTI-GYM"},
    ),
    (
        {
            "operation": "CREATE_WING",
            "body": {"prisonId": "KTI", "wingCode": "W", "numberOfCellsPerSection": 3},
        },
        200,
        {"key": "KTI-W", "capacity": {"maxCapacity": 3, "workingCapacity": 3}},
    ),
    (
        {"operation": "PATCH_RESIDENTIAL", "locationId": "{C-4}", "body": {"parentId": "{D}"}},
        200,
        {"key": "KTI-D-4"},
    ),
    (
        {"operation": "PATCH_RESIDENTIAL", "locationId": "{C}", "body": {"parentId": "{C-4}"}},
        400,
        {"title": "Parent not allowed"},
    ),
    ({"operation": "PATCH_NON_RESIDENTIAL", "locationId": "{C-4}", "body": {}}, 404, {"errorCode": 101}),
    ({"operation": "PAINT", "body": {}}, 400, {}),
]


@pytest.mark.parametrize(("trial", "status", "told"), TRIALS)
async def test_a_trial_answers_as_the_door_would_and_keeps_nothing(
    world: World, trial: dict[str, Any], status: int, told: dict[str, Any]
) -> None:
    before = await world.connection.fetch("SELECT * FROM location ORDER BY id")
    answer = await world.ask("POST", "/locations/validate", trial, status)
    assert {name: answer[name] for name in told} == told
    assert await world.connection.fetch("SELECT * FROM location ORDER BY id") == before
    assert await world.connection.fetchval("SELECT count(*) FROM location_history") == 0
    assert await world.events() == []


async def test_those_above_are_shown_with_all_they_hold(world: World) -> None:
    shown = await world.ask("PUT", "/locations/{C-4-010}/capacity", {"maxCapacity": 4, "workingCapacity": 3})
    landing = shown["parentLocation"]
    assert (landing["key"], landing["capacity"]) == ("KTI-C-4", {"maxCapacity": 6, "workingCapacity": 5})
    assert landing["parentLocation"]["key"] == "KTI-C"
    assert "parentLocation" not in landing["parentLocation"]


async def test_details_go_along_to_those_that_were_closed_along(world: World) -> None:
    await world.ask("PUT", "/locations/{C-4-011}/deactivate/temporary", {"deactivationReason": "PEST"})
    await world.ask("PUT", "/locations/{C}/deactivate/temporary", CLOSING)
    await world.events()
    details = {"deactivationReason": "MOTHBALLED", "proposedReactivationDate": "", "planetFmReference": "P1"}
    await world.ask("PUT", "/locations/{C}/update/temporary-deactivation", details)
    told = {(kind, key) for kind, key, _ in await world.events()}
    assert told == {("deactivated", f"KTI-{path}") for path in ("C", "C-4", "C-4-010", "C-4-0S1", "C-5")}
    assert (await world.see("/locations/{C-4-011}"))["deactivatedReason"] == "PEST"
    room = await world.connection.fetchrow("SELECT active, deactivated_reason FROM location WHERE id = $1", ID["C-VIS"])
    assert room is not None
    assert tuple(room) == (True, None)


@pytest.mark.parametrize(
    ("accommodation", "housing"),
    [
        ("NORMAL_ACCOMMODATION", "NORMAL_ACCOMMODATION"),
        ("HEALTHCARE_INPATIENTS", "HEALTHCARE"),
        ("CARE_AND_SEPARATION", "SEGREGATION"),
        ("OTHER_NON_RESIDENTIAL", "OTHER_USE"),
    ],
)
async def test_a_created_cell_has_the_unit_type_that_says_what_it_is_for(
    world: World, accommodation: str, housing: str
) -> None:
    both = {"usedFor": ["REMAND"], "specialistCellTypes": ["CAT_A", "DRY"]}
    wish = CELL | both | {"code": "X", "parentId": "{C-4}", "accommodationType": accommodation, "localName": ""}
    made = await world.ask("POST", "/locations/residential", wish, 201)
    assert (made["accommodationTypes"], made["specialistCellTypes"]) == ([accommodation], ["CAT_A", "DRY"])
    assert "REMAND" in made["usedFor"]
    legacy = await world.see(f"/sync/id/{made['id']}")
    assert legacy["residentialHousingType"] == housing


@pytest.mark.parametrize(
    ("parent", "why"),
    [("C-4-010", "is a cell"), ("C-VIS", "not residential"), ("C-4-012", "permanently"), ("A-1", "another prison")],
)
async def test_nothing_is_made_or_moved_where_it_cannot_stand(world: World, parent: str, why: str) -> None:
    made = CELL | {"code": "X", "parentId": f"{{{parent}}}"}
    told = [
        await world.ask("POST", "/locations/residential", made, 400),
        await world.ask("PATCH", "/locations/residential/{D-E}", {"parentId": f"{{{parent}}}"}, 400),
    ]
    assert all(why in each["developerMessage"] for each in told)
    assert all("errorCode" not in each for each in told)


async def test_a_wing_is_not_made_larger_than_any_wing(world: World) -> None:
    wing = {"prisonId": "KTI", "wingCode": "W", "numberOfLandings": 10, "numberOfCellsPerSection": 999}
    told = await world.ask("POST", "/locations/create-wing", wing, 400)
    assert told["errorCode"] == 102
    assert "2000" in told["developerMessage"]


def test_a_cell_whose_people_could_not_be_counted_is_told_so_and_not_resized() -> None:
    cell = next(row for row in F1 if row.path_hierarchy == "C-4-010")
    after, [told] = resized(Standing(cell), Resize(3, 3), None)
    assert after is cell
    assert "could not be counted" in told["message"]


async def test_many_capacities_are_told_one_by_one(world: World, token: MakeToken) -> None:
    two = {"maxCapacity": 2, "workingCapacity": 2}
    resize = {"KTI-C-4-010": {"maxCapacity": 200, "workingCapacity": 1}, "nonsense": two}
    resize |= {"KTI-C-4-011": two, "KTI-C": two}
    told = await world.ask("PUT", "/locations/bulk/capacity-update", {"locations": resize})
    assert {key: len(each) for key, each in told.items()} == dict.fromkeys(resize, 1)
    assert "99" in told["KTI-C-4-010"][0]["message"]
    assert "not a cell" in told["KTI-C"][0]["message"]
    assert "nothing" in told["KTI-C-4-011"][0]["message"]
    assert await world.events() == []
    elsewhere = {"Authorization": f"Bearer {token({'ROLE_MAINTAIN_LOCATIONS'}, prisons={'LEI'})}"}
    async with world.client.put("/locations/bulk/capacity-update", json={"locations": resize}, headers=elsewhere) as no:
        assert no.status == 403


async def test_a_path_that_no_column_holds_is_refused_by_name(world: World) -> None:
    parent = "{C}"
    for number in range(12):
        new = {"prisonId": "KTI", "code": f"LONG-CODE-{number:02}", "locationType": "LANDING", "parentId": parent}
        made = new | {"accommodationType": "NORMAL_ACCOMMODATION"}
        answer = await world.call(
            {"method": "POST", "path": "/locations/residential", "auth": "MAINT+write", "body": made}
        )
        if answer.status != 201:
            break
        parent = answer.body["id"]
    assert (answer.status, answer.body["errorCode"]) == (400, 102)
    assert "code" in answer.body["developerMessage"]
    told = await world.ask("PATCH", "/locations/residential/{C}", {"code": "A-LONG-CODE"}, 400)
    assert told["errorCode"] == 102
