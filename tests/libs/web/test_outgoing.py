"""Calling others: one token for all, renewed in time; refusals and failures are told apart."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from uuid import UUID

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel

from libs.web.outgoing import ApiSession, OutgoingSettings, RemoteRefused, RemoteUnavailable, api_session
from tests.conftest import NOBODY


@dataclass
class Remote:
    """Another service and its sign-in server."""

    tokens: int = 0
    lifetime: int = 3600
    accepted: set[str] = field(default_factory=set)
    asked: list[tuple[str, str]] = field(default_factory=list)
    drops: int = 0
    release: asyncio.Event = field(default_factory=asyncio.Event)

    async def token(self, request: web.Request) -> web.Response:
        assert (await request.post())["grant_type"] == "client_credentials"
        assert request.headers["Authorization"] == "Basic dXM6c2VzYW1l"
        self.tokens += 1
        word = f"token-{self.tokens}"
        self.accepted.add(word)
        return web.json_response({"access_token": word, "expires_in": self.lifetime})

    async def thing(self, request: web.Request) -> web.StreamResponse:
        bearer = request.headers.get("Authorization", "").removeprefix("Bearer ")
        self.asked.append((request.method, bearer))
        if self.drops:
            self.drops -= 1
            assert request.transport is not None
            request.transport.close()
            return web.Response()
        if bearer not in self.accepted:
            return web.Response(status=401)
        return web.json_response({"heard": await request.json() if request.can_read_body else None, **request.query})

    async def refuse(self, _: web.Request) -> web.Response:
        return web.json_response({"errorCode": 103, "userMessage": "taken"}, status=409)

    async def long(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(b"first")
        # The rest is not there before somebody has read this.
        await self.release.wait()
        if request.query.get("breaks"):
            assert request.transport is not None
            request.transport.abort()
        await response.write(b"last")
        return response

    async def encoding(self, request: web.Request) -> web.Response:
        return web.Response(text=request.headers["Accept-Encoding"])

    async def hang(self, _: web.Request) -> web.Response:
        await self.release.wait()
        return web.Response()

    async def away(self, _: web.Request) -> web.Response:
        raise web.HTTPFound("/thing")


@pytest.fixture
def remote() -> Remote:
    return Remote()


@pytest.fixture
async def base_url(remote: Remote) -> AsyncIterator[str]:
    app = web.Application()
    app.router.add_post("/oauth/token", remote.token)
    app.router.add_route("*", "/thing", remote.thing)
    app.router.add_get("/refuse", remote.refuse)
    app.router.add_get("/hang", remote.hang)
    app.router.add_get("/long", remote.long)
    app.router.add_get("/encoding", remote.encoding)
    app.router.add_get("/away", remote.away)
    async with TestServer(app) as server:
        yield str(server.make_url("")).rstrip("/")
        remote.release.set()


@pytest.fixture
def settings(base_url: str) -> OutgoingSettings:
    return OutgoingSettings(
        base_url=f"{base_url}/",
        token_url=f"{base_url}/oauth/token",
        client_id="us",
        client_secret="sesame",
        retry_wait_seconds=0,
    )


@pytest.fixture
async def session(settings: OutgoingSettings) -> AsyncIterator[ApiSession]:
    async with api_session(settings) as opened:
        yield opened


class Wish(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True)

    location_id: UUID
    note: str | None = None


async def test_a_model_goes_out_as_camel_case_and_the_answer_comes_back_as_json(session: ApiSession) -> None:
    wish = Wish(location_id=UUID(int=1))
    answer = await session.request("POST", "/thing", json=[wish], params={"page": 1})
    assert answer.json() == {"heard": [{"locationId": str(UUID(int=1))}], "page": "1"}


@pytest.mark.parametrize(("compressed", "asked"), [(False, b"identity"), (True, b"gzip")])
async def test_answers_are_asked_for_plain_unless_set(
    settings: OutgoingSettings, compressed: bool, asked: bytes
) -> None:
    async with api_session(settings.model_copy(update={"compressed": compressed})) as session:
        assert (await session.request("GET", "/encoding")).body == asked


async def test_many_at_once_share_one_token(session: ApiSession, remote: Remote) -> None:
    await asyncio.gather(*(session.request("GET", "/thing") for _ in range(10)))
    assert remote.tokens == 1


async def test_a_token_that_is_no_longer_accepted_is_renewed_once(session: ApiSession, remote: Remote) -> None:
    await session.request("GET", "/thing")
    remote.accepted.clear()
    await session.request("PUT", "/thing")
    assert remote.asked[1:] == [("PUT", "token-1"), ("PUT", "token-2")]


async def test_who_brings_a_token_of_their_own_is_not_given_ours(session: ApiSession, remote: Remote) -> None:
    with pytest.raises(RemoteRefused) as refused:
        await session.request("GET", "/thing", headers={"Authorization": "Bearer theirs"})
    assert refused.value.status == 401
    assert remote.asked == [("GET", "theirs")]


async def test_a_status_that_is_not_fine_is_a_refusal_with_its_body(session: ApiSession) -> None:
    with pytest.raises(RemoteRefused) as refused:
        await session.request("GET", "/refuse")
    assert (refused.value.status, refused.value.body["errorCode"]) == (409, 103)
    assert str(refused.value) == "GET /refuse answered 409"
    assert (await session.request("GET", "/refuse", ok={409})).status == 409


async def test_a_long_answer_is_read_as_it_comes(session: ApiSession, remote: Remote) -> None:
    pieces = session.pieces("/long")
    assert await anext(pieces) == b"first"
    remote.release.set()
    assert [piece async for piece in pieces] == [b"last"]


async def test_a_long_answer_that_is_refused_or_breaks_off_is_told_from_one_that_ends(
    session: ApiSession, remote: Remote
) -> None:
    with pytest.raises(RemoteRefused, match="409"):
        await anext(session.pieces("/refuse"))
    with pytest.raises(RemoteUnavailable, match="Timeout"):
        await anext(session.pieces("/hang", timeout=0.05))
    pieces = session.pieces("/long?breaks=1")
    assert await anext(pieces) == b"first"
    remote.release.set()
    with pytest.raises(RemoteUnavailable):
        await anext(pieces)


async def test_redirects_are_not_followed(session: ApiSession) -> None:
    with pytest.raises(RemoteRefused, match="302"):
        await session.request("GET", "/away")


async def test_a_read_is_repeated_after_a_broken_connection_and_a_write_is_not(
    session: ApiSession, remote: Remote
) -> None:
    await session.request("GET", "/thing")
    remote.drops = 2
    await session.request("GET", "/thing")
    remote.drops = 1
    with pytest.raises(RemoteUnavailable):
        await session.request("POST", "/thing", json={})
    assert remote.drops == 0


async def test_what_does_not_answer_in_time_is_unavailable(session: ApiSession) -> None:
    with pytest.raises(RemoteUnavailable, match="GET /hang failed: TimeoutError"):
        await session.request("GET", "/hang", timeout=0.05)


async def test_nobody_there_is_unavailable(settings: OutgoingSettings) -> None:
    for unreachable in (
        settings.model_copy(update={"base_url": NOBODY}),
        settings.model_copy(update={"token_url": f"{NOBODY}/oauth/token"}),
    ):
        async with api_session(unreachable) as session:
            with pytest.raises(RemoteUnavailable):
                await session.request("GET", "/thing")
