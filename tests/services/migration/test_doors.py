"""The doors over HTTP, in a process that works: who may come in, what they say, what they refuse."""

import json
from typing import Any, cast

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from tests.conftest import MakeToken
from tests.routes import refusals
from tests.services.migration.town import Town


async def test_no_door_opens_to_a_stranger(town: Town, token: MakeToken) -> None:
    stranger: TestClient[web.Request, web.Application] = TestClient(cast("TestServer", town.operator.server))
    try:
        assert await refusals(stranger, token) == []
    finally:
        await stranger.session.close()


async def test_progress_is_streamed_until_the_run_is_over_and_adds_up_in_every_event(town: Town) -> None:
    await town.prison("BCI", landings=4, cells=6)
    migration_id = await town.started(prisonIds=["BCI"])
    events = await streamed(town, migration_id)
    assert [name for name, _ in events[:1]] == ["progress"]
    assert [name for name, _ in events[-1:]] == ["end"]
    for _, told in events:
        for part in (told, *told["prisons"]):
            assert part["listed"] == part["migrated"] + part["skipped"] + part["failed"] + part["pending"]
        for name in ("listed", "migrated", "skipped", "failed", "pending"):
            assert told[name] == sum(prison[name] for prison in told["prisons"])
    last = events[-1][1]
    assert (last["status"], last["pending"], last["secondsLeft"]) == ("COMPLETED", 0, 0)
    assert last["prisons"][0] == {
        "prisonId": "BCI",
        "listed": 29,
        "migrated": 29,
        "skipped": 0,
        "failed": 0,
        "pending": 0,
    }
    assert await town.get(f"/migrate/locations/history/{migration_id}/progress") == last
    assert len(await streamed(town, migration_id)) == 2


async def streamed(town: Town, migration_id: str) -> list[tuple[str, dict[str, Any]]]:
    events: list[tuple[str, dict[str, Any]]] = []
    async with town.operator.get(f"/migrate/locations/history/{migration_id}/progress/events") as answer:
        assert answer.headers["Content-Type"].startswith("text/event-stream")
        name = ""
        async for line in answer.content:
            text = line.decode().strip()
            if text.startswith("event:"):
                name = text.removeprefix("event:").strip()
            if text.startswith("data:"):
                events.append((name, json.loads(text.removeprefix("data:"))))
    return events


@pytest.mark.parametrize("path", ["progress", "progress/events", "items", "failures", "report", "report/page"])
async def test_an_unknown_run_is_not_found(town: Town, path: str) -> None:
    async with town.operator.get(f"/migrate/locations/history/nope/{path}") as answer:
        assert answer.status == 404
        assert "nope" in (await answer.json())["userMessage"]


async def test_a_wrong_wish_is_refused_by_field_and_rule(town: Town) -> None:
    for path, body, named in (
        ("/migrate/locations", {"prisonIds": ["LEI", "LEI"]}, "prisonIds: each prison once"),
        ("/migrate/locations/rehearsals", {"prisonIds": ["lei"]}, "prisonIds.0"),
        ("/migrate/locations/nope/retry", {}, "exactly one of nomisLocationIds, reason and all"),
    ):
        async with town.operator.post(path, json=body) as answer:
            assert answer.status == 400
            assert named in (await answer.json())["developerMessage"]


async def test_a_run_is_verified_and_signed_for_through_the_doors(town: Town) -> None:
    ids = await town.prison("BMI")
    migration = await town.run(prisonIds=["BMI"])
    await town.screens.edit(
        "UPDATE agency_internal_locations SET user_desc = '<b>Wet</b>' WHERE internal_location_id = $1",
        ids[-1],
        module="MERGE",
    )
    verification = await town.run("/migrate/locations/verifications", migrationId=migration["migrationId"])
    assert (verification["migrationType"], verification["recordsMigrated"]) == ("LOCATIONS_VERIFICATION", len(ids) - 1)
    path = f"/migrate/locations/history/{migration['migrationId']}/report"
    told = await town.get(path)
    [prison] = [each for each in told["prisons"] if each["prisonId"] == "BMI"]
    assert prison["differences"] == [
        {"nomisLocationId": ids[-1], "key": "BMI-A-2-003", "field": "localName", "nomis": "<b>Wet</b>", "dps": ""}
    ]
    async with town.operator.get(f"{path}/page") as answer:
        shown = await answer.text()
        assert answer.content_type == "text/html"
        assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'")
    assert told["digest"] in shown
    assert "<b>Wet" not in shown
