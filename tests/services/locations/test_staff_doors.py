"""Staff doors over HTTP and a real database: cases of `reference/locations-api.md` §7 by number, rules, roles, history.

Fixture F1 in part: prison KTI, wing C with landing 4 and cells 010 and 011; room C-VIS; wing D with landing E and cell
007 out of use.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import asyncpg
import orjson
import pytest
from aiohttp.test_utils import TestClient, TestServer

from libs.domain.identity import dps_id_for
from libs.domain.nomis import NomisLocation, NomisLocationId, NomisUsage
from services.locations import app
from services.locations.rules.naming import capitalised, natural
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
        told = await self.connection.fetch("DELETE FROM outbox RETURNING id, event_type, body, attributes")
        rows = sorted(told, key=lambda each: each["id"])
        assert {orjson.loads(each["attributes"])["source"] for each in rows} <= {"DPS"}
        return [
            (
                each["event_type"].removeprefix("location.inside.prison."),
                orjson.loads(each["body"])["additionalInformation"]["key"],
            )
            for each in rows
        ]

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


async def test_d01_create_residential_cell(kti: Kti) -> None:
    wish = CELL | {"code": "014", "certified": True, "parentId": str(ID["C-4"])}
    made = await kti.ask(
        "POST", "/locations/residential", wish | {"capacity": {"maxCapacity": 2, "workingCapacity": 2}}, 201
    )
    assert (made["key"], made["usedFor"], made["isResidential"]) == ("KTI-C-4-014", ["STANDARD_ACCOMMODATION"], True)
    assert made["capacity"] == {"maxCapacity": 2, "workingCapacity": 2}
    assert made["certification"] == {"certified": True, "capacityOfCertifiedCell": 0}
    assert (made["level"], made["leafLevel"], made["lastModifiedBy"]) == (3, True, "BOSS")
    assert await kti.events() == [("created", "KTI-C-4-014"), ("amended", "KTI-C-4"), ("amended", "KTI-C")]


async def test_d02_duplicate_and_bad_prison(kti: Kti) -> None:
    taken = await kti.ask("POST", "/locations/residential", CELL | {"code": "010", "parentId": str(ID["C-4"])}, 409)
    assert (taken["errorCode"], taken["moreInfo"]) == (103, str(ID["C-4-010"]))
    bad = await kti.ask("POST", "/locations/residential", CELL | {"code": "015", "prisonId": "FFO"}, 400)
    assert bad["errorCode"] == 102
    assert "prisonId" in bad["developerMessage"]
    assert await kti.events() == []


async def test_d03_create_non_residential_with_usage(kti: Kti) -> None:
    wish = {
        "prisonId": "KTI",
        "code": "ADJ2",
        "locationType": "ADJUDICATION_ROOM",
        "localName": "hearing room two",
        "parentId": str(ID["C"]),
        "usage": [{"usageType": "ADJUDICATION_HEARING", "capacity": 8, "sequence": 1}],
    }
    made = await kti.ask("POST", "/locations/non-residential", wish, 201)
    assert (made["key"], made["localName"], made["isResidential"]) == ("KTI-C-ADJ2", "Hearing Room Two", False)
    assert made["usage"] == wish["usage"]
    assert await kti.events() == [("created", "KTI-C-ADJ2"), ("amended", "KTI-C")]


async def test_k01_capacity_change(kti: Kti) -> None:
    after = await kti.ask("PUT", "/locations/{C-4-010}/capacity", {"maxCapacity": 2, "workingCapacity": 1})
    assert after["capacity"] == {"maxCapacity": 2, "workingCapacity": 1}
    assert await kti.events() == [("capacity.changed", "KTI-C-4-010"), ("amended", "KTI-C-4"), ("amended", "KTI-C")]
    wing = await kti.ask("GET", "/locations/{C}?includeHistory=true")
    assert wing["capacity"] == {"maxCapacity": 4, "workingCapacity": 3}
    cell = await kti.ask("GET", "/locations/{C-4-010}?includeHistory=true")
    newest = cell["changeHistory"][0]
    assert (newest["attribute"], newest["oldValue"], newest["newValue"], newest["amendedBy"]) == (
        "Working capacity",
        "2",
        "1",
        "BOSS",
    )


async def test_k02_capacity_rules(kti: Kti) -> None:
    await kti.put_in("C-4-010", "A1")
    await kti.put_in("C-4-010", "A2")
    for maximum, working, code in ((999, -1, 102), (1, 1, 117), (2, 3, 114), (2, 0, 106)):
        body = {"maxCapacity": maximum, "workingCapacity": working}
        told = await kti.ask("PUT", "/locations/{C-4-010}/capacity", body, 400)
        assert told["errorCode"] == code
    told = await kti.ask("PUT", "/locations/{C-4-011}/capacity", {"maxCapacity": 0, "workingCapacity": 0}, 400)
    assert told["errorCode"] == 115
    assert await kti.events() == []


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


async def test_x09_bulk_deactivate_announces_ancestors_once(kti: Kti) -> None:
    wishes = {
        str(ID["C-4-010"]): {"deactivationReason": "DAMAGED", "deactivationReasonDescription": "Pipe burst"},
        str(ID["C-4-011"]): {"deactivationReason": "REFURBISHMENT", "planetFmReference": "PFM9"},
    }
    await kti.ask("PUT", "/locations/bulk/deactivate/temporary", {"locations": wishes})
    assert await kti.events() == [
        ("amended", "KTI-C-4"),
        ("amended", "KTI-C"),
        ("deactivated", "KTI-C-4-010"),
        ("deactivated", "KTI-C-4-011"),
    ]


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


async def test_r04_keys_lookup(kti: Kti) -> None:
    found = await kti.ask("POST", "/locations/keys", ["KTI-D-E", "KTI-C", "KTI-C", "NOP-1-1", "nothing"])
    assert [each["key"] for each in found] == ["KTI-C", "KTI-D-E"]


async def test_r08_what_is_not_there(kti: Kti) -> None:
    for path, code in (("/locations/key/NOPE", 101), (f"/locations/{UUID(int=7)}", 101)):
        assert (await kti.ask("GET", path, status=404))["errorCode"] == code
    assert "errorCode" not in await kti.ask("GET", "/locations/bad-uuid", status=400)


async def test_children_are_nested_and_an_inactive_cell_shows_what_it_held(kti: Kti) -> None:
    wing = await kti.ask("GET", "/locations/{D}?includeChildren=true")
    [landing] = wing["childLocations"]
    [cell] = landing["childLocations"]
    assert (cell["key"], cell["oldWorkingCapacity"], cell["deactivatedReason"]) == ("KTI-D-E-007", 2, "DAMAGED")
    assert cell["capacity"] == {"maxCapacity": 2, "workingCapacity": 0}


async def test_p01_a_changed_code_renames_what_is_below_and_announces_it(kti: Kti) -> None:
    after = await kti.ask("PATCH", "/locations/residential/{C-4}", {"code": "7"})
    assert after["key"] == "KTI-C-7"
    assert [child["key"] for child in after["childLocations"]] == ["KTI-C-7-010", "KTI-C-7-011"]
    assert await kti.events() == [
        ("amended", "KTI-C-7"),
        ("amended", "KTI-C-7-010"),
        ("amended", "KTI-C-7-011"),
    ]
    taken = await kti.ask("PATCH", "/locations/residential/{C-4-010}", {"code": "011"}, 409)
    assert taken["errorCode"] == 103


async def test_p02_a_changed_parent_moves_the_capacity(kti: Kti) -> None:
    after = await kti.ask("PATCH", "/locations/residential/{C-4}", {"parentId": str(ID["D"])})
    assert (after["key"], after["capacity"]) == ("KTI-D-4", {"maxCapacity": 4, "workingCapacity": 4})
    assert [key for _, key in await kti.events()] == [
        "KTI-D-4",
        "KTI-D-4-010",
        "KTI-D-4-011",
        "KTI-D",
        "KTI-C",
    ]
    assert (await kti.ask("GET", "/locations/{C}"))["capacity"] == {"maxCapacity": 0, "workingCapacity": 0}
    assert (await kti.ask("GET", "/locations/{D}"))["capacity"] == {"maxCapacity": 6, "workingCapacity": 4}


async def test_a_location_does_not_move_below_itself_or_into_another_kind(kti: Kti) -> None:
    for parent in ("C", "C-4-010"):
        told = await kti.ask("PATCH", "/locations/residential/{C}", {"parentId": str(ID[parent])}, 400)
        assert "parentId" in told["developerMessage"]
    await kti.ask("PATCH", "/locations/residential/{C-VIS}", {"code": "X"}, 404)
    await kti.ask("PATCH", "/locations/non-residential/{C}", {"code": "X"}, 404)


async def test_p04_a_room_gets_another_code_and_other_uses(kti: Kti) -> None:
    uses = [{"usageType": "APPOINTMENT", "capacity": 20, "sequence": 1}]
    after = await kti.ask("PATCH", "/locations/non-residential/{C-VIS}", {"code": "CLIN", "usage": uses})
    assert (after["key"], after["usage"]) == ("KTI-C-CLIN", uses)
    history = (await kti.ask("GET", "/locations/{C-VIS}?includeHistory=true"))["changeHistory"]
    changes = {(each["attribute"], each.get("oldValue"), each.get("newValue")) for each in history}
    assert {
        ("Usage", "Visit", None),
        ("Usage", None, "Appointment"),
        ("Non residential capacity", None, "20"),
    } <= changes


async def test_k04_specialist_types(kti: Kti) -> None:
    after = await kti.ask("PUT", "/locations/{C-4-010}/specialist-cell-types", ["BIOHAZARD_DIRTY_PROTEST"])
    assert after["specialistCellTypes"] == ["BIOHAZARD_DIRTY_PROTEST"]
    assert await kti.events() == [("amended", "KTI-C-4-010")]
    await kti.ask("PUT", "/locations/{C-4-010}/capacity", {"maxCapacity": 2, "workingCapacity": 0})
    refused = await kti.ask("PUT", "/locations/{C-4-010}/specialist-cell-types", [], 400)
    assert refused["errorCode"] == 106
    assert (await kti.ask("PUT", "/locations/{C}/specialist-cell-types", ["DRY"], 404))["errorCode"] == 101


async def test_k05_used_for_on_a_wing(kti: Kti) -> None:
    await kti.ask("PUT", "/locations/{C}/used-for-type", ["FIRST_NIGHT_CENTRE", "PERSONALITY_DISORDER"])
    cell = await kti.ask("GET", "/locations/{C-4-010}")
    assert cell["usedFor"] == ["FIRST_NIGHT_CENTRE", "PERSONALITY_DISORDER"]
    assert set(await kti.events()) == {("amended", "KTI-C-4-010"), ("amended", "KTI-C-4-011")}
    await kti.ask("PUT", "/locations/{C}/used-for-type", ["TANNING"], 400)


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


def test_u01_natural_order() -> None:
    assert sorted(["A10", "A2", "A1", "B1", "A002"], key=natural) == ["A1", "A2", "A10", "A002", "B1"]


def test_names_are_capitalised_by_word() -> None:
    assert [capitalised(name) for name in ("LANDING Z1", "z1 - CHANGED", "o'brien 2ND")] == [
        "Landing Z1",
        "Z1 - Changed",
        "O'brien 2nd",
    ]
