"""Tokens: whose are taken, whose are not, and what happens when the sign-in server changes keys or is away."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime

import jwt
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from infra.local.tokens import Grant, Signer, new_key
from libs.web.auth import AuthSettings, NotSignedIn, Verifier, verifier
from libs.web.problems import SignInUnreachable

OUTAGE = AuthSettings(jwks_url="").jwks_outage_seconds_max


@dataclass
class World:
    """A sign-in server whose keys, health and clock the test moves; the tokens' clock is the real one."""

    signer: Signer
    up: bool = True
    asked: int = 0
    seconds: float = 0.0
    shown: list[Signer] = field(default_factory=list)

    def clock(self) -> float:
        return datetime.now(UTC).timestamp() + self.seconds  # noqa: TID251 - pyjwt reads the real clock

    async def jwks(self, _: web.Request) -> web.Response:
        self.asked += 1
        if not self.up:
            return web.Response(status=503)
        return web.json_response({"keys": [key for signer in self.shown for key in signer.jwks()["keys"]]})


def now() -> datetime:
    return datetime.now(UTC)  # noqa: TID251 - pyjwt reads the real clock


def signer(issuer: str = "ours") -> Signer:
    return Signer(new_key(), issuer, now)


@asynccontextmanager
async def checking(world: World) -> AsyncIterator[Verifier]:
    app = web.Application()
    app.router.add_get("/jwks", world.jwks)
    async with TestServer(app) as server:
        settings = AuthSettings(jwks_url=str(server.make_url("/jwks")), issuer="ours", tokens_remembered_max=2)
        async with verifier(settings, world.clock) as opened:
            yield opened


@pytest.fixture(scope="module")
def first() -> Signer:
    return signer()


@pytest.fixture(scope="module")
def second() -> Signer:
    return signer()


@pytest.fixture
def world(first: Signer) -> World:
    return World(first, shown=[first])


def header(by: Signer, client_id: str = "c", username: str | None = None) -> str:
    return "Bearer " + by.token(Grant(client_id, username, roles=frozenset({"A"}), caseloads=frozenset({"LEI"})))


async def test_a_caller_is_read_from_the_claims(world: World, first: Signer) -> None:
    async with checking(world) as check:
        caller = await check.caller(header(first, "to-nomis", "ANN"))
    assert (caller.username, caller.client_id) == ("ANN", "to-nomis")
    assert (caller.roles, caller.scopes) == (frozenset({"ROLE_A"}), frozenset({"read", "write"}))
    assert caller.prisons == frozenset({"LEI"})


async def test_who_has_no_user_name_goes_by_the_client(world: World, first: Signer) -> None:
    async with checking(world) as check:
        assert (await check.caller(header(first, "to-nomis"))).username == "to-nomis"


async def test_a_token_is_checked_once_and_forgotten_when_it_expires(world: World, first: Signer) -> None:
    async with checking(world) as check:
        token = header(first)
        caller = await check.caller(token)
        assert check.remembered(token) is caller
        world.seconds += first.lifetime.total_seconds() + 60
        assert check.remembered(token) is None


async def test_only_so_many_tokens_are_remembered(world: World, first: Signer) -> None:
    async with checking(world) as check:
        tokens = [header(first, f"client-{n}") for n in range(3)]
        for token in tokens:
            await check.caller(token)
        assert [check.remembered(token) is None for token in tokens] == [True, False, False]


@pytest.mark.parametrize("bad", ["", "Basic abc", "Bearer ", "Bearer a.b.c", "Bearer \x00", "rubbish"])
async def test_rubbish_is_not_a_token(world: World, bad: str) -> None:
    async with checking(world) as check:
        with pytest.raises(NotSignedIn):
            await check.caller(bad)


async def test_other_algorithms_issuers_keys_and_times_are_refused(world: World, first: Signer, second: Signer) -> None:
    claims = {"iss": "ours", "exp": int(now().timestamp()) + 600, "authorities": ["ROLE_A"]}
    key_id = {"kid": first.key_id}
    forged = [
        jwt.encode(claims, "", algorithm="none", headers=key_id),
        jwt.encode(claims, "x" * 64, algorithm="HS256", headers=key_id),
        jwt.encode(claims, second.key, algorithm="RS256", headers=key_id),
        jwt.encode({**claims, "iss": "theirs"}, first.key, algorithm="RS256", headers=key_id),
        jwt.encode({**claims, "exp": int(now().timestamp()) - 60}, first.key, algorithm="RS256", headers=key_id),
        jwt.encode({"iss": "ours"}, first.key, algorithm="RS256", headers=key_id),
        jwt.encode(claims, first.key, algorithm="RS256"),
    ]
    async with checking(world) as check:
        for token in forged:
            with pytest.raises(NotSignedIn):
                await check.caller(f"Bearer {token}")


async def test_many_at_once_ask_for_the_keys_once(world: World, first: Signer) -> None:
    async with checking(world) as check:
        await asyncio.gather(*(check.caller(header(first, f"c{n}")) for n in range(20)))
    assert world.asked == 1


async def test_many_at_once_in_an_outage_ask_once_too(world: World, first: Signer) -> None:
    world.up = False
    async with checking(world) as check:
        told = await asyncio.gather(*(check.caller(header(first, f"c{n}")) for n in range(20)), return_exceptions=True)
    assert {type(answer) for answer in told} == {SignInUnreachable}
    assert world.asked == 1


async def test_a_new_key_is_fetched_when_first_seen_and_strangers_cannot_make_us_ask(
    world: World, first: Signer, second: Signer
) -> None:
    async with checking(world) as check:
        await check.caller(header(first))
        world.shown = [first, second]
        world.seconds += 11
        assert (await check.caller(header(second, "new"))).client_id == "new"
        assert world.asked == 2
        stranger = signer()
        for n in range(5):
            with pytest.raises(NotSignedIn):
                await check.caller(header(stranger, f"stranger-{n}"))
        assert world.asked == 2


async def test_an_outage_is_survived_with_the_keys_we_have(world: World, first: Signer) -> None:
    async with checking(world) as check:
        await check.caller(header(first))
        world.up = False
        world.seconds += 600
        assert (await check.caller(header(first, "later"))).client_id == "later"
        assert world.asked == 2


async def test_a_key_that_is_new_in_an_outage_is_neither_taken_nor_refused(
    world: World, first: Signer, second: Signer
) -> None:
    async with checking(world) as check:
        await check.caller(header(first))
        world.up = False
        world.seconds += 11
        with pytest.raises(SignInUnreachable):
            await check.caller(header(second))
        world.up, world.shown = True, [second]
        world.seconds += 11
        assert (await check.caller(header(second, "new"))).client_id == "new"
        with pytest.raises(NotSignedIn):
            await check.caller(header(first, "withdrawn"))


async def test_keys_that_could_not_be_renewed_for_long_are_used_no_more(world: World, first: Signer) -> None:
    async with checking(world) as check:
        await check.caller(header(first))
        world.up = False
        world.seconds += OUTAGE - 60
        assert (await check.caller(header(first, "just in time"))).client_id == "just in time"
        world.seconds += 120
        with pytest.raises(SignInUnreachable):
            await check.caller(header(first, "too late"))
        world.up = True
        assert (await check.caller(header(first, "again"))).client_id == "again"


async def test_without_any_key_nobody_is_told_to_sign_in_again(world: World, first: Signer) -> None:
    world.up = False
    async with checking(world) as check:
        with pytest.raises(SignInUnreachable):
            await check.caller(header(first))
        world.up = True
        assert (await check.caller(header(first))).client_id == "c"
