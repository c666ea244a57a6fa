"""The composition root of the mapping service."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web

from libs.db import schema
from libs.db.metrics import watch_pool
from libs.db.pool import connect
from libs.telemetry import exporting, logging
from libs.telemetry.metrics import process_registry
from libs.web.application import application, serve, stop_on_signals
from libs.web.health import Health, database_check
from services.mapping.api import PROBLEMS, MappingApi, routes, style
from services.mapping.settings import Settings
from services.mapping.store import Store

# Whose schema steps its database has, in this order.
STEPS = ("services.mapping",)


@asynccontextmanager
async def build(settings: Settings) -> AsyncIterator[web.Application]:
    """Wire it; the schema is brought up to date first."""
    async with connect(settings.database) as database:
        registry = process_registry()
        watch_pool(registry, database)
        async with database.connection() as connection:
            await schema.ready(connection, STEPS, may_apply=settings.apply_schema)
        yield application(
            service="mapping",
            routes=routes(MappingApi(Store(database, settings.save_attempts_max), settings)),
            problems=PROBLEMS,
            auth=settings.auth,
            health=Health({"db": database_check(database)}),
            style=style,
            registry=registry,
            limits=settings.http_limits,
        )


async def run(settings: Settings) -> None:
    """Serve until told to stop."""
    exporting.configure("mapping")
    logging.configure("mapping", settings.log_level, settings.log_pretty)
    async with build(settings) as app:
        await serve(app, settings.http_host, settings.http_port, stop_on_signals())
