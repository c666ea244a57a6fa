"""Stand-in for the prison register: what a prison is called and whom it holds. Open data, so no token is asked for."""

from collections.abc import Mapping
from importlib.resources import files
from types import MappingProxyType
from typing import Any

import orjson
from aiohttp import web

from libs.web.application import application as web_application
from libs.web.auth import AuthSettings
from libs.web.health import Health
from libs.web.problems import Problem
from libs.web.routing import OPEN, Route

Prison = Mapping[str, Any]

TYPES = MappingProxyType(
    {
        "HMP": "His Majesty's Prison",
        "YOI": "His Majesty's Youth Offender Institution",
        "IRC": "Immigration Removal Centre",
        "STC": "Secure Training Centre",
    },
)


class PrisonUnknown(Exception):
    """The register has no such prison."""


def register() -> Mapping[str, Prison]:
    """Read the register: 125 open and 46 closed prisons, by id."""
    rows = orjson.loads((files("infra.local") / "prisons.json").read_bytes())
    return MappingProxyType({row["prisonId"]: _as_answered(row) for row in rows})


def application(auth: AuthSettings, prisons: Mapping[str, Prison] | None = None) -> web.Application:
    """Serve the register, or another one that a test brings."""
    known = register() if prisons is None else prisons

    async def prison(prison_id: str) -> Prison:
        if prison_id not in known:
            raise PrisonUnknown(f"Prison {prison_id} not found")
        return known[prison_id]

    async def every() -> list[Prison]:
        return list(known.values())

    return web_application(
        service="prison-register",
        routes=[
            Route("GET", "/prisons/id/{prison_id}", prison, OPEN, problems=[PrisonUnknown]),
            Route("GET", "/prisons", every, OPEN),
        ],
        problems={PrisonUnknown: Problem(404, "Prison not found", user_prefix="Prison not found: ")},
        auth=auth,
        health=Health(),
    )


def _as_answered(row: Prison) -> Prison:
    types = [{"code": code, "description": TYPES[code]} for code in row["types"]]
    operator = "Private company" if row["contracted"] else "PSP"
    return {**row, "types": types, "operators": [{"name": operator}], "addresses": []}
