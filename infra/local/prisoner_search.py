"""Stand-in for prisoner search, and for prison-api's roll count: who is in which cell, as tests and demos put them."""

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any, Literal

from aiohttp import web
from pydantic import BaseModel, ConfigDict, NonNegativeInt, PositiveInt
from pydantic.alias_generators import to_camel

from libs.web.application import application as web_application
from libs.web.auth import AuthSettings
from libs.web.health import Health
from libs.web.problems import Problem
from libs.web.routing import Needs, Route

Prisoner = Mapping[str, Any]

SEARCH = Needs.role("ROLE_PRISONER_SEARCH")
ROLL = Needs.role("ROLE_ESTABLISHMENT_ROLL")
# Real prisoner search has no such doors.
PUT = Needs.role("ROLE_PRISONER_ADMIN", scope="write")
NO_MOVEMENTS = MappingProxyType({"inOutMovementsToday": {"in": 0, "out": 0}, "enRouteToday": 0})


class PrisonUnknown(Exception):
    """prison-api has no such prison."""


class _Wire(BaseModel):
    model_config = ConfigDict(frozen=True, alias_generator=to_camel)


class Matcher(_Wire):
    """One attribute held against one term; only strings are searched for here."""

    type: Literal["String"]
    attribute: str
    condition: Literal["IS", "IS_NOT", "IN"]
    search_term: str

    def holds(self, prisoner: Prisoner) -> bool:
        """Whether the prisoner fits."""
        value = prisoner.get(self.attribute)
        match self.condition:
            case "IS":
                return bool(value == self.search_term)
            case "IS_NOT":
                return bool(value != self.search_term)
            case "IN":
                return value in self.search_term.split(",")


class Query(_Wire):
    """Matchers, joined."""

    join_type: Literal["AND", "OR"] = "AND"
    matchers: tuple[Matcher, ...] = ()

    def holds(self, prisoner: Prisoner) -> bool:
        """Whether the prisoner fits."""
        return _joined(self.join_type, (matcher.holds(prisoner) for matcher in self.matchers))


class Search(_Wire):
    """Queries, joined."""

    join_type: Literal["AND", "OR"] = "AND"
    queries: tuple[Query, ...]

    def holds(self, prisoner: Prisoner) -> bool:
        """Whether the prisoner fits."""
        return _joined(self.join_type, (query.holds(prisoner) for query in self.queries))


class Page(BaseModel, frozen=True):
    """Which part of what was found."""

    page: NonNegativeInt = 0
    size: PositiveInt = 10


class Prisoners:
    """Everybody, in memory."""

    def __init__(self) -> None:
        self._prisoners: dict[str, Prisoner] = {}
        self._movements: dict[str, Mapping[str, Any]] = {}
        self._unknown: set[str] = set()

    async def put(self, number: str, body: dict[str, Any]) -> Prisoner:
        """Put a prisoner somewhere."""
        self._prisoners[number] = {**body, "prisonerNumber": number}
        return self._prisoners[number]

    async def delete(self, number: str) -> None:
        """Let a prisoner go."""
        self._prisoners.pop(number, None)

    async def attribute_search(self, body: Search, query: Page) -> dict[str, Any]:
        """Find by attributes."""
        return _page([prisoner for prisoner in self._prisoners.values() if body.holds(prisoner)], query)

    async def in_prison(self, prison_id: str, query: Page) -> dict[str, Any]:
        """Find everybody in a prison."""
        return _page([found for found in self._prisoners.values() if found.get("prisonId") == prison_id], query)

    async def put_movements(self, prison_id: str, body: dict[str, Any]) -> None:
        """Say how many came and went today."""
        self._movements[prison_id] = body
        self._unknown.discard(prison_id)

    async def movements(self, prison_id: str) -> Mapping[str, Any]:
        """Count who came and went today."""
        if prison_id in self._unknown:
            raise PrisonUnknown(f"Resource with id [{prison_id}] not found.")
        return dict(self._movements.get(prison_id, NO_MOVEMENTS))

    async def forget_prison(self, prison_id: str) -> None:
        """Let prison-api not know a prison."""
        self._unknown.add(prison_id)


def application(auth: AuthSettings) -> web.Application:
    """Wire the two APIs, and the doors by which tests put people in."""
    prisoners = Prisoners()
    movements = "/api/prison/roll-count/{prison_id}/movement-count"
    return web_application(
        service="prisoner-search",
        routes=[
            Route("POST", "/attribute-search", prisoners.attribute_search, SEARCH),
            Route("GET", "/prisoner-search/prison/{prison_id}", prisoners.in_prison, SEARCH),
            Route("PUT", "/prisoner/{number}", prisoners.put, PUT),
            Route("DELETE", "/prisoner/{number}", prisoners.delete, PUT, status=204),
            Route("GET", movements, prisoners.movements, ROLL),
            Route("PUT", movements, prisoners.put_movements, PUT, status=204),
            Route("DELETE", movements, prisoners.forget_prison, PUT, status=204),
        ],
        problems={PrisonUnknown: Problem(404, "Prison not found")},
        auth=auth,
        health=Health(),
    )


def _joined(how: Literal["AND", "OR"], answers: Iterable[bool]) -> bool:
    return any(answers) if how == "OR" else all(answers)


def _page(found: Iterable[Prisoner], page: Page) -> dict[str, Any]:
    everybody = sorted(found, key=lambda prisoner: str(prisoner["prisonerNumber"]))
    content = everybody[page.page * page.size : (page.page + 1) * page.size]
    return {
        "content": content,
        "totalElements": len(everybody),
        "totalPages": -(-len(everybody) // page.size),
        "number": page.page,
        "size": page.size,
        "numberOfElements": len(content),
    }
