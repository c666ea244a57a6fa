"""Walks every route of an application: who may not come in is told so, at each door."""

import re
from collections.abc import Iterator
from uuid import UUID

from aiohttp import web
from aiohttp.test_utils import TestClient

from libs.web.application import ROUTES
from libs.web.routing import Route
from tests.conftest import MakeToken

OPEN_DOORS = frozenset(
    {
        "/health",
        "/health/ping",
        "/health/liveness",
        "/health/readiness",
        "/info",
        "/v3/api-docs",
        "/swagger-ui",
        "/swagger-ui/index.html",
    }
)
STRANGER = "ROLE_OF_A_STRANGER"


def guarded(app: web.Application) -> Iterator[Route]:
    """List the routes that ask for a role; only the known doors may be open."""
    for route in app[ROUTES]:
        if route.needs.is_open:
            assert route.path in OPEN_DOORS, f"{route.path} is open"
        else:
            yield route


def address(route: Route) -> str:
    """Fill a path template with something that can be read, whatever the type."""
    return re.sub(r"{[^{}]+}", str(UUID(int=1)), route.path)


async def refusals(client: TestClient[web.Request, web.Application], token: MakeToken) -> list[str]:
    """Knock at every door without a token, without a role, with a wrong role, without the scope; list what let us in.

    The client must not bring a token of its own.
    """
    knocks: tuple[tuple[str, int, dict[str, str]], ...] = (
        ("no token", 401, {}),
        ("rubbish", 401, {"Authorization": "Bearer rubbish"}),
        ("no role", 403, {"Authorization": f"Bearer {token(())}"}),
        ("wrong role", 403, {"Authorization": f"Bearer {token((STRANGER,))}"}),
    )
    wrong = []
    assert client.app is not None
    for route in guarded(client.app):
        without_scope = {"Authorization": f"Bearer {token(route.needs.roles, scopes=())}"}
        scoped = (("no scope", 403, without_scope),) if route.needs.scope else ()
        for name, expected, headers in (*knocks, *scoped):
            async with client.request(route.method, address(route), headers=headers) as answer:
                if answer.status != expected:
                    wrong.append(f"{route.method} {route.path} with {name}: {answer.status}")
    return wrong
