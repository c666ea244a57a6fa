"""How an answer goes out: versions named, large ones compressed, a slash too many forgiven."""

import gzip
from collections.abc import AsyncIterator

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from libs.web.application import application
from libs.web.auth import AuthSettings
from libs.web.compression import BYTES_INLINE_MAX, BYTES_MIN, takes_gzip
from libs.web.health import Health
from libs.web.preconditions import Conditions, entity_tag
from libs.web.routing import Needs, Reply, Route
from tests.conftest import Auth, MakeToken

Client = TestClient[web.Request, web.Application]
READ = Needs.role("ROLE_READ")


class Shelf:
    """One thing with a version, as long as one asks for."""

    def __init__(self) -> None:
        self.version: int | None = 7

    async def read(self, length: int) -> Reply[str]:
        return Reply("x" * length, headers={"ETag": entity_tag(self.version), "Cache-Control": "no-cache"})

    async def write(self, length: int, conditions: Conditions) -> Reply[str]:
        conditions.require(None if self.version is None else str(self.version))
        return Reply("x" * length, headers={"ETag": entity_tag(8)})


@pytest.fixture
def shelf() -> Shelf:
    return Shelf()


@pytest.fixture
async def client(auth: Auth, token: MakeToken, shelf: Shelf) -> AsyncIterator[Client]:
    app = application(
        service="shelf",
        routes=[
            Route("GET", "/things/{length}", shelf.read, READ, slash=True, tagged=True),
            Route("PUT", "/things/{length}", shelf.write, READ, tagged=True),
        ],
        problems={},
        auth=AuthSettings(jwks_url=auth.jwks_url, issuer=auth.issuer),
        health=Health(),
    )
    bearer = {"Authorization": f"Bearer {token({'ROLE_READ'})}", "Accept-Encoding": "identity"}
    async with TestClient(TestServer(app), headers=bearer, auto_decompress=False) as opened:
        yield opened


@pytest.mark.parametrize(
    ("known", "status"),
    [('"7"', 304), ('W/"7"', 304), ('"6", "7"', 304), ("*", 304), ('"7-gzip"', 304), ('"6"', 200), ("7", 400)],
)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_who_has_the_version_already_is_told_so(client: Client, method: str, known: str, status: int) -> None:
    answer = await client.request(method, "/things/5", headers={"If-None-Match": known})
    assert answer.status == status
    if status == 304:
        assert await answer.read() == b""
        assert answer.headers["ETag"] == ('"7-gzip"' if known == '"7-gzip"' else '"7"')
        assert answer.headers["Cache-Control"] == "no-cache"


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"If-Match": '"7"'}, 200),
        ({"If-Match": '"7-gzip"'}, 200),
        ({"If-Match": "*"}, 200),
        ({"If-Match": '"6"'}, 412),
        ({"If-Match": 'W/"7"'}, 412),
        ({"If-None-Match": "*"}, 412),
        ({"If-None-Match": '"7"'}, 412),
        ({"If-None-Match": '"6"'}, 200),
        ({"If-Match": "seven"}, 400),
        ({"If-None-Match": "seven"}, 400),
    ],
)
async def test_a_write_is_refused_where_the_version_is_another(
    client: Client, headers: dict[str, str], status: int
) -> None:
    assert (await client.put("/things/5", headers=headers)).status == status


async def test_what_is_not_there_can_be_asked_for_too(client: Client, shelf: Shelf) -> None:
    shelf.version = None
    assert (await client.put("/things/5", headers={"If-None-Match": "*"})).status == 200
    assert (await client.put("/things/5", headers={"If-Match": "*"})).status == 412


@pytest.mark.parametrize("length", [BYTES_MIN, BYTES_INLINE_MAX + 1])
async def test_a_large_answer_is_compressed_for_who_takes_it(client: Client, length: int) -> None:
    answer = await client.get(f"/things/{length}", headers={"Accept-Encoding": "br, gzip;q=0.5"})
    raw = await answer.read()
    assert (answer.headers["Content-Encoding"], answer.headers["Vary"]) == ("gzip", "Accept-Encoding")
    assert answer.headers["ETag"] == '"7-gzip"'
    assert int(answer.headers["Content-Length"]) == len(raw) < length
    assert gzip.decompress(raw) == b'"' + b"x" * length + b'"'


async def test_a_small_answer_or_an_unwilling_caller_gets_it_plain(client: Client) -> None:
    small = await client.get("/things/10", headers={"Accept-Encoding": "gzip"})
    plain = await client.get(f"/things/{BYTES_MIN}")
    assert (small.headers.get("Content-Encoding"), small.headers.get("Vary")) == (None, None)
    assert (plain.headers.get("Content-Encoding"), plain.headers["Vary"]) == (None, "Accept-Encoding")
    assert plain.headers["ETag"] == '"7"'


@pytest.mark.parametrize(
    ("header", "takes"),
    [
        ("", False),
        ("gzip", True),
        ("GZIP", True),
        ("x-gzip", True),
        ("deflate, gzip;q=1.0", True),
        ("gzip ; q = 0.001", True),
        ("gzip;q=0", False),
        ("*", True),
        ("*;q=0", False),
        ("gzip;q=0, *", False),
        ("identity", False),
        ("gzip;q=much", False),
    ],
)
def test_what_a_caller_takes_is_read_from_its_header(header: str, *, takes: bool) -> None:
    assert takes_gzip(header) is takes


async def test_a_slash_at_the_end_is_forgiven_where_the_route_says_so(client: Client) -> None:
    assert (await client.get("/things/5/")).status == 200
    assert (await client.head("/things/5/")).status == 200
    assert (await client.put("/things/5/")).status == 405
