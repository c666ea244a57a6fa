"""A second process of the migration, killed by SIGKILL at a random count: what it held is done by the other."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from random import Random

import aiohttp
import pytest

from infra.local.ports import free_port
from infra.local.settings import ROOT
from tests.services.migration.town import Town, seen


@asynccontextmanager
async def pod(town: Town) -> AsyncIterator[asyncio.subprocess.Process]:
    """Start a process on the town's database and queue; it is killed when a test is done with it."""
    port = str(free_port())
    told = {**os.environ, **town.pod, "HTTP_PORT": port, "LOG_LEVEL": "ERROR"}  # noqa: TID251 - a child inherits it
    process = await asyncio.create_subprocess_exec(sys.executable, "-m", "services.migration", cwd=ROOT, env=told)
    try:
        async with aiohttp.ClientSession() as session:

            async def answers() -> bool:
                assert process.returncode is None, "the process did not start"
                try:
                    async with session.get(f"http://127.0.0.1:{port}/health/ping") as answer:
                        return answer.status == 200
                except aiohttp.ClientConnectionError:
                    return False

            await seen(answers, "the process")
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


@pytest.mark.parametrize(("seed", "prison"), [(1, "FEI")])
async def test_a_process_killed_at_a_random_count_costs_nothing(town: Town, seed: int, prison: str) -> None:
    ids = await town.prison(prison, landings=5, cells=9)
    threshold = Random(seed).randrange(1, len(ids))
    async with pod(town) as process:
        migration_id = await town.started(prisonIds=[prison])
        path = f"/migrate/locations/history/{migration_id}/progress"

        async def far_enough() -> bool:
            told = await town.get(path)
            decided = told["migrated"] + told["skipped"] + told["failed"]
            assert told["listed"] == decided + told["pending"]
            return bool(told["migrated"] >= threshold)

        await seen(far_enough, f"{threshold} migrated")
        process.kill()
    run = await town.ended(migration_id)
    assert (run["status"], run["recordsMigrated"], run["recordsFailed"]) == ("COMPLETED", len(ids), 0)
    assert await town.differences(prison) == []
