"""What `/metrics` shows, and to whom."""

from collections.abc import AsyncIterator

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from libs.db.metrics import watch_pool
from libs.db.pool import DatabaseSettings, connect
from libs.telemetry.metrics import asked, exposition, process_registry
from libs.web.application import application
from libs.web.auth import AuthSettings
from libs.web.health import Health
from libs.web.routing import Needs, Route
from tests.conftest import Auth, MakeDatabase, MakeToken

Client = TestClient[web.Request, web.Application]


async def thing(name: str) -> dict[str, str]:
    if name == "broken":
        raise RuntimeError
    return {"name": name}


@pytest.fixture
async def client(auth: Auth, token: MakeToken) -> AsyncIterator[Client]:
    registry = process_registry()
    asked(registry, "ours", "What a service adds", lambda: 42)
    app = application(
        service="counted",
        routes=[Route("GET", "/things/{name}", thing, Needs.role("ROLE_A"))],
        problems={},
        auth=AuthSettings(jwks_url=auth.jwks_url),
        health=Health(),
        registry=registry,
    )
    bearer = {"Authorization": f"Bearer {token({'ROLE_A', 'ROLE_METRICS'})}"}
    async with TestClient(TestServer(app), headers=bearer) as opened:
        yield opened


async def scraped(client: Client) -> dict[str, str]:
    async with client.get("/metrics") as answer:
        assert answer.status == 200
        assert answer.headers["Content-Type"].startswith("text/plain; version=")
        lines = (await answer.text()).splitlines()
    return dict(line.rsplit(" ", 1) for line in lines if not line.startswith("#"))


async def test_requests_are_counted_by_template_and_status_whatever_their_address(client: Client) -> None:
    for path in ("/things/1", "/things/2", "/things/broken", "/nowhere/1", "/nowhere/2"):
        await (await client.get(path)).read()
    await client.request("PROPFIND", "/things/1")
    await client.head("/things/1")
    numbers = await scraped(client)
    name = "http_server_requests_seconds_count"
    assert {key: value for key, value in numbers.items() if key.startswith(name)} == {
        f'{name}{{method="GET",status="200",uri="/things/{{name}}"}}': "2.0",
        f'{name}{{method="HEAD",status="200",uri="/things/{{name}}"}}': "1.0",
        f'{name}{{method="GET",status="500",uri="/things/{{name}}"}}': "1.0",
        f'{name}{{method="GET",status="404",uri="UNKNOWN"}}': "2.0",
        f'{name}{{method="OTHER",status="405",uri="UNKNOWN"}}': "1.0",
    }
    assert numbers["http_server_requests_active"] == "1.0"  # the scrape itself


async def test_the_process_the_loop_and_the_services_own_numbers_are_there(client: Client) -> None:
    numbers = await scraped(client)
    assert numbers["ours"] == "42.0"
    assert {"process_resident_memory_bytes", "event_loop_lag_seconds_count"} <= set(numbers)


async def test_numbers_are_for_who_may_scrape(client: Client, token: MakeToken) -> None:
    for role, status in (("ROLE_METRICS", 200), ("ROLE_A", 403)):
        answer = await client.get("/metrics", headers={"Authorization": f"Bearer {token({role})}"})
        assert answer.status == status


async def test_a_pool_tells_how_much_of_it_is_lent(database: MakeDatabase) -> None:
    registry = process_registry()
    async with connect(DatabaseSettings(dsn=await database(), pool_max=3)) as opened:
        watch_pool(registry, opened)
        async with opened.connection():
            text = exposition(registry).decode()
    assert "\ndb_pool_connections 1.0\n" in text
    assert "\ndb_pool_connections_idle 0.0\n" in text
    assert "\ndb_pool_connections_max 3.0\n" in text
