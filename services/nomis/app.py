"""The composition root of the NOMIS stand-in."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime

from aiohttp import web
from prometheus_client import CollectorRegistry

from libs.db import schema
from libs.db.metrics import watch_pool
from libs.db.pool import Database, connect
from libs.messaging import aws
from libs.messaging.metrics import PublishMetrics
from libs.telemetry import exporting, logging
from libs.telemetry.metrics import process_registry
from libs.web.application import application, serve, stop_on_signals
from libs.web.health import Health, database_check
from services.nomis.api import PROBLEMS, LocationsApi, SideDoors, routes, style
from services.nomis.queue_admin import QueueAdmin, queue_check, queue_routes
from services.nomis.relay import Relay
from services.nomis.settings import Settings
from services.nomis.store.reading import Reading
from services.nomis.store.session import Session
from services.nomis.store.switches import Switches
from services.nomis.store.writing import Writing
from services.nomis.store.xtag import QUEUE, Xtag

# Whose schema steps its database has, in this order.
STEPS = ("services.nomis",)


@asynccontextmanager
async def build(settings: Settings) -> AsyncIterator[web.Application]:
    """Wire it; the schema is brought up to date first, and the relay runs beside."""
    async with AsyncExitStack() as stack:
        database = await stack.enter_async_context(connect(settings.database))
        async with database.connection() as connection:
            await schema.ready(connection, STEPS, may_apply=settings.apply_schema)
        registry = process_registry()
        watch_pool(registry, database)
        if settings.relay_enabled:
            await stack.enter_async_context(_relaying(settings, database, registry))
        yield _application(settings, database, registry)


def _application(settings: Settings, database: Database, registry: CollectorRegistry) -> web.Application:
    writing = Writing(Session(database, settings.api_user, settings.lock_milliseconds))
    xtag = Xtag(database)
    api = LocationsApi(Reading(database), writing, settings)
    side = SideDoors(writing, Switches(database))
    return application(
        service="nomis",
        routes=(*routes(api, side), *queue_routes(QueueAdmin(xtag, settings.relay))),
        problems=PROBLEMS,
        auth=settings.auth,
        health=Health({"db": database_check(database), f"{QUEUE}-health": queue_check(xtag)}),
        style=style,
        registry=registry,
        limits=settings.http_limits,
    )


@asynccontextmanager
async def _relaying(settings: Settings, database: Database, registry: CollectorRegistry) -> AsyncIterator[None]:
    async with aws.connect(settings.aws, registry) as broker:
        topic = broker.topic(settings.relay.topic)
        relay = Relay(Xtag(database), topic, settings.relay, _now, PublishMetrics(registry))
        async with relay.running():
            yield


def _now() -> datetime:
    return datetime.now(UTC)  # noqa: TID251 - the composition root owns the clock


async def run(settings: Settings) -> None:
    """Serve until told to stop."""
    exporting.configure("nomis")
    logging.configure("nomis", settings.log_level, settings.log_pretty)
    async with build(settings) as app:
        await serve(app, settings.http_host, settings.http_port, stop_on_signals())
