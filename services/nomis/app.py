"""The composition root of the NOMIS stand-in."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.resources import files

from aiohttp import web

from libs.db import schema
from libs.db.pool import connect
from libs.telemetry import logging
from libs.web.application import application, serve, stop_on_signals
from libs.web.health import Health, database_check
from services.nomis.api import PROBLEMS, LocationsApi, SideDoors, routes, style
from services.nomis.settings import Settings
from services.nomis.store.reading import Reading
from services.nomis.store.session import Session
from services.nomis.store.switches import Switches
from services.nomis.store.writing import Writing


@asynccontextmanager
async def build(settings: Settings) -> AsyncIterator[web.Application]:
    """Wire it; the schema is brought up to date first."""
    async with connect(settings.database) as database:
        async with database.connection() as connection:
            await schema.apply(connection, files("services.nomis") / "schema")
        writing = Writing(Session(database, settings.api_user, settings.lock_milliseconds))
        yield application(
            service="nomis",
            routes=routes(LocationsApi(Reading(database), writing, settings), SideDoors(writing, Switches(database))),
            problems=PROBLEMS,
            auth=settings.auth,
            health=Health({"db": database_check(database)}),
            style=style,
        )


async def run(settings: Settings) -> None:
    """Serve until told to stop."""
    logging.configure("nomis", settings.log_level, settings.log_pretty)
    async with build(settings) as app:
        await serve(app, settings.http_host, settings.http_port, stop_on_signals())
