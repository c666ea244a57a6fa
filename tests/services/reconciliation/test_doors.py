"""The doors of reconciliation: who may enter, and what its runs look like on the wire."""

import csv
import io
from collections.abc import AsyncIterator

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from pydantic import SecretStr

from libs.db.pool import Database
from libs.domain.identity import dps_id_for
from services.reconciliation import app
from services.reconciliation.app import QUEUE
from services.reconciliation.settings import Schedule, Settings, SettleLimits
from tests.conftest import NOBODY, Auth, BrokerAddress, MakeToken
from tests.routes import refusals
from tests.services.reconciliation.conftest import TABLES, Bench

BASE = "/locations/reports/reconciliation"
Client = TestClient[web.Request, web.Application]


@pytest.fixture(scope="module")
def reconciliation_settings(reconciliation_dsn: str, auth: Auth, broker: BrokerAddress) -> Settings:
    return Settings(
        database_url=SecretStr(reconciliation_dsn),
        api_base_url_oauth=auth.url,
        api_base_url_nomis=NOBODY,
        api_base_url_mapping=NOBODY,
        api_base_url_locations=NOBODY,
        oauth_issuer=auth.issuer,
        client_id="reconciliation",
        client_secret=SecretStr(auth.secrets["reconciliation"]),
        aws_endpoint_url=broker.endpoint_url,
        aws_region=broker.region,
        # Nobody writes there; what the services of other tests told is none of ours.
        aws_names={QUEUE: "no-such-queue"},
        sweep_seconds=3600,
        settling=SettleLimits(look_seconds=3600),
        schedule=Schedule(enabled=False),
    )


@pytest.fixture(scope="module")
async def served(
    reconciliation_settings: Settings, reconciliation_database: Database, broker: BrokerAddress
) -> AsyncIterator[Client]:
    """The doors alone: for this module only, as its tables are the others' too, and what works behind them rests."""
    # At its start it would take up a run that an earlier test left behind, and fail it under the number of a later one.
    await reconciliation_database.execute(f"TRUNCATE {TABLES} RESTART IDENTITY")
    with pytest.MonkeyPatch.context() as told:
        # Keys come from the environment as AWS's own tools read it.
        told.setenv("AWS_ACCESS_KEY_ID", broker.access_key)
        told.setenv("AWS_SECRET_ACCESS_KEY", broker.secret_key)
        async with app.build(reconciliation_settings) as built, TestClient(TestServer(built)) as client:
            yield client


@pytest.fixture
def operator(token: MakeToken) -> dict[str, str]:
    return {"Authorization": f"Bearer {token({'ROLE_RECONCILE_LOCATIONS'}, username='BOSS')}"}


async def test_every_door_refuses_who_may_not(served: Client, token: MakeToken) -> None:
    assert await refusals(served, token) == []


async def test_a_run_is_shown_with_its_counts_and_its_mismatches_by_page(
    bench: Bench, served: Client, operator: dict[str, str]
) -> None:
    cells = [await bench.add(f"{n}") for n in range(3)]
    for each in cells:
        bench.nomis.screen_edit(each, comment="=Edited")
    alone = await bench.add("N", linked=False)
    run, _ = await bench.report()
    listed = await (await served.get(BASE, headers=operator)).json()
    shown = await (await served.get(f"{BASE}/{run.run_id}", headers=operator)).json()
    assert [listed[0]["runId"], shown["status"], shown["mismatches"]] == [run.run_id, "COMPLETED", 4]
    assert shown["findings"] == {"DIFFERENT": 3, "MISSING_IN_DPS": 1}
    path = f"{BASE}/{run.run_id}/mismatches"
    first = await (await served.get(path, params={"size": "3"}, headers=operator)).json()
    after = {"after": str(first[-1]["mismatchId"])}
    rest = await (await served.get(path, params=after, headers=operator)).json()
    assert sorted(each["nomisLocationId"] for each in first + rest) == sorted([*cells, alone])
    assert first[0]["differences"] == [{"field": "comments", "dps": "Door re-hung", "nomis": "=Edited"}]
    missing = await (await served.get(path, params={"finding": "MISSING_IN_DPS"}, headers=operator)).json()
    assert [each["key"] for each in missing] == ["NWI-N"]


async def test_mismatches_come_as_csv_that_no_spreadsheet_runs(
    bench: Bench, served: Client, operator: dict[str, str]
) -> None:
    await bench.add("=1+1", linked=False, description="=1+1")
    cell = await bench.add("1")
    bench.nomis.screen_edit(cell, comment="Edited")
    run, _ = await bench.report()
    async with served.get(f"{BASE}/{run.run_id}/mismatches.csv", headers=operator) as answer:
        assert answer.content_type == "text/csv"
        rows = [*csv.DictReader(io.StringIO(await answer.text()))]
    assert [(row["finding"], row["key"], row["nomisLocationId"]) for row in rows][1] == (
        "DIFFERENT",
        "NWI-1",
        str(cell),
    )
    assert rows[0]["key"] == "'=1+1"
    assert rows[1]["dpsLocationId"] == str(dps_id_for(cell))


async def test_all_mismatches_of_a_run_are_repaired_or_those_that_are_named(
    bench: Bench, served: Client, operator: dict[str, str]
) -> None:
    for number in range(3):
        await bench.add(f"{number}", linked=False)
    run, found = await bench.report()
    path = f"{BASE}/{run.run_id}/repair"
    wishes: tuple[dict[str, list[int]] | None, ...] = (
        {"mismatchIds": [found[1].mismatch_id, 10**6]},
        None,
        {"mismatchIds": []},
    )
    answers = []
    for wish in wishes:
        async with served.put(path, json=wish, headers=operator) as answer:
            answers.append((answer.status, (await answer.json()).get("locations")))
    assert answers == [(202, 1), (202, 3), (400, None)]
    due = await bench.database.fetch("SELECT id, noted FROM due ORDER BY id")
    assert [row["noted"] for row in due] == [1, 2, 1]


async def test_a_run_that_is_not_there_is_not_found(bench: Bench, served: Client, operator: dict[str, str]) -> None:
    assert bench.settled == []
    for path in ("", "/mismatches", "/mismatches.csv"):
        async with served.get(f"{BASE}/99{path}", headers=operator) as answer:
            assert answer.status == 404


async def test_nothing_starts_while_nomis_does_not_answer(
    bench: Bench, served: Client, operator: dict[str, str]
) -> None:
    async with served.put(BASE, headers=operator) as answer:
        assert answer.status == 503
    assert await bench.store.runs(10) == []


async def test_a_prison_that_is_none_is_refused(served: Client, operator: dict[str, str]) -> None:
    async with served.put(BASE, params={"prisonId": "nonsense"}, headers=operator) as answer:
        assert (answer.status, "prisonId" in (await answer.json())["developerMessage"]) == (400, True)
