"""What cannot be read, or breaks a rule, is told by status, code and field at every door, and is never a 500."""

import re
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest
from aiohttp import web

from libs.domain.sync import SyncErrorCode
from libs.web.application import ROUTES
from libs.web.binding import signature_of
from libs.web.routing import Route
from services.locations.api.problems import CAPACITY_CODE, PROBLEMS
from services.locations.errors import CapacityNotAllowed
from services.locations.rules import capacity
from services.locations.rules.status import Standing
from tests.conftest import MakeToken
from tests.services.locations.cases import World
from tests.services.locations.conftest import Client
from tests.services.locations.f1 import F1

# errorCode → status, as the contract has them (§2.1); 105 and 108 are never raised.
CODES = {
    101: 404,
    102: 400,
    103: 409,
    104: 400,
    106: 400,
    107: 409,
    109: 409,
    110: 404,
    111: 404,
    112: 400,
    113: 400,
    114: 400,
    115: 400,
    116: 400,
    117: 400,
    118: 400,
}


def writing(app: web.Application | None) -> Iterator[Route]:
    """List the routes that take a body."""
    assert app is not None
    yield from (route for route in app[ROUTES] if signature_of(route).body is not None)


def address(route: Route, location_id: object = UUID(int=7)) -> str:
    return re.sub(r"{[^{}]+}", str(location_id), route.path.replace("{prisonId}", "LEI"))


def test_every_code_of_the_contract_has_its_status() -> None:
    ours = {problem.error_code: problem.status for problem in PROBLEMS.values() if problem.error_code}
    # The sync doors' own, which the contract does not know.
    assert [ours.pop(code) for code in (SyncErrorCode.SYNC_OFF, SyncErrorCode.BUSY)] == [409, 409]
    ours |= dict.fromkeys(CAPACITY_CODE.values(), PROBLEMS[CapacityNotAllowed].status)
    assert ours == CODES


@pytest.mark.parametrize(
    ("maximum", "working", "occupants", "code"),
    [
        (0, 0, 1, 117),
        (100, 100, None, 112),
        (100, 1, None, 113),
        (1, 2, None, 114),
        (0, 0, None, 115),
        (2, 0, None, 106),
        (2, 0, 3, 117),
    ],
)
def test_capacity_rules_are_checked_in_the_contracts_order(
    maximum: int, working: int, occupants: int | None, code: int
) -> None:
    cell = next(row for row in F1 if row.path_hierarchy == "C-4-010")
    with pytest.raises(CapacityNotAllowed) as refused:
        capacity.check(Standing(cell), maximum, working, occupants=occupants)
    assert CAPACITY_CODE[refused.value.rule] == code


async def test_what_cannot_be_read_is_a_clear_refusal_at_every_door(client: Client, token: MakeToken) -> None:
    wrong: list[str] = []
    for route in writing(client.app):
        headers = {"Authorization": f"Bearer {token(route.needs.roles)}"}
        as_json = headers | {"Content-Type": "application/json"}
        tries = [("{", as_json, 400), ('"x"', as_json, 400), ("7", as_json, 400)]
        tries += [("{}", headers | {"Content-Type": "text/plain"}, 415), ("", as_json, 400)]
        for body, sent, expected in tries:
            async with client.request(route.method, address(route), data=body, headers=sent) as answer:
                told = await answer.json()
                if answer.status != expected or "errorCode" in told or not told["developerMessage"]:
                    wrong.append(f"{route.method} {route.path} {body!r}: {answer.status} {told}")
    assert wrong == []


async def test_a_bad_id_and_a_wrong_method_are_told_at_every_door(client: Client, token: MakeToken) -> None:
    wrong: list[str] = []
    for route in writing(client.app):
        headers = {"Authorization": f"Bearer {token(route.needs.roles)}", "Content-Type": "application/json"}
        if "Id}" in route.path and "prisonId" not in route.path:
            async with client.request(route.method, address(route, "not-a-uuid"), data="{}", headers=headers) as answer:
                if answer.status != 400 or "errorCode" in await answer.json():
                    wrong.append(f"{route.method} {route.path}: {answer.status}")
        async with client.request("TRACE", address(route), headers=headers) as answer:
            if answer.status != 405:
                wrong.append(f"TRACE {route.path}: {answer.status}")
    assert wrong == []


NEW = {"prisonId": "KTI", "code": "X", "locationType": "CELL", "accommodationType": "NORMAL_ACCOMMODATION"}
ROOM = {"prisonId": "KTI", "code": "X", "locationType": "OFFICE"}
WING = {"prisonId": "KTI", "wingCode": "W", "numberOfCellsPerSection": 1}
MADE_CELL = {"accommodationType": "CARE_AND_SEPARATION"}
PATCH = "/locations/residential/{C-4-010}"
BODIES: list[tuple[str, str, Any, int | None, str]] = [
    ("POST", "/locations/residential", NEW | {"capacity": {"maxCapacity": 100}}, 102, "capacity.maxCapacity"),
    ("POST", "/locations/residential", NEW | {"locationType": "OFFICE"}, None, "locationType"),
    ("POST", "/locations/residential", NEW | {"locationType": "CASTLE"}, None, "locationType"),
    ("POST", "/locations/residential", NEW | {"parentId": "x"}, None, "parentId"),
    ("POST", "/locations/residential", NEW | {"localName": "n" * 81}, 102, "localName"),
    (
        "POST",
        "/locations/non-residential",
        {"prisonId": "KTI", "code": "X", "locationType": "WING"},
        None,
        "locationType",
    ),
    ("POST", "/locations/non-residential", ROOM | {"usage": [{"usageType": "X"}]}, None, "usage.0.usageType"),
    ("PATCH", PATCH, {"code": ""}, 102, "code"),
    ("PATCH", PATCH, {"accommodationType": "TENT"}, None, "accommodationType"),
    (
        "PUT",
        "/locations/bulk/reactivate",
        {"locations": {"{C-4-010}": {"capacity": {"maxCapacity": 1, "workingCapacity": 100}}}},
        102,
        "capacity.workingCapacity",
    ),
    ("PUT", "/locations/bulk/reactivate", {"locations": {"x": {}}}, None, "locations.x"),
    (
        "PUT",
        "/locations/bulk/deactivate/temporary",
        {"locations": {"{C-4-010}": {"deactivationReason": "DAMP", "planetFmReference": "p" * 61}}},
        102,
        "planetFmReference",
    ),
    (
        "PUT",
        "/locations/bulk/capacity-update",
        {"locations": {"KTI-C-4-010": {"maxCapacity": 1}}},
        None,
        "workingCapacity",
    ),
    ("PUT", "/locations/{C-4-010}/deactivate/permanent", {"reason": ""}, 102, "reason"),
    ("PUT", "/locations/{C-4-010}/deactivate/temporary", {"deactivationReason": ""}, None, "deactivationReason"),
    (
        "PUT",
        "/locations/{C-4-010}/convert-to-cell",
        {"accommodationType": "CARE_AND_SEPARATION", "maxCapacity": "x"},
        None,
        "maxCapacity",
    ),
    (
        "POST",
        "/locations/create-wing",
        {"prisonId": "KTI", "wingCode": "W", "numberOfCellsPerSection": -1},
        102,
        "numberOfCells",
    ),
]


@pytest.mark.parametrize(("method", "path", "body", "code", "field"), BODIES)
async def test_a_wrong_field_is_named(
    world: World, method: str, path: str, body: Any, code: int | None, field: str
) -> None:
    told = await world.ask(method, path, body, 400)
    assert (told.get("errorCode"), field in told["developerMessage"]) == (code, True), told


async def test_what_nobody_knows_is_ignored(world: World) -> None:
    await world.ask("POST", "/locations/residential", NEW | {"isDeactivated": True, "colour": "blue"}, 201)
