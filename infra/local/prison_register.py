"""Stand-in for the prison register: what a prison is called and whom it holds. Open data, so no token is asked for."""

from collections.abc import Mapping
from importlib.resources import files
from types import MappingProxyType
from typing import Any

import orjson
from aiohttp import web

TYPES = MappingProxyType(
    {
        "HMP": "His Majesty's Prison",
        "YOI": "His Majesty's Youth Offender Institution",
        "IRC": "Immigration Removal Centre",
        "STC": "Secure Training Centre",
    },
)


def register() -> Mapping[str, Mapping[str, Any]]:
    """Read the register: 125 open and 46 closed prisons, by id."""
    rows = orjson.loads((files("infra.local") / "prisons.json").read_bytes())
    return MappingProxyType({row["prisonId"]: _as_answered(row) for row in rows})


def application(prisons: Mapping[str, Mapping[str, Any]] | None = None) -> web.Application:
    """Serve the register, or another one that a test brings."""
    known = register() if prisons is None else prisons

    async def prison(request: web.Request) -> web.Response:
        prison_id = request.match_info["prison_id"]
        if prison_id in known:
            return web.json_response(known[prison_id])
        sentence = f"Prison {prison_id} not found"
        body = {"status": 404, "userMessage": f"Prison not found: {sentence}", "developerMessage": sentence}
        return web.json_response(body, status=404)

    async def every(_: web.Request) -> web.Response:
        return web.json_response(list(known.values()))

    async def ping(_: web.Request) -> web.Response:
        return web.json_response({"status": "UP"})

    app = web.Application()
    app.router.add_get("/prisons/id/{prison_id}", prison)
    app.router.add_get("/prisons", every)
    app.router.add_get("/health/ping", ping)
    return app


def _as_answered(row: Mapping[str, Any]) -> Mapping[str, Any]:
    types = [{"code": code, "description": TYPES[code]} for code in row["types"]]
    operator = "Private company" if row["contracted"] else "PSP"
    return {**row, "types": types, "operators": [{"name": operator}], "addresses": []}
