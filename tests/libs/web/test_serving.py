"""Starting, being looked at, and stopping without dropping anybody."""

import asyncio
from collections.abc import AsyncIterator

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from infra.local.ports import free_port
from libs.web.application import application, serve
from libs.web.auth import AuthSettings
from libs.web.health import Health, HealthDetail, HealthSettings
from libs.web.routing import Needs, Route
from tests.conftest import Auth, MakeToken

Client = TestClient[web.Request, web.Application]


class Slow:
    """A handler that the test lets go."""

    def __init__(self) -> None:
        self.arrived = asyncio.Event()
        self.release = asyncio.Event()

    async def wait(self) -> dict[str, bool]:
        self.arrived.set()
        await self.release.wait()
        return {"done": True}


@pytest.fixture
def slow() -> Slow:
    return Slow()


async def test_who_is_being_answered_is_answered_before_the_process_ends(
    auth: Auth, token: MakeToken, slow: Slow
) -> None:
    app = application(
        service="slow",
        routes=[Route("GET", "/wait", slow.wait, Needs.role("ROLE_A"))],
        problems={},
        auth=AuthSettings(jwks_url=auth.jwks_url),
        health=Health(),
    )
    stop, port = asyncio.Event(), free_port()
    serving = asyncio.create_task(serve(app, "127.0.0.1", port, stop))
    async with aiohttp.ClientSession(f"http://127.0.0.1:{port}") as client:
        asked = asyncio.create_task(answer(client, token({"ROLE_A"})))
        await slow.arrived.wait()
        stop.set()
        await refused(port)
        assert not serving.done()
        slow.release.set()
        assert await asked == {"done": True}
    await serving


async def answer(client: aiohttp.ClientSession, bearer: str) -> object:
    while True:
        try:
            async with client.get("/wait", headers={"Authorization": f"Bearer {bearer}"}) as response:
                return await response.json()
        except aiohttp.ClientConnectorError:
            await asyncio.sleep(0)


async def refused(port: int) -> None:
    """Knock until nobody opens any more; the test's own time limit bounds it."""
    while True:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except ConnectionRefusedError:
            return
        except ConnectionError:
            continue
        writer.close()


class Component:
    """Something leant upon."""

    def __init__(self) -> None:
        self.asked = 0
        self.fails: Exception | None = None

    async def check(self) -> HealthDetail:
        self.asked += 1
        if self.fails is not None:
            raise self.fails
        return HealthDetail(details={"queueName": "q"})


@pytest.fixture
def component() -> Component:
    return Component()


@pytest.fixture
async def watched(auth: Auth, component: Component) -> AsyncIterator[Client]:
    seconds = iter(range(0, 1000, 100))
    health = Health({"q-health": component.check}, HealthSettings(), lambda: float(next(seconds)))
    app = application(
        service="watched",
        routes=[],
        problems={},
        auth=AuthSettings(jwks_url=auth.jwks_url),
        health=health,
        info={"build": {"name": "watched", "version": "1.2.3"}, "productId": "DPS039"},
    )
    async with TestClient(TestServer(app)) as client:
        yield client


async def test_health_names_each_component_and_is_503_when_one_is_down(
    watched: Client,
    component: Component,
) -> None:
    well = await watched.get("/health")
    assert (well.status, await well.json()) == (
        200,
        {
            "status": "UP",
            "components": {
                "q-health": {"status": "UP", "details": {"queueName": "q"}},
                "healthInfo": {"status": "UP", "details": {"version": "1.2.3"}},
            },
        },
    )
    component.fails = ConnectionError("secret address")
    ill = await watched.get("/health")
    assert (ill.status, (await ill.json())["status"]) == (503, "DOWN")
    assert "secret" not in await ill.text()
    assert (await watched.get("/health/liveness")).status == 200


async def test_health_is_remembered_for_a_moment_however_many_ask(component: Component) -> None:
    health = Health({"c": component.check}, clock=lambda: 1.0)
    await asyncio.gather(*(health.components() for _ in range(10)))
    assert component.asked == 1


async def test_info_tells_the_build(watched: Client) -> None:
    info = await (await watched.get("/info")).json()
    assert info == {"build": {"name": "watched", "version": "1.2.3"}, "productId": "DPS039"}


async def test_liveness_fails_once_only_a_restart_helps(auth: Auth) -> None:
    hanging = [False]
    app = application(
        service="hanging",
        routes=[],
        problems={},
        auth=AuthSettings(jwks_url=auth.jwks_url),
        health=Health(hangs=lambda: hanging[0]),
    )
    async with TestClient(TestServer(app)) as client:
        found = [(await client.get("/health/liveness")).status]
        hanging[0] = True
        found += [(await client.get(path)).status for path in ("/health/liveness", "/health/ping", "/health/readiness")]
    assert found == [200, 503, 200, 200]
