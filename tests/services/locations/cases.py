"""Numbered cases of `reference/locations-api.md` §7, and the world they are played in.

`cases.json` is the reference's own table. `docs/deviations.md` lists the numbers whose expectation the design changed;
`DEVIATIONS` has the new one, by the member of the expectation that it replaces.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any
from uuid import UUID

import asyncpg
import orjson
from aiohttp import web
from aiohttp.test_utils import TestClient

from libs.domain.codes import HistoryAttribute
from tests.conftest import MakeToken
from tests.services.locations.f1 import F1, ID
from tests.services.locations.prison import put

Case = dict[str, Any]
# A cell that only one case knows.
Z0 = UUID(int=0x20)
Client = TestClient[web.Request, web.Application]
CASES: tuple[Case, ...] = tuple(orjson.loads((Path(__file__).parent / "cases.json").read_bytes()))
BY_ID = MappingProxyType({case["id"]: case for case in CASES})
ROLES = MappingProxyType(
    {
        "SYNC+write": "ROLE_SYNC_LOCATIONS",
        "MAINT+write": "ROLE_MAINTAIN_LOCATIONS",
        "MIGRATE": "ROLE_MIGRATE_LOCATIONS",
        "VIEW": "ROLE_VIEW_LOCATIONS",
        "REF": "ROLE_READ_LOCATION_REFERENCE_DATA",
        "ESTABLISHMENT_ROLL": "ROLE_ESTABLISHMENT_ROLL",
        "SYNC with read scope only": "ROLE_SYNC_LOCATIONS",
    }
)
DEVIATIONS: Mapping[str, dict[str, Any]] = MappingProxyType(
    {
        "S05": {
            "historyLegacy": [
                ["Max capacity", "2", "5"],
                ["Working capacity", "2", "5"],
                ["Baseline certified capacity", "2", "0"],
                ["Certification", "Certified", "Uncertified"],
            ]
        },
        "S15": {"statuses": [409], "errorCodes": [103]},
        "S16": {
            "events": [
                ["deactivated", "KTI-C-5", "DPS"],
                ["deactivated", "KTI-C-4-0S1", "DPS"],
                ["deactivated", "KTI-C-4-011", "DPS"],
                ["deactivated", "KTI-C-4-010", "DPS"],
                ["deactivated", "KTI-C-4", "DPS"],
                ["deactivated", "KTI-C", "NOMIS"],
            ]
        },
        "M05": {"statuses": [400, 409], "errorCodes": [None, 103]},
        "X04": {"events": [["deactivated", "KTI-C-4-010", "DPS"]]},
        "K01": {
            "events": [
                ["capacity.changed", "KTI-C-4-010", "DPS"],
                ["amended", "KTI-C-4", "DPS"],
                ["amended", "KTI-C", "DPS"],
            ]
        },
        "K03": {
            "eventsAnyOrder": [
                ["amended", "KTI-C-4-010"],
                ["capacity.changed", "RDI-A-1-001"],
                ["capacity.changed", "KTI-D-E-007"],
                ["amended", "KTI-C-4"],
                ["amended", "KTI-C"],
                ["amended", "RDI-A-1"],
                ["amended", "RDI-A"],
                ["amended", "KTI-D-E"],
                ["amended", "KTI-D"],
            ]
        },
        "K05": {"eventsFirstAnyOrder": [["amended", "KTI-C-4-010"], ["amended", "KTI-C-4-011"]]},
    }
)


@dataclass
class Answer:
    """What came back."""

    status: int
    body: Any


@dataclass
class World:
    """The running service on a fresh fixture, with somebody to ask it and a look into its tables."""

    client: Client
    search: Client
    connection: "asyncpg.Connection[asyncpg.Record]"
    token: MakeToken
    people: list[str] = field(default_factory=list)
    new: UUID | None = None

    async def fresh(self) -> None:
        """Put the fixture in."""
        await put(self.connection, F1)

    async def call(self, request: Mapping[str, Any]) -> Answer:
        """Make a request of the table."""
        body = self.filled(request.get("body"))
        path = str(self.filled(request["path"]))
        async with self.client.request(
            request["method"], path, json=body, headers=self._headers(request.get("auth"))
        ) as told:
            raw = await told.read()
            answer = Answer(told.status, orjson.loads(raw) if raw else None)
        if isinstance(answer.body, dict) and "id" in answer.body:
            self.new = UUID(answer.body["id"])
        return answer

    def filled(self, value: Any) -> Any:
        """Put ids in place of `{X}`."""
        match value:
            case dict():
                return {self.filled(key): self.filled(each) for key, each in value.items()}
            case list():
                return [self.filled(each) for each in value]
            case str():
                return re.sub(r"{([^{}]+)}", lambda found: self._named(found[1]), value)
            case _:
                return value

    def _named(self, name: str) -> str:
        return str({**ID, "new": self.new, "Z0": Z0}[name])

    def _headers(self, auth: str | None) -> dict[str, str]:
        if auth is None:
            # The client of the fixture brings a token of its own.
            return {"Authorization": "none"}
        roles = {ROLES[auth]} if auth in ROLES else set()
        scopes = ("read",) if "read scope" in auth else ("read", "write")
        return {"Authorization": f"Bearer {self.token(roles, scopes, username='BOSS')}"}

    async def see(self, path: str) -> Any:
        """Read something as somebody who may."""
        return (await self.call({"method": "GET", "path": path, "auth": "VIEW"})).body

    async def ask(self, method: str, path: str, body: Any = None, status: int = 200, auth: str = "MAINT+write") -> Any:
        """Ask as staff, and demand this status."""
        answer = await self.call({"method": method, "path": path, "auth": auth, "body": body})
        assert answer.status == status, answer
        return answer.body

    async def put_in(self, cell: str) -> None:
        """Put somebody into a cell."""
        number = f"P{len(self.people)}"
        self.people.append(number)
        await self.search.put(f"/prisoner/{number}", json={"prisonId": "KTI", "cellLocation": cell})

    async def release(self) -> None:
        """Let everybody go."""
        while self.people:
            await self.search.delete(f"/prisoner/{self.people.pop()}")

    async def events(self) -> list[tuple[str, str, str]]:
        """Return what was announced since last asked, in order."""
        found = await self.connection.fetch(
            "DELETE FROM outbox WHERE topic = 'domain-events' RETURNING id, event_type, body, attributes"
        )
        return [
            (
                each["event_type"].removeprefix("location.inside.prison."),
                orjson.loads(each["body"])["additionalInformation"]["key"],
                each["attributes"]["source"],
            )
            for each in sorted(found, key=lambda each: each["id"])
        ]

    async def audits(self) -> list[str]:
        """Return which acts were noted since last asked, in order."""
        found = await self.connection.fetch("DELETE FROM outbox WHERE topic = 'audit' RETURNING id, body")
        return [orjson.loads(each["body"])["what"] for each in sorted(found, key=lambda each: each["id"])]

    async def history(self, location_id: UUID, *, shown: bool) -> list[tuple[str, str | None, str | None]]:
        """Return the history of a location, newest first."""
        found = await self.connection.fetch(
            "SELECT attribute_name, old_value, new_value FROM location_history WHERE location_id = $1 ORDER BY id DESC",
            location_id,
        )
        read = [(HistoryAttribute(each["attribute_name"]), each["old_value"], each["new_value"]) for each in found]
        return [(attribute.description, old, new) for attribute, old, new in read if attribute.shown or not shown]


def expectation(case: Case) -> dict[str, Any]:
    """Return what is expected, in one shape: statuses and codes of each call, with the deviations put in."""
    expected = {**case["expect"], **DEVIATIONS.get(case["id"], {})}
    calls = len(requests_of(case))
    if each := expected.pop("each", None):
        expected["statuses"] = [each["status"]] * calls
        if "errorCode" in each:
            expected["errorCodes"] = [each["errorCode"]] * calls
    if "status" in expected:
        expected["statuses"] = [expected.pop("status")] * calls
    if vary := expected.pop("vary", None):
        expected["bodies"] = [{expected["check"]: value} for value in vary.values()]
    if "errorCode" in expected:
        expected["errorCodes"] = [expected.pop("errorCode")]
    if expected.pop("noErrorCode", False):
        expected["errorCodes"] = [None]
    for name in ("body", "bodyFirst"):
        if name in expected:
            body = expected.pop(name)
            if isinstance(body, dict) and "then" in body:
                expected["then"] = body["then"]
            expected["bodies"] = [body]
    return expected


def requests_of(case: Case) -> list[dict[str, Any]]:
    """Return the calls of a case; one that varies a value is as many calls."""
    asked = case["request"] if isinstance(case["request"], list) else [case["request"]]
    vary = case["expect"].get("vary")
    if vary is None:
        return asked
    return [
        {**asked[0], "body": {**asked[0]["body"], "code": f"1{n:02}", "deactivationReason": reason}}
        for n, reason in enumerate(vary)
    ]


_LISTS_OF_KEYS = MappingProxyType(
    {"childKeys": "childLocations", "childKeysSet": "childLocations", "subLocationKeysSet": "subLocations"}
)


def mismatches(expected: Any, found: Any, at: str = "body") -> list[str]:
    """Say where `found` lacks something of `expected`: members may be more, lists are as long; null means absent."""
    if isinstance(expected, dict):
        if not isinstance(found, dict):
            return [f"{at}: {found!r} is not an object"]
        return [fault for key, value in expected.items() for fault in _member(key, value, found, f"{at}.{key}")]
    if isinstance(expected, list):
        if not isinstance(found, list) or len(found) != len(expected):
            return [f"{at}: {found!r} is not {expected!r}"]
        pairs = enumerate(zip(expected, found, strict=True))
        return [fault for n, (want, got) in pairs for fault in mismatches(want, got, f"{at}[{n}]")]
    return [] if expected == found else [f"{at}: {found!r} is not {expected!r}"]


def _member(key: str, value: Any, found: dict[str, Any], at: str) -> list[str]:
    if key in _LISTS_OF_KEYS:
        return mismatches(sorted(value), sorted(each["key"] for each in found[_LISTS_OF_KEYS[key]]), at)
    if key == "changeHistorySize":
        return mismatches(value, len(found["changeHistory"]), at)
    if key == "changeHistoryAnyOrder":
        rows = [_row(each) for each in found["changeHistory"]]
        return [f"{at}: {want} is missing from {rows}" for want in value if not any(_fits(want, r) for r in rows)]
    if value is None or key == "then":
        return [f"{at}: is there"] if key in found else []
    return mismatches(value, found.get(key), at)


def _row(change: dict[str, Any]) -> tuple[Any, ...]:
    return (change["attribute"], change.get("oldValue"), change.get("newValue"), change["amendedBy"])


def _fits(wanted: Sequence[Any], row: tuple[Any, ...]) -> bool:
    return tuple(wanted) == row[: len(wanted)]
