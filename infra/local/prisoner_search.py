"""Stand-in for prisoner search, and for prison-api's roll count: who is in which cell, as tests and demos put them."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import orjson
from aiohttp import web

# A prisoner has many more members; these are what matching needs.
PRISON = "prisonId"
CELL = "cellLocation"
NUMBER = "prisonerNumber"
NO_MOVEMENTS = MappingProxyType({"inOutMovementsToday": {"in": 0, "out": 0}, "enRouteToday": 0})
SIZE_DEFAULT = 10


class Prisoners:
    """Everybody, in memory."""

    def __init__(self) -> None:
        self._prisoners: dict[str, Mapping[str, Any]] = {}
        self._movements: dict[str, Mapping[str, Any]] = {}

    async def put(self, request: web.Request) -> web.Response:
        """Put a prisoner somewhere: for tests and demos, real prisoner search has no such door."""
        number = request.match_info["number"]
        self._prisoners[number] = {**orjson.loads(await request.read()), NUMBER: number}
        return web.json_response(self._prisoners[number])

    async def delete(self, request: web.Request) -> web.Response:
        """Let a prisoner go."""
        self._prisoners.pop(request.match_info["number"], None)
        return web.Response(status=204)

    async def attribute_search(self, request: web.Request) -> web.Response:
        """Find by attributes: queries and their matchers are joined as they say."""
        wanted = orjson.loads(await request.read())
        return _page(
            [found for found in self._prisoners.values() if _joined(wanted, found, "queries", _query)], request
        )

    async def in_prison(self, request: web.Request) -> web.Response:
        """Everybody in a prison."""
        prison_id = request.match_info["prison_id"]
        return _page([found for found in self._prisoners.values() if found.get(PRISON) == prison_id], request)

    async def put_movements(self, request: web.Request) -> web.Response:
        """Say how many came and went today: for tests and demos."""
        self._movements[request.match_info["prison_id"]] = orjson.loads(await request.read())
        return web.Response(status=204)

    async def movements(self, request: web.Request) -> web.Response:
        """Count who came and went today."""
        return web.json_response(dict(self._movements.get(request.match_info["prison_id"], NO_MOVEMENTS)))


async def ping(_: web.Request) -> web.Response:
    """Say that we are here."""
    return web.json_response({"status": "UP"})


def application(_auth_url: str) -> web.Application:
    """Wire the two APIs, and the doors by which tests put people in."""
    prisoners = Prisoners()
    app = web.Application(client_max_size=20_000_000)
    app.router.add_get("/health/ping", ping)
    app.router.add_post("/attribute-search", prisoners.attribute_search)
    app.router.add_get("/prisoner-search/prison/{prison_id}", prisoners.in_prison)
    app.router.add_put("/prisoner/{number}", prisoners.put)
    app.router.add_delete("/prisoner/{number}", prisoners.delete)
    app.router.add_get("/api/prison/roll-count/{prison_id}/movement-count", prisoners.movements)
    app.router.add_put("/api/prison/roll-count/{prison_id}/movement-count", prisoners.put_movements)
    return app


def _joined(wanted: Mapping[str, Any], prisoner: Mapping[str, Any], parts: str, holds: Any) -> bool:
    answers = [holds(part, prisoner) for part in wanted.get(parts, [])]
    return any(answers) if wanted.get("joinType", "AND") == "OR" else all(answers)


def _query(query: Mapping[str, Any], prisoner: Mapping[str, Any]) -> bool:
    return _joined(query, prisoner, "matchers", _matches) and _joined(query, prisoner, "subQueries", _query)


def _matches(matcher: Mapping[str, Any], prisoner: Mapping[str, Any]) -> bool:
    value = prisoner.get(matcher["attribute"])
    match matcher["condition"]:
        case "IS":
            return bool(value == matcher["searchTerm"])
        case "IS_NOT":
            return bool(value != matcher["searchTerm"])
        case "IN":
            return value in matcher["searchTerm"].split(",")
        case condition:
            raise web.HTTPBadRequest(text=f"this stand-in knows no condition {condition}")


def _page(found: list[Mapping[str, Any]], request: web.Request) -> web.Response:
    size = int(request.query.get("size", SIZE_DEFAULT))
    page = int(request.query.get("page", 0))
    content = sorted(found, key=lambda prisoner: str(prisoner[NUMBER]))[page * size : (page + 1) * size]
    return web.json_response(
        {
            "content": [dict(prisoner) for prisoner in content],
            "totalElements": len(found),
            "totalPages": -(-len(found) // size),
            "number": page,
            "size": size,
            "numberOfElements": len(content),
        },
    )
