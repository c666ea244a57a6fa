"""Clients that send too much, too slowly or nothing at all, and handlers that do not end."""

import asyncio
import zlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import pytest

from infra.local.ports import free_port
from libs.web.application import application, serve
from libs.web.auth import AuthSettings
from libs.web.health import Health
from libs.web.limits import HttpLimits
from libs.web.routing import Needs, Route
from tests.conftest import Auth, MakeToken

HASTE = 0.3
LIMITS = HttpLimits(
    body_bytes_max=1000, line_bytes_max=2000, field_bytes_max=1500, fields_max=20, lingering_seconds_max=HASTE
)


class Things:
    """Handlers that take what they are given, or wait for ever."""

    def __init__(self) -> None:
        self.stopped = asyncio.Event()

    async def take(self, body: list[str]) -> int:
        return len(body)

    async def wait(self) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            self.stopped.set()

    async def wait_longer(self) -> bool:
        await asyncio.wait([asyncio.ensure_future(asyncio.Event().wait())], timeout=HASTE * 1.5)
        return True

    async def time_out(self) -> None:
        raise TimeoutError("of its own")


class Raw:
    """A client that says exactly what the test says."""

    def __init__(self, port: int, bearer: str) -> None:
        self._port = port
        self._bearer = bearer

    async def told(self, *lines: str, body: bytes = b"", then_wait: bool = False) -> bytes:
        """Send a head (and a body), and return all that comes back until the server closes."""
        head = "\r\n".join((*lines, "Host: x", f"Authorization: Bearer {self._bearer}", ""))
        return await self.sent((head + ("" if then_wait else "\r\n")).encode() + body)

    async def sent(self, raw: bytes) -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        writer.write(raw)
        answer = await reader.read()
        writer.close()
        return answer


@pytest.fixture
def things() -> Things:
    return Things()


@asynccontextmanager
async def served(auth: Auth, token: MakeToken, things: Things, limits: HttpLimits) -> AsyncIterator[Raw]:
    may = Needs.role("ROLE_A")
    app = application(
        service="limited",
        routes=[
            Route("POST", "/take", things.take, may),
            Route("GET", "/wait", things.wait, may),
            Route("GET", "/wait-longer", things.wait_longer, may, seconds_max=60),
            Route("GET", "/time-out", things.time_out, may),
        ],
        problems={},
        auth=AuthSettings(jwks_url=auth.jwks_url),
        health=Health(),
        limits=limits,
    )
    stop, port = asyncio.Event(), free_port()
    serving = asyncio.create_task(serve(app, "127.0.0.1", port, stop))
    raw = Raw(port, token({"ROLE_A"}))
    async with aiohttp.ClientSession() as session:
        while True:
            try:
                async with session.get(f"http://127.0.0.1:{port}/health/ping"):
                    break
            except aiohttp.ClientConnectorError:
                await asyncio.sleep(0)
    yield raw
    stop.set()
    await serving


@pytest.fixture
async def client(auth: Auth, token: MakeToken, things: Things) -> AsyncIterator[Raw]:
    """At a service that has all the time in the world."""
    async with served(auth, token, things, LIMITS) as raw:
        yield raw


@pytest.fixture
async def hasty(request: pytest.FixtureRequest, auth: Auth, token: MakeToken, things: Things) -> AsyncIterator[Raw]:
    """At a service with little patience in the one respect that the test names."""
    async with served(auth, token, things, LIMITS.model_copy(update={request.param: HASTE})) as raw:
        yield raw


def impatient(limit: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("hasty", [limit], indirect=True)


JSON = "Content-Type: application/json"
CLOSE = "Connection: close"


async def test_a_body_that_is_too_large_is_a_413(client: Raw) -> None:
    body = b'["' + b"x" * 2000 + b'"]'
    answer = await client.told("POST /take HTTP/1.1", JSON, CLOSE, f"Content-Length: {len(body)}", body=body)
    assert answer.startswith(b"HTTP/1.1 413 ")


async def test_a_body_that_grows_too_large_is_a_413_too(client: Raw) -> None:
    chunk = b"400\r\n" + b"x" * 1024 + b"\r\n"
    answer = await client.told(
        "POST /take HTTP/1.1", JSON, CLOSE, "Transfer-Encoding: chunked", body=chunk * 3 + b"0\r\n\r\n"
    )
    assert answer.startswith(b"HTTP/1.1 413 ")


async def test_a_body_that_unpacks_too_large_is_a_413(client: Raw) -> None:
    packer = zlib.compressobj(wbits=31)
    body = packer.compress(b'["' + b"x" * 100_000 + b'"]') + packer.flush()
    assert len(body) < LIMITS.body_bytes_max
    head = ("POST /take HTTP/1.1", JSON, CLOSE, "Content-Encoding: gzip", f"Content-Length: {len(body)}")
    answer = await client.told(*head, body=body)
    assert answer.startswith(b"HTTP/1.1 413 ")


@impatient("body_seconds_max")
async def test_a_body_that_does_not_arrive_is_a_408(hasty: Raw) -> None:
    answer = await hasty.told("POST /take HTTP/1.1", JSON, CLOSE, "Content-Length: 100", body=b'["')
    assert answer.startswith(b"HTTP/1.1 408 ")


@pytest.mark.parametrize(
    "lines",
    [
        ("GET /" + "x" * 3000 + " HTTP/1.1",),
        ("GET /take HTTP/1.1", "X-Long: " + "x" * 2000),
        ("GET /take HTTP/1.1", *(f"X-{number}: 1" for number in range(30))),
        ("GET /take HTTP/1.1", "Not a header"),
        ("GET /take HTTP/1.1", "Content-Length: 1", "Content-Length: 2"),
        ("POST /take HTTP/1.1", "Content-Length: 1", "Transfer-Encoding: chunked"),
        ("Nonsense",),
    ],
    ids=["line", "field", "fields", "malformed", "two-lengths", "smuggled", "nonsense"],
)
async def test_a_head_that_is_too_large_or_no_head_at_all_is_a_400(client: Raw, lines: tuple[str, ...]) -> None:
    assert (await client.told(*lines)).startswith(b"HTTP/1.1 400 ") or (await client.told(*lines)).startswith(
        b"HTTP/1.0 400 "
    )


@impatient("idle_seconds_max")
async def test_who_never_ends_the_head_is_hung_up_on(hasty: Raw) -> None:
    assert await hasty.told("GET /take HTTP/1.1", then_wait=True) == b""


@impatient("idle_seconds_max")
async def test_who_says_nothing_is_hung_up_on(hasty: Raw) -> None:
    assert await hasty.sent(b"") == b""


@impatient("request_seconds_max")
async def test_a_handler_that_takes_too_long_is_stopped_and_a_503(hasty: Raw, things: Things) -> None:
    answer = await hasty.told("GET /wait HTTP/1.1", CLOSE)
    assert answer.startswith(b"HTTP/1.1 503 ")
    assert b"\r\nRetry-After: 5\r\n" in answer
    assert b"not done after 0.3 seconds" in answer
    await things.stopped.wait()


@impatient("request_seconds_max")
async def test_a_route_may_ask_for_longer(hasty: Raw) -> None:
    assert (await hasty.told("GET /wait-longer HTTP/1.1", CLOSE)).startswith(b"HTTP/1.1 200 ")


async def test_a_time_out_of_the_handlers_own_is_not_the_deadlines(client: Raw) -> None:
    assert (await client.told("GET /time-out HTTP/1.1", CLOSE)).startswith(b"HTTP/1.1 500 ")
