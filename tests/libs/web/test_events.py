"""Streams of server-sent events: they flow, they are counted, and they end."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from libs.web.application import application
from libs.web.auth import AuthSettings
from libs.web.health import Health
from libs.web.limits import HttpLimits, StreamLimits
from libs.web.routing import Event, Events, Needs, Route
from tests.conftest import Auth, MakeToken

Client = TestClient[web.Request, web.Application]


class Ticker:
    """Sends what the test puts in, and tells when it was closed."""

    def __init__(self) -> None:
        self.events: asyncio.Queue[Event | Exception | None] = asyncio.Queue()
        self.closed = asyncio.Event()

    async def stream(self) -> Events:
        return Events(self._events())

    async def _events(self) -> AsyncGenerator[Event, None]:
        try:
            while (event := await self.events.get()) is not None:
                if isinstance(event, Exception):
                    raise event
                yield event
        finally:
            self.closed.set()


@pytest.fixture
def ticker() -> Ticker:
    return Ticker()


@asynccontextmanager
async def streaming(auth: Auth, bearer: str, ticker: Ticker, settings: StreamLimits) -> AsyncIterator[Client]:
    app = application(
        service="ticker",
        routes=[Route("GET", "/ticks", ticker.stream, Needs.role("ROLE_A"))],
        problems={},
        auth=AuthSettings(jwks_url=auth.jwks_url),
        health=Health(),
        limits=HttpLimits(streams=settings),
    )
    async with TestClient(TestServer(app), headers={"Authorization": f"Bearer {bearer}"}) as client:
        yield client


@pytest.fixture
async def client(auth: Auth, token: MakeToken, ticker: Ticker) -> AsyncIterator[Client]:
    async with streaming(auth, token({"ROLE_A"}), ticker, StreamLimits(streams_max=1)) as opened:
        yield opened


async def test_events_come_as_they_happen_and_the_stream_ends_with_its_source(client: Client, ticker: Ticker) -> None:
    async with client.get("/ticks") as answer:
        assert (answer.status, answer.content_type) == (200, "text/event-stream")
        await ticker.events.put(Event.json({"done": 1}, name="progress", id="7"))
        assert await answer.content.readuntil(b"\r\n\r\n") == b'id: 7\r\nevent: progress\r\ndata: {"done":1}\r\n\r\n'
        await ticker.events.put(Event("two\nlines"))
        assert await answer.content.readuntil(b"\r\n\r\n") == b"data: two\r\ndata: lines\r\n\r\n"
        await ticker.events.put(None)
        assert await answer.read() == b""
    await ticker.closed.wait()


async def test_one_too_many_is_told_to_come_again(client: Client, ticker: Ticker) -> None:
    async with client.get("/ticks"):
        async with client.get("/ticks") as refused:
            assert (refused.status, refused.headers["Retry-After"]) == (503, "10")
        await ticker.events.put(None)
        await ticker.closed.wait()


async def test_a_source_that_fails_ends_its_stream(
    client: Client, ticker: Ticker, capsys: pytest.CaptureFixture[str]
) -> None:
    async with client.get("/ticks") as answer:
        await ticker.events.put(ValueError("secret sauce"))
        assert await answer.read() == b""
    assert "stream-failed" in capsys.readouterr().out


async def test_a_caller_that_goes_away_closes_the_source(client: Client, ticker: Ticker) -> None:
    async with client.get("/ticks") as answer:
        answer.close()
    for _ in range(3):
        await ticker.events.put(Event("anybody?"))
    await ticker.closed.wait()


async def test_head_tells_the_kind_and_opens_nothing(client: Client) -> None:
    answer = await client.head("/ticks")
    assert (answer.status, answer.content_type) == (200, "text/event-stream")


async def test_a_stream_ends_when_its_time_is_up(auth: Auth, token: MakeToken, ticker: Ticker) -> None:
    settings = StreamLimits(stream_seconds_max=0.05)
    async with streaming(auth, token({"ROLE_A"}), ticker, settings) as client, client.get("/ticks") as answer:
        assert await answer.read() == b""
        assert ticker.closed.is_set()


async def test_a_quiet_stream_is_kept_alive(auth: Auth, token: MakeToken, ticker: Ticker) -> None:
    settings = StreamLimits(ping_seconds=0.02)
    async with streaming(auth, token({"ROLE_A"}), ticker, settings) as client, client.get("/ticks") as answer:
        assert (await answer.content.readuntil(b"\r\n\r\n")).startswith(b": ping")
        await ticker.events.put(None)


async def test_streams_end_when_the_process_stops(auth: Auth, token: MakeToken, ticker: Ticker) -> None:
    async with streaming(auth, token({"ROLE_A"}), ticker, StreamLimits()) as client, client.get("/ticks") as answer:
        assert client.app is not None
        stopping = asyncio.create_task(client.app.shutdown())
        assert await answer.read() == b""
        await stopping
        assert ticker.closed.is_set()
