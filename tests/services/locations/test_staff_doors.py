"""Staff doors over HTTP and a real database: cases of `reference/locations-api.md` §7 by number, rules, roles, history.

Fixture F1 in part: prison KTI, wing C with landing 4 and cells 010 and 011; room C-VIS; wing D with landing E and cell
007 out of use.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import asyncpg
import orjson
import pytest
from aiohttp.test_utils import TestClient, TestServer

from libs.domain.identity import dps_id_for
from libs.domain.nomis import NomisLocation, NomisLocationId, NomisUsage
from services.locations import app
from services.locations.rules.naming import capitalised
from services.locations.settings import Settings
from tests.conftest import MakeToken
from tests.contracts.locations import migrated
from tests.libs.domain.rows import nomis_cell
from tests.routes import refusals
from tests.services.locations.conftest import Client

PARENTS = {"C-4": "C", "C-4-010": "C-4", "C-4-011": "C-4", "C-VIS": "C", "D-E": "D", "D-E-007": "D-E"}


def row(number: int, path: str, **changed: Any) -> NomisLocation:
    """A row of KTI as migration meets it."""
    plain: dict[str, Any] = {
        "location_id": NomisLocationId(number),
        "prison_id": "KTI",
        "description": f"KTI-{path}",
        "location_code": path.rsplit("-", 1)[-1],
        "parent_location_id": None,
        "capacity": 2,
        "operational_capacity": 2,
        "cna_capacity": 2,
        "profiles": (),
        "comment": None,
    }
    return nomis_cell(**plain | changed)


ROWS = {
    "C": row(1, "C", location_type="WING"),
    "D": row(2, "D", location_type="WING"),
    "C-4": row(3, "C-4", location_type="LAND"),
    "D-E": row(4, "D-E", location_type="LAND"),
    "C-4-010": row(5, "C-4-010"),
    "C-4-011": row(6, "C-4-011"),
    "D-E-007": row(7, "D-E-007", active=False, reason_code="J"),
    "C-VIS": row(
        8,
        "C-VIS",
        location_type="VISIT",
        unit_type=None,
        usages=(NomisUsage(internal_location_usage_type="VISIT", capacity=15, sequence=1),),
    ),
}
ID = {path: dps_id_for(each.location_id) for path, each in ROWS.items()}


@dataclass
class Kti:
    """The prison, and somebody who may maintain it."""

    client: Client
    connection: "asyncpg.Connection[asyncpg.Record]"
    search: Client
    headers: dict[str, str]
    people: list[str] = field(default_factory=list)

    async def ask(self, method: str, path: str, body: Any = None, status: int = 200) -> Any:
        for known, location_id in sorted(ID.items(), reverse=True):
            path = path.replace("{" + known + "}", str(location_id))
        async with self.client.request(method, path, json=body, headers=self.headers) as answer:
            told = await answer.read()
            assert answer.status == status, told
            return orjson.loads(told) if told else None

    async def events(self) -> list[tuple[str, str]]:
        """Return (type, key) of the events told so far, in order, and forget them."""
        told = await self.connection.fetch(
            "DELETE FROM outbox WHERE topic = 'domain-events' RETURNING id, event_type, body, attributes"
        )
        rows = sorted(told, key=lambda each: each["id"])
        assert {orjson.loads(each["attributes"])["source"] for each in rows} <= {"DPS"}
        return [
            (
                each["event_type"].removeprefix("location.inside.prison."),
                orjson.loads(each["body"])["additionalInformation"]["key"],
            )
            for each in rows
        ]

    async def acts(self) -> list[dict[str, Any]]:
        """Return what was noted for the audit so far, in order, with its details read, and forget it."""
        told = await self.connection.fetch("DELETE FROM outbox WHERE topic = 'audit' RETURNING id, body")
        acts = [orjson.loads(each["body"]) for each in sorted(told, key=lambda each: each["id"])]
        return [act | {"details": orjson.loads(act["details"])} for act in acts]

    async def put_in(self, cell: str, number: str) -> None:
        self.people.append(number)
        await self.search.put(f"/prisoner/{number}", json={"prisonId": "KTI", "cellLocation": cell})


@pytest.fixture
async def kti(
    client: Client, search: Client, token: MakeToken, database_connection: "asyncpg.Connection[asyncpg.Record]"
) -> AsyncIterator[Kti]:
    page = [migrated(each, ID[PARENTS[path]] if path in PARENTS else None) for path, each in ROWS.items()]
    async with client.post("/migrate/locations/batch", json={"locations": page}) as answer:
        assert {outcome["result"] for outcome in (await answer.json())["outcomes"]} == {"created"}
    roles = {"ROLE_MAINTAIN_LOCATIONS", "ROLE_VIEW_LOCATIONS"}
    made = Kti(client, database_connection, search, {"Authorization": f"Bearer {token(roles, username='BOSS')}"})
    yield made
    for number in made.people:
        await search.delete(f"/prisoner/{number}")


CELL = {"prisonId": "KTI", "locationType": "CELL", "accommodationType": "NORMAL_ACCOMMODATION"}


async def test_a_code_may_grow_into_the_paths_below_it_and_back(kti: Kti) -> None:
    wing = {"prisonId": "KTI", "code": "A", "locationType": "WING", "accommodationType": "NORMAL_ACCOMMODATION"}
    top = await kti.ask("POST", "/locations/residential", wing, status=201)
    landing = wing | {"code": "1", "locationType": "LANDING", "parentId": top["id"]}
    middle = await kti.ask("POST", "/locations/residential", landing, status=201)
    await kti.ask("POST", "/locations/residential", CELL | {"code": "1", "parentId": middle["id"]}, status=201)

    async def below() -> set[str]:
        records = await kti.connection.fetch("SELECT path_hierarchy FROM location WHERE path_hierarchy LIKE 'A%'")
        return {record["path_hierarchy"] for record in records}

    patched = f"/locations/residential/{top['id']}"
    assert (await kti.ask("PATCH", patched, {"code": "A-1"}))["key"] == "KTI-A-1"
    assert await below() == {"A-1", "A-1-1", "A-1-1-1"}
    assert (await kti.ask("PATCH", patched, {"code": "A"}))["key"] == "KTI-A"
    assert await below() == {"A", "A-1", "A-1-1"}
    taken = await kti.ask("PATCH", patched, {"code": "C"}, status=409)
    assert taken["errorCode"] == 103


async def test_a_wing_has_no_capacity_to_set(kti: Kti) -> None:
    told = await kti.ask("PUT", "/locations/{C}/capacity", {"maxCapacity": 2, "workingCapacity": 1}, 404)
    assert told["errorCode"] == 101


async def test_local_name_is_set_and_a_cell_keeps_none(kti: Kti) -> None:
    wing = await kti.ask("PUT", "/locations/{C}/change-local-name", {"localName": "NORTH WING"})
    assert wing["localName"] == "North Wing"
    cell = await kti.ask("PUT", "/locations/{C-4-010}/change-local-name", {"localName": "Corner"})
    assert "localName" not in cell
    assert await kti.events() == [("amended", "KTI-C")]
    told = await kti.ask("PUT", "/locations/{C}/change-local-name", {"localName": "n" * 31}, 400)
    assert told["errorCode"] == 102


async def test_closing_a_wing_closes_its_cells_and_leaves_its_rooms(kti: Kti) -> None:
    closed = await kti.ask(
        "PUT",
        "/locations/{C}/deactivate/temporary",
        {"deactivationReason": "DAMAGED", "deactivationReasonDescription": "Roof"},
    )
    assert [each["key"] for each in closed][-2:] == ["KTI-C-4", "KTI-C"]
    assert {each["key"] for each in closed} == {"KTI-C", "KTI-C-4", "KTI-C-4-010", "KTI-C-4-011"}
    assert {kind for kind, _ in await kti.events()} == {"deactivated"}
    room = await kti.ask("GET", "/locations/{C-VIS}")
    assert (room["active"], room["deactivatedByParent"], room["deactivatedReason"]) == (False, True, "DAMAGED")
    wing = await kti.ask("GET", "/locations/{C}")
    assert wing["capacity"] == {"maxCapacity": 4, "workingCapacity": 0}
    again = await kti.ask("PUT", "/locations/{C-4}/deactivate/temporary", {"deactivationReason": "DAMAGED"}, 400)
    assert "errorCode" not in again


async def test_a_bulk_call_is_all_or_nothing(kti: Kti) -> None:
    wishes = {
        str(ID["C-4-010"]): {"deactivationReason": "DAMAGED"},
        str(ID["C-4-011"]): {"deactivationReason": "OTHER"},
    }
    told = await kti.ask("PUT", "/locations/bulk/deactivate/temporary", {"locations": wishes}, 400)
    assert told["errorCode"] == 118
    assert (await kti.ask("GET", "/locations/{C-4-010}"))["active"] is True
    assert await kti.events() == []


async def test_a_cell_with_people_in_it_is_not_closed(kti: Kti) -> None:
    await kti.put_in("C-4-010", "A1")
    told = await kti.ask("PUT", "/locations/{C}/deactivate/temporary", {"deactivationReason": "DAMP"}, 409)
    assert told["errorCode"] == 109


async def test_reopening_a_cell_reopens_what_is_above_and_not_its_siblings(kti: Kti) -> None:
    await kti.ask("PUT", "/locations/{C}/deactivate/temporary", {"deactivationReason": "DAMAGED"})
    await kti.events()
    opened = await kti.ask("PUT", "/locations/bulk/reactivate", {"locations": {str(ID["C-4-010"]): {}}})
    assert [each["key"] for each in opened] == ["KTI-C", "KTI-C-4", "KTI-C-4-010"]
    assert await kti.events() == [("reactivated", each["key"]) for each in opened]
    assert (await kti.ask("GET", "/locations/{C-4-011}"))["active"] is False
    assert "deactivatedReason" not in await kti.ask("GET", "/locations/{C-4-010}")


async def test_a_cascade_reopens_everything_below_and_the_answer_is_what_was_asked_for(kti: Kti) -> None:
    await kti.ask("PUT", "/locations/{C}/deactivate/temporary", {"deactivationReason": "DAMAGED"})
    wing = await kti.ask("PUT", "/locations/{C}/reactivate?cascade-reactivation=true")
    assert (wing["key"], wing["active"]) == ("KTI-C", True)
    assert wing["capacity"] == {"maxCapacity": 4, "workingCapacity": 4}


async def test_children_are_nested_and_an_inactive_cell_shows_what_it_held(kti: Kti) -> None:
    wing = await kti.ask("GET", "/locations/{D}?includeChildren=true")
    [landing] = wing["childLocations"]
    [cell] = landing["childLocations"]
    assert (cell["key"], cell["oldWorkingCapacity"], cell["deactivatedReason"]) == ("KTI-D-E-007", 2, "DAMAGED")
    assert cell["capacity"] == {"maxCapacity": 2, "workingCapacity": 0}


async def test_a_location_does_not_move_below_itself_or_into_another_kind(kti: Kti) -> None:
    for parent in ("C", "C-4-010"):
        told = await kti.ask("PATCH", "/locations/residential/{C}", {"parentId": str(ID[parent])}, 400)
        assert "parentId" in told["developerMessage"]
    await kti.ask("PATCH", "/locations/residential/{C-VIS}", {"code": "X"}, 404)
    await kti.ask("PATCH", "/locations/non-residential/{C}", {"code": "X"}, 404)


async def test_a_permanent_closure_empties_the_cells_and_takes_no_change_after_it(kti: Kti) -> None:
    closed = await kti.ask("PUT", "/locations/{C-4}/deactivate/permanent", {"reason": "Collapsed roof"})
    assert (closed["permanentlyInactive"], closed["permanentlyInactiveReason"]) == (True, "Collapsed roof")
    assert (closed["status"], closed["childLocations"]) == ("INACTIVE", [])
    assert await kti.events() == [
        ("deactivated", "KTI-C-4"),
        ("amended", "KTI-C-4-010"),
        ("amended", "KTI-C-4-011"),
        ("amended", "KTI-C"),
    ]
    wing = await kti.ask("GET", "/locations/{C}")
    assert wing["capacity"] == {"maxCapacity": 0, "workingCapacity": 0}
    again = await kti.ask("PUT", "/locations/{C-4}/deactivate/permanent", {"reason": "x"}, 409)
    assert again["errorCode"] == 107
    back = await kti.ask("PUT", "/locations/bulk/reactivate", {"locations": {str(ID["C-4-010"]): {}}}, 400)
    assert back["errorCode"] == 104
    assert [each["key"] for each in await kti.ask("GET", "/locations/prison/KTI")][:2] == ["KTI-C", "KTI-C-VIS"]


async def test_r01_a_page_of_all_locations(kti: Kti) -> None:
    page = await kti.ask("GET", "/locations?size=7&sort=pathHierarchy,asc")
    assert [each["pathHierarchy"] for each in page["content"]] == sorted(ROWS)[:7]
    assert (page["totalElements"], page["totalPages"], page["numberOfElements"]) == (8, 2, 7)
    assert (page["first"], page["last"], page["sort"]["sorted"]) == (True, False, True)
    assert page["pageable"]["paged"] is True
    wing = page["content"][0]
    assert (wing["ignoreWorkingCapacity"], wing["capacity"]["maxCapacity"]) == (True, 4)
    assert "size" in (await kti.ask("GET", "/locations?size=201", status=400))["developerMessage"]
    assert "colour" in (await kti.ask("GET", "/locations?sort=colour", status=400))["developerMessage"]


async def test_a_prison_is_listed_by_key_and_an_unknown_one_is_empty(kti: Kti) -> None:
    found = await kti.ask("GET", "/locations/prison/KTI")
    assert [each["pathHierarchy"] for each in found] == sorted(ROWS)
    assert found[0]["capacity"] == {"maxCapacity": 4, "workingCapacity": 4}
    assert await kti.ask("GET", "/locations/prison/XYI") == []
    await kti.ask("GET", "/locations/prison/OUT", status=400)


async def test_staff_act_only_on_prisons_in_their_caseload(kti: Kti, token: MakeToken) -> None:
    elsewhere = token({"ROLE_MAINTAIN_LOCATIONS"}, username="FAR", prisons={"LEI"})
    kti.headers = {"Authorization": f"Bearer {elsewhere}"}
    await kti.ask("PUT", "/locations/{C-4-010}/capacity", {"maxCapacity": 2, "workingCapacity": 1}, 403)
    await kti.ask("POST", "/locations/residential", CELL | {"code": "X"}, 403)
    await kti.ask("PUT", "/locations/{C}/deactivate/temporary", {"deactivationReason": "DAMP"}, 403)


async def test_every_door_refuses_who_may_not(locations_settings: Settings, token: MakeToken) -> None:
    async with app.build(locations_settings) as built, TestClient(TestServer(built)) as stranger:
        assert await refusals(stranger, token) == []


def test_names_are_capitalised_by_word() -> None:
    assert [capitalised(name) for name in ("LANDING Z1", "z1 - CHANGED", "o'brien 2ND")] == [
        "Landing Z1",
        "Z1 - Changed",
        "O'brien 2nd",
    ]
