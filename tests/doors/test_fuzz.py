"""Nothing that is asked of a service finds it out: no 500, no status, shape or header that its document lacks."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import aiohttp
import pytest

from tests.conftest import MakeToken
from tests.doors.fuzzing import BOUNDED, LONG, Found, fuzz
from tests.doors.services import SERVICES, Served

UNEXPECTED = "http_server_failures_total{"


# Of two cores; the services themselves need little.
AT_ONCE = 2


@pytest.fixture(scope="package")
async def runs(
    house: Mapping[str, Served],
    token: MakeToken,
    tmp_path_factory: pytest.TempPathFactory,
    request: pytest.FixtureRequest,
) -> AsyncIterator[Mapping[str, asyncio.Task[Found]]]:
    """A bounded run against each service that was chosen, begun before any of them is waited for."""
    room = asyncio.Semaphore(AT_ONCE)
    tests = (item for item in request.session.items if isinstance(item, pytest.Function))
    chosen = {test.callspec.params["name"] for test in tests if "runs" in test.fixturenames}

    async def run(name: str, served: Served) -> Found:
        async with room:
            return await fuzz(served, token(served.roles), tmp_path_factory.mktemp(name), BOUNDED)

    begun = {name: asyncio.create_task(run(name, served)) for name, served in house.items() if name in chosen}
    yield begun
    await asyncio.gather(*begun.values(), return_exceptions=True)


async def unexpected(served: Served, bearer: str) -> list[str]:
    """List the failures that no table of problems foresaw, whatever status they were given."""
    headers = {"Authorization": f"Bearer {bearer}"}
    async with aiohttp.ClientSession(headers=headers) as client, client.get(f"{served.url}/metrics") as answer:
        return [line for line in (await answer.text()).splitlines() if line.startswith(UNEXPECTED)]


# It waits for those before it as well.
@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", SERVICES)
async def test_nothing_is_found(
    house: Mapping[str, Served], runs: Mapping[str, asyncio.Task[Found]], name: str, token: MakeToken
) -> None:
    found = await runs[name]
    assert found.clean, found.report
    assert await unexpected(house[name], token(house[name].roles)) == []


@pytest.mark.long
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("name", SERVICES)
async def test_nothing_is_found_in_the_long_run(
    house: Mapping[str, Served], name: str, token: MakeToken, tmp_path: Path
) -> None:
    bearer = token(house[name].roles)
    found = await fuzz(house[name], bearer, tmp_path, LONG)
    assert found.clean, found.report
    assert await unexpected(house[name], bearer) == []
