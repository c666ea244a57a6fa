"""The stages of a prison's switch-over: only legal steps, each resting on what it must, and enforced at once."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from libs.clients.locations import LocationsClient
from libs.domain.nomis import NomisLocationId
from libs.domain.switch_over import STEPS, CleanCheck, Stage, StageMove, refusal
from libs.domain.sync import SyncWrite
from libs.settling.ports import Busy, KeyTaken, RefusedByDps, SyncOff
from libs.web.outgoing import OutgoingSettings, api_session
from libs.web.problems import Trouble
from services.locations import errors
from services.locations.api.problems import PROBLEMS, style
from tests.conftest import Auth
from tests.contracts.locations import migrated
from tests.libs.domain.rows import nomis_cell
from tests.services.locations.conftest import Client
from tests.services.locations.test_staff_doors import ID, ROWS, Kti, kti

__all__ = ["kti"]

NOW = datetime(2026, 11, 24, 9, tzinfo=UTC)
STAGES = [*Stage]
KTI_ROW = {"prison_id": "KTI", "parent_location_id": None, "profiles": (), "usages": ()}


def clean(**changed: Any) -> CleanCheck:
    plain = {"run_id": 7, "started_at": NOW, "ended_at": NOW, "compared": 5, "mismatches": 0}
    return CleanCheck.model_validate(plain | changed)


def move(source: Stage, to: Stage, check: CleanCheck | None = None) -> StageMove:
    return StageMove(from_stage=source, to_stage=to, taken_by="BOSS", reason="ready", clean_check=check)


@pytest.mark.parametrize("source", STAGES)
@pytest.mark.parametrize("to", STAGES)
def test_only_the_steps_of_the_table_are_taken(source: Stage, to: Stage) -> None:
    refused = refusal(move(source, to, clean()), source, NOW)
    assert (refused is None) is (to in STEPS[source])
    if refused:
        assert f"{source} does not lead to {to}" in refused


def test_every_stage_leads_on_and_back() -> None:
    for stage in STAGES:
        reached, waiting = {stage}, [stage]
        while waiting:
            waiting = [to for each in waiting for to in STEPS[each] - reached]
            reached |= {*waiting}
        assert reached == {*STAGES}, stage


@pytest.mark.parametrize(
    ("check", "told"),
    [
        (None, "rests on a clean check"),
        (clean(mismatches=1), "not clean: 1 mismatch,"),
        (clean(unsettled=2), "2 not settled yet"),
        (clean(compared=0), "compared nothing"),
        (clean(started_at=NOW - timedelta(seconds=1)), "began before the screens were off"),
    ],
)
def test_a_step_forward_rests_on_a_clean_check(check: CleanCheck | None, told: str) -> None:
    refused = refusal(move(Stage.SCREENS_OFF, Stage.RECONCILED, check), Stage.SCREENS_OFF, NOW)
    assert refused is not None
    assert told in refused


def test_a_prison_that_moved_on_meanwhile_takes_no_step() -> None:
    refused = refusal(move(Stage.BOTH_WAYS, Stage.SCREENS_OFF), Stage.SCREENS_OFF, NOW)
    assert refused == "the prison is SCREENS_OFF, not BOTH_WAYS"


async def step(kti: Kti, source: Stage, to: Stage, check: CleanCheck | None = None, status: int = 200) -> Any:
    async with kti.client.put(
        "/sync/prisons/KTI/stage", json=move(source, to, check).model_dump(mode="json", by_alias=True)
    ) as answer:
        assert answer.status == status, await answer.text()
        return await answer.json()


async def switched(kti: Kti) -> Any:
    await step(kti, Stage.BOTH_WAYS, Stage.SCREENS_OFF)
    later = clean(started_at=datetime.now(UTC) + timedelta(seconds=1))  # noqa: TID251 - the service has a real clock
    await step(kti, Stage.SCREENS_OFF, Stage.RECONCILED, later)
    return await step(kti, Stage.RECONCILED, Stage.ONE_WAY, later)


def body(**fields: Any) -> dict[str, Any]:
    return {"lastUpdatedBy": "SCREEN", "fields": fields}


async def test_a_prison_is_switched_over_and_back_and_every_step_is_kept(kti: Kti) -> None:
    stands = await switched(kti)
    assert (stands["stage"], stands["oneWay"]) == ("ONE_WAY", True)
    assert [(each["fromStage"], each["toStage"], each["takenBy"]) for each in stands["steps"]] == [
        ("BOTH_WAYS", "SCREENS_OFF", "BOSS"),
        ("SCREENS_OFF", "RECONCILED", "BOSS"),
        ("RECONCILED", "ONE_WAY", "BOSS"),
    ]
    assert stands["steps"][-1]["cleanCheck"]["runId"] == 7
    back = await step(kti, Stage.ONE_WAY, Stage.SCREENS_OFF)
    assert (back["stage"], back["oneWay"]) == ("SCREENS_OFF", False)
    refused = await step(kti, Stage.SCREENS_OFF, Stage.ONE_WAY, status=409)
    assert "does not lead to ONE_WAY" in refused["developerMessage"]
    async with kti.client.get("/sync/prisons") as answer:
        assert [each["prisonId"] for each in await answer.json()] == ["KTI"]
    async with kti.client.get("/sync/prisons/LEI") as answer:
        assert (await answer.json())["stage"] == "BOTH_WAYS"


async def test_a_prison_that_holds_locations_and_never_took_a_step_is_listed_when_asked_for(kti: Kti) -> None:
    await step(kti, Stage.BOTH_WAYS, Stage.SCREENS_OFF)
    room = {"prisonId": "AAI", "lastUpdatedBy": "X", "fields": migrated(ROWS["C-VIS"])["fields"]}
    async with kti.client.put(f"/sync/locations/{UUID(int=773)}", json=room) as answer:
        assert answer.status == 201
    for path, expected in (
        ("/sync/prisons", {"KTI": "SCREENS_OFF"}),
        ("/sync/prisons?holding=true", {"AAI": "BOTH_WAYS", "KTI": "SCREENS_OFF"}),
    ):
        async with kti.client.get(path) as answer:
            assert {each["prisonId"]: each["stage"] for each in await answer.json()} == expected


async def test_one_way_the_sync_doors_take_no_change_from_nomis(kti: Kti) -> None:
    cell, visits, new = ID["C-4-010"], UUID(int=771), UUID(int=772)
    room = migrated(ROWS["C-VIS"])["fields"]
    above = {"prisonId": "KTI", "lastUpdatedBy": "VISITS", "fields": room | {"code": "VISITS"}}
    async with kti.client.put(f"/sync/locations/{visits}", json=above) as answer:
        assert answer.status == 201
    await switched(kti)
    visit = above | {"fields": room | {"code": "VSIP_SOC", "parentId": str(visits)}}
    for method, path, sent, expected in (
        ("PUT", f"/sync/locations/{cell}", body(comments="x"), 409),
        ("PUT", f"/sync/locations/{new}", visit | {"fields": room | {"code": "GYM"}}, 409),
        ("DELETE", f"/sync/locations/{cell}", None, 409),
        ("POST", "/sync/upsert", {"prisonId": "KTI", "code": "G", "locationType": "SPORTS", "lastUpdatedBy": "X"}, 409),
        # What sync remembers moves on, or DPS's state could not be put back; visit rooms are taken.
        ("PUT", f"/sync/locations/{cell}", body(), 200),
        ("PUT", f"/sync/locations/{new}", visit, 201),
    ):
        async with kti.client.request(method, path, json=sent) as answer:
            assert answer.status == expected, (method, path, await answer.text())
            if expected == 409:
                assert (await answer.json())["developerMessage"].startswith("sync off")


async def test_one_way_the_migrate_doors_take_nothing_new_but_visit_rooms(kti: Kti) -> None:
    await switched(kti)

    def wished(number: int, **changed: Any) -> dict[str, Any]:
        return migrated(nomis_cell(location_id=NomisLocationId(number), **KTI_ROW | changed))

    locations = [
        migrated(ROWS["C"]),
        wished(901, location_code="X", description="KTI-X"),
        wished(902, location_code="VSIP_SOC", description="KTI-VISITS-VSIP_SOC", location_type="VISIT", unit_type=None),
    ]
    for door in ("validate", "batch"):
        async with kti.client.post(f"/migrate/locations/{door}", json={"locations": locations}) as answer:
            outcomes = (await answer.json())["outcomes"]
        assert [(each["result"], each.get("reason")) for each in outcomes] == [
            ("exists", None),
            ("failed", "sync off: NOMIS changes of KTI are not taken"),
            ("created", None),
        ]
    await step(kti, Stage.ONE_WAY, Stage.SCREENS_OFF)
    async with kti.client.post("/migrate/locations/batch", json={"locations": locations[1:2]}) as answer:
        assert [each["result"] for each in (await answer.json())["outcomes"]] == ["created"]


@pytest.fixture
async def workers(client: Client, auth: Auth) -> AsyncIterator[LocationsClient]:
    """The locations API as a worker reaches it."""
    async with api_session(outgoing(str(client.make_url("")), auth)) as session:
        yield LocationsClient(session)


def outgoing(url: str, auth: Auth) -> OutgoingSettings:
    name = "migration"
    return OutgoingSettings(base_url=url, token_url=auth.token_url, client_id=name, client_secret=auth.secrets[name])


async def test_a_worker_knows_sync_off_from_other_refusals(kti: Kti, workers: LocationsClient) -> None:
    cell = ID["C-4-010"]
    mirror = await workers.mirror(cell)
    assert mirror is not None
    await switched(kti)
    edit = SyncWrite(last_updated_by="SCREEN", fields={"comments": "x"})
    new = SyncWrite(last_updated_by="SCREEN", prison_id="KTI", fields=migrated(ROWS["D"])["fields"] | {"code": "E"})
    for refused in (
        workers.write(cell, edit, mirror.sync.etag),
        workers.delete(cell, mirror.sync.etag),
        workers.create(UUID(int=905), new),
    ):
        with pytest.raises(SyncOff, match="KTI"):
            await refused


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (errors.LocationBusy(), Busy),
        (errors.SyncOff("KTI"), SyncOff),
        (errors.SyncRefused("KTI-A", "archived"), RefusedByDps),
        (errors.LocationKeyTaken("KTI-A", UUID(int=1)), KeyTaken),
    ],
)
async def test_each_409_of_the_sync_doors_has_its_own_name_in_the_client(
    error: Exception, told: type[Exception], auth: Auth
) -> None:
    async def refuse(_: web.Request) -> web.Response:
        body = style(Trouble(PROBLEMS[type(error)], error, str(error), "/"))
        return web.json_response(body, status=PROBLEMS[type(error)].status)

    app = web.Application()
    app.router.add_put("/sync/locations/{id}", refuse)
    async with TestServer(app) as server, api_session(outgoing(str(server.make_url("")), auth)) as session:
        with pytest.raises(told) as raised:
            await LocationsClient(session).write(UUID(int=1), SyncWrite(last_updated_by="X"), "1.1")
    assert raised.type is told


async def test_a_step_waits_for_the_writers_that_looked_at_the_stage_before(kti: Kti) -> None:
    await step(kti, Stage.BOTH_WAYS, Stage.SCREENS_OFF)
    async with kti.connection.transaction():
        await kti.connection.fetchrow("SELECT one_way FROM prison_sync WHERE prison_id = 'KTI' FOR SHARE")
        waiting = asyncio.create_task(step(kti, Stage.SCREENS_OFF, Stage.BOTH_WAYS))
        while not await _somebody_waits(kti.connection):  # noqa: ASYNC110 - another session's wait is seen by looking
            await asyncio.sleep(0)
        assert not waiting.done()
    assert (await waiting)["stage"] == "BOTH_WAYS"


async def _somebody_waits(connection: "asyncpg.Connection[asyncpg.Record]") -> bool:
    return bool(
        await connection.fetchval(
            """
            SELECT EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock')
            """
        )
    )
