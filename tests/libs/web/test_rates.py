"""Who asks too often is told when to come again, and nobody else notices."""

from collections.abc import AsyncIterator

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from libs.web.application import application
from libs.web.auth import AuthSettings
from libs.web.health import Health
from libs.web.limits import HttpLimits, RateLimits
from libs.web.problems import TooManyRequests
from libs.web.rates import Rates
from libs.web.routing import Needs, Route
from tests.conftest import Auth, MakeToken

Client = TestClient[web.Request, web.Application]


class Clock:
    """Stands still until it is moved."""

    def __init__(self) -> None:
        self.seconds = 100.0

    def __call__(self) -> float:
        return self.seconds


def let_through(rates: Rates, caller: str, tries: int) -> int:
    """Count how many of so many requests at once pass."""
    passed = 0
    for _ in range(tries):
        try:
            rates.take(caller)
        except TooManyRequests:
            continue
        passed += 1
    return passed


def test_a_burst_passes_and_then_as_many_as_come_back() -> None:
    clock = Clock()
    rates = Rates(RateLimits(requests_per_second=10, burst=5), clock)
    assert let_through(rates, "a", 20) == 5
    clock.seconds += 0.35
    assert let_through(rates, "a", 20) == 3
    clock.seconds += 3600
    assert let_through(rates, "a", 20) == 5


def test_one_caller_takes_nothing_from_another() -> None:
    rates = Rates(RateLimits(requests_per_second=10, burst=5), Clock())
    assert let_through(rates, "a", 20) == 5
    assert let_through(rates, "b", 20) == 5


def test_who_waits_as_long_as_told_is_let_through() -> None:
    clock = Clock()
    rates = Rates(RateLimits(requests_per_second=0.25, burst=1), clock)
    rates.take("a")
    with pytest.raises(TooManyRequests) as refused:
        rates.take("a")
    assert refused.value.headers == {"Retry-After": "4"}
    clock.seconds += 4
    rates.take("a")


def test_only_so_many_callers_are_remembered() -> None:
    rates = Rates(RateLimits(requests_per_second=10, burst=1, callers_max=2), Clock())
    assert [let_through(rates, caller, 1) for caller in "abcbca"] == [1, 1, 1, 0, 0, 1]


@pytest.fixture
async def client(auth: Auth) -> AsyncIterator[Client]:
    async def read() -> bool:
        return True

    app = application(
        service="limited",
        routes=[Route("GET", "/thing", read, Needs.role("ROLE_A"))],
        problems={},
        auth=AuthSettings(jwks_url=auth.jwks_url),
        health=Health(),
        limits=HttpLimits(rates=RateLimits(requests_per_second=0.001, burst=2)),
    )
    async with TestClient(TestServer(app)) as opened:
        yield opened


async def test_too_many_requests_of_one_caller_are_429s_with_the_time_to_wait(client: Client, token: MakeToken) -> None:
    ann, ben = ({"Authorization": f"Bearer {token({'ROLE_A'}, username=name)}"} for name in ("ANN", "BEN"))
    assert [(await client.get("/thing", headers=ann)).status for _ in range(2)] == [200, 200]
    async with client.get("/thing", headers=ann) as answer:
        assert answer.status == 429
        assert 0 < int(answer.headers["Retry-After"]) <= 1000
        assert answer.content_type == "application/problem+json"
        assert (await answer.json())["type"] == "urn:problem-type:too-many-requests"
    assert (await client.get("/thing", headers=ben)).status == 200
    # A new token is no new caller, and what is refused or nowhere counts too.
    again = {"Authorization": f"Bearer {token({'ROLE_B'}, username='ANN')}"}
    assert (await client.get("/nowhere", headers=again)).status == 429


async def test_health_is_never_refused_for_being_asked_often(client: Client) -> None:
    assert {(await client.get("/health/liveness")).status for _ in range(10)} == {200}
