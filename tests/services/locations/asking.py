"""Asks the locations API in some role and holds its answers against what a case of the reference expects."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import asyncpg
import orjson
from aiohttp import web
from aiohttp.test_utils import TestClient

from tests.conftest import MakeToken
from tests.services.locations.f1 import ID
from tests.services.locations.prison import at

ROLES: Mapping[str, tuple[str, ...]] = {
    "VIEW": ("ROLE_VIEW_LOCATIONS",),
    "MAINT": ("ROLE_MAINTAIN_LOCATIONS",),
    "SYNC": ("ROLE_SYNC_LOCATIONS",),
    "REF": ("ROLE_READ_LOCATION_REFERENCE_DATA",),
    "ROLL": ("ROLE_ESTABLISHMENT_ROLL",),
    "PRISONERS": ("ROLE_VIEW_PRISONER_LOCATIONS",),
}


@dataclass(frozen=True)
class Asking:
    """Somebody with a role at a time; `{C-4}` in a path is the id of that location of F1."""

    client: TestClient[web.Request, web.Application]
    token: MakeToken
    connection: "asyncpg.Connection[asyncpg.Record]"

    def id(self, which: str | int) -> UUID:
        """Give the id of a location of F1 by its path, or of the nth of KTI."""
        return at("KTI", which) if isinstance(which, int) else ID[which]

    async def ask(self, role: str, line: str, body: Any = None, status: int = 200) -> Any:
        """Send `GET /path` and return what was answered."""
        method, _, path = line.partition(" ")
        for known, location_id in ID.items():
            path = path.replace("{" + known + "}", str(location_id))
        headers = {"Authorization": f"Bearer {self.token(ROLES[role], username='BOSS')}"}
        async with self.client.request(method, path, json=body, headers=headers) as answer:
            told = await answer.read()
            assert answer.status == status, told
            return orjson.loads(told) if told else None


def holds(answer: Any, expected: Any, place: str = "") -> None:
    """Assert that an answer has all that is expected: objects may have more members, lists may not have more items."""
    if isinstance(expected, dict):
        for name, value in expected.items():
            assert name in answer, f"{place}.{name} is missing"
            holds(answer[name], value, f"{place}.{name}")
    elif isinstance(expected, list):
        assert len(answer) == len(expected), f"{place}: {answer}"
        for at, (item, wanted) in enumerate(zip(answer, expected, strict=True)):
            holds(item, wanted, f"{place}[{at}]")
    else:
        assert answer == expected, f"{place}: {answer!r}, not {expected!r}"
