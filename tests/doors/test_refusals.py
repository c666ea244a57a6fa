"""Every door of every service refuses who may not come in and what it cannot read, as HTTP says, never by a 500."""

import base64
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from typing import Any
from uuid import UUID

import aiohttp
import orjson
import pytest

from infra.local.tokens import Grant, Signer, new_key
from libs.web import binding
from libs.web.application import ROUTES
from libs.web.openapi import document
from libs.web.problems import ProblemWriter, hmpps
from libs.web.routing import Route
from tests.conftest import Auth, MakeToken, clock
from tests.doors.services import SERVICES, Served
from tests.routes import guarded

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
JSON = {"Content-Type": "application/json"}
# More than a bigint.
BEYOND = 2**70
KNOWN_PRISON = "KMI"
WITHOUT_BODY = frozenset({401, 304})


@dataclass(frozen=True)
class Knock:
    """One request that is to be refused, and how."""

    name: str
    status: int
    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes | None = None


@pytest.fixture(params=SERVICES)
def served(house: Mapping[str, Served], request: pytest.FixtureRequest) -> Served:
    return house[request.param]


@pytest.fixture
def everybody(served: Served, token: MakeToken) -> dict[str, str]:
    """The headers of somebody who may do everything."""
    return bearer(token(served.roles))


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def templates(served: Served) -> dict[str, tuple[str, frozenset[str]]]:
    """Give for each path template an address that can be read, and the methods it has."""
    routes = list(guarded(served.app))
    described = document("x", routes, ProblemWriter({}, hmpps))["paths"]
    found = {}
    for path, item in described.items():
        parameters = next(iter(item.values()))["parameters"]
        filled = path
        for each in parameters:
            if each["in"] == "path":
                filled = filled.replace("{" + each["name"] + "}", str(each.get("example", UUID(int=1))))
        found[path] = (filled, frozenset(method.upper() for method in item))
    return found


def address(served: Served, route: Route) -> str:
    return addresses(served)[binding.PATH_NAME.sub(r"{\1}", route.path)]


@cache
def addresses(served: Served) -> dict[str, str]:
    return {template: filled for template, (filled, _) in templates(served).items()}


async def wrong_answers(served: Served, knocks: Iterator[Knock]) -> list[str]:
    """Knock, and list each door that answered otherwise than it should."""
    wrong = []
    async with aiohttp.ClientSession() as client:
        for knock in knocks:
            where = f"{knock.name} at {knock.method} {knock.path}"
            async with client.request(
                knock.method, served.url + knock.path, headers=knock.headers, data=knock.body
            ) as answer:
                if answer.status != knock.status:
                    wrong.append(f"{where}: {answer.status}, not {knock.status}")
                elif knock.status not in WITHOUT_BODY and answer.content_type != "application/problem+json":
                    wrong.append(f"{where}: {answer.content_type}")
    return wrong


def unsigned(token: str) -> str:
    """The same claims under the algorithm `none`."""
    header = base64.urlsafe_b64encode(orjson.dumps({"alg": "none", "typ": "JWT"})).decode().rstrip("=")
    return f"{header}.{token.split('.')[1]}."


def as_symmetric(token: str) -> str:
    """The same claims, said to be signed with a shared secret."""
    header, claims, signature = token.split(".")
    named = {**orjson.loads(base64.urlsafe_b64decode(header + "==")), "alg": "HS256"}
    return f"{base64.urlsafe_b64encode(orjson.dumps(named)).decode().rstrip('=')}.{claims}.{signature}"


async def test_only_tokens_of_our_sign_in_server_are_believed(served: Served, auth: Auth) -> None:
    grant = Grant("test", None, roles=served.roles, scopes=("read", "write"))
    good = auth.signer.token(grant)
    tokens = {
        "no token": {},
        "rubbish": bearer("rubbish"),
        "basic": {"Authorization": "Basic dXM6c2VzYW1l"},
        "expired": bearer(Signer(auth.signer.key, auth.issuer, lambda: clock() - timedelta(days=1)).token(grant)),
        "another issuer": bearer(Signer(auth.signer.key, "http://another.example/auth", clock).token(grant)),
        "another key": bearer(Signer(new_key(), auth.issuer, clock).token(grant)),
        "no algorithm": bearer(unsigned(good)),
        "another algorithm": bearer(as_symmetric(good)),
        "cut": bearer(good[:-8]),
    }
    knocks = (
        Knock(name, 401, route.method, address(served, route), headers)
        for route in guarded(served.app)
        for name, headers in tokens.items()
    )
    assert await wrong_answers(served, knocks) == []


async def test_every_door_refuses_every_role_but_its_own(served: Served, token: MakeToken) -> None:
    by_role = {role: bearer(token({role})) for role in (*sorted(served.roles), "ROLE_OF_A_STRANGER")}
    nobody = bearer(token(()))

    def knocks() -> Iterator[Knock]:
        for route in guarded(served.app):
            path = address(served, route)
            yield Knock("no role", 403, route.method, path, nobody)
            for role, headers in by_role.items():
                if role not in route.needs.roles:
                    yield Knock(role, 403, route.method, path, headers)
            if route.needs.scope:
                yield Knock("no scope", 403, route.method, path, bearer(token(route.needs.roles, scopes=("other",))))

    assert await wrong_answers(served, knocks()) == []


async def test_a_method_that_a_path_lacks_is_a_405_that_names_those_it_has(
    served: Served, everybody: dict[str, str]
) -> None:
    async with aiohttp.ClientSession(headers=everybody) as client:
        for path, methods in templates(served).values():
            for method in (*METHODS, "OPTIONS", "TRACE"):
                if method in methods:
                    continue
                async with client.request(method, served.url + path, json={}) as answer:
                    assert answer.status == 405, f"{method} {path}"
                    allowed = frozenset(answer.headers["Allow"].split(", "))
                    assert methods <= allowed, f"{method} {path}"


async def test_a_body_that_cannot_be_read_is_refused(served: Served, everybody: dict[str, str]) -> None:
    def knocks() -> Iterator[Knock]:
        for route in served.app[ROUTES]:
            if binding.signature_of(route).body is None:
                continue
            at = (route.method, address(served, route))
            text = {**everybody, "Content-Type": "text/plain"}
            yield Knock("text", 415, *at, text, b"{}")
            yield Knock("latin-1", 415, *at, {**everybody, "Content-Type": "application/json; charset=latin-1"}, b"{}")
            for name, body in {"cut": b"{", "not UTF-8": b"\xff", "NUL": b'["\\u0000"]', "a number": b"1"}.items():
                yield Knock(name, 400, *at, {**everybody, **JSON}, body)
            if binding.signature_of(route).body_required:
                yield Knock("nothing", 400, *at, {**everybody, **JSON}, b"")

    assert await wrong_answers(served, knocks()) == []


async def test_an_id_that_is_none_is_a_400(served: Served, everybody: dict[str, str]) -> None:
    def knocks() -> Iterator[Knock]:
        for route in served.app[ROUTES]:
            if route.needs.is_open:
                continue
            template = binding.PATH_NAME.sub(r"{\1}", route.path)
            for name, annotation in binding.signature_of(route).path.values():
                if annotation is UUID:
                    filled = template.replace("{" + name + "}", "018fe4-nonsense")
                    yield Knock(
                        "not a UUID", 400, route.method, binding.PATH_NAME.sub(str(UUID(int=1)), filled), everybody
                    )
                yield Knock("NUL", 400, route.method, binding.PATH_NAME.sub("%00", template), everybody)

    assert await wrong_answers(served, knocks()) == []


async def test_a_number_that_no_column_holds_fails_nowhere(served: Served, everybody: dict[str, str]) -> None:
    described = document("x", list(guarded(served.app)), ProblemWriter({}, hmpps))["paths"]
    asked, failed = 0, []
    async with aiohttp.ClientSession(headers=everybody) as client:
        for path, item in described.items():
            for method, operation in item.items():
                for each in operation["parameters"]:
                    if "integer" not in types(each["schema"]):
                        continue
                    in_path = each["in"] == "path"
                    filled = path.replace("{" + each["name"] + "}", str(BEYOND)) if in_path else path
                    filled = re.sub("{[^}]*}", KNOWN_PRISON, filled)
                    query = {} if in_path else {each["name"]: str(BEYOND)}
                    async with client.request(method, served.url + filled, params=query, json={}) as answer:
                        asked += 1
                        failed += [f"{method} {filled} {query}"] if answer.status >= 500 else []
    assert failed == []
    assert asked or served.service is SERVICES["to-nomis"]


def types(schema: Mapping[str, Any]) -> set[str]:
    """The JSON types that a parameter may have."""
    return {schema.get("type", "")}.union(*(types(each) for each in schema.get("anyOf", ())))


async def test_an_unknown_path_is_a_404(served: Served, everybody: dict[str, str]) -> None:
    knocks = (Knock("nowhere", 404, method, "/nowhere/at/all", everybody) for method in METHODS)
    assert await wrong_answers(served, knocks) == []
