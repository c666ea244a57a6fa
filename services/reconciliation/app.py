"""The composition root of reconciliation."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from importlib.resources import files

from aiohttp import web

from libs.clients.locations import LocationsClient
from libs.clients.mapping import MappingClient
from libs.clients.nomis import NomisClient
from libs.db import schema
from libs.db.metrics import watch_pool
from libs.db.pool import connect
from libs.telemetry import logging
from libs.telemetry.metrics import process_registry
from libs.web.application import application, serve, stop_on_signals
from libs.web.health import Health, database_check
from libs.web.outgoing import ApiSession, api_session
from libs.worker.repeating import Repeated
from libs.worker.running import beside
from services.reconciliation.api import reports
from services.reconciliation.reconcile.full_run import FullRuns
from services.reconciliation.records import Run
from services.reconciliation.rules.schedule import due
from services.reconciliation.settings import Settings
from services.reconciliation.store.runs import RunStore


@dataclass(frozen=True, slots=True)
class Remotes:
    """The three APIs."""

    nomis: NomisClient
    mappings: MappingClient
    locations: LocationsClient


@asynccontextmanager
async def build(settings: Settings) -> AsyncIterator[web.Application]:
    """Wire it; runs are worked on for as long as the application is open."""
    async with AsyncExitStack() as stack:
        database = await stack.enter_async_context(connect(settings.database))
        registry = process_registry()
        watch_pool(registry, database)
        async with database.connection() as connection:
            await schema.apply(connection, files("services.reconciliation") / "schema")
        remotes = await stack.enter_async_context(_remotes(settings))
        store = RunStore(database)
        worker = Repeated("runs", lambda: _work(runs, settings), settings.sweep_seconds)
        runs = FullRuns(
            store,
            remotes.nomis,
            remotes.mappings,
            remotes.locations,
            settle=_settle,
            wake=worker.wake,
            now=_now,
            pause=asyncio.sleep,
            limits=settings.full_run,
        )
        await stack.enter_async_context(beside("runs", worker.run))
        doors = reports.ReportDoors(runs, settles=settings.runs_settle, shown_max=settings.runs_shown_max)
        yield application(
            service="reconciliation",
            routes=reports.routes(doors),
            problems=reports.PROBLEMS,
            auth=settings.auth,
            health=Health({"db": database_check(database)}),
            registry=registry,
        )


@asynccontextmanager
async def _remotes(settings: Settings) -> AsyncIterator[Remotes]:
    async with AsyncExitStack() as stack:

        async def session(url: str) -> ApiSession:
            return await stack.enter_async_context(api_session(settings.remote(url)))

        yield Remotes(
            NomisClient(await session(settings.api_base_url_nomis), bulk_reads=settings.nomis_bulk_reads),
            MappingClient(await session(settings.api_base_url_mapping)),
            LocationsClient(await session(settings.api_base_url_locations)),
        )


async def _work(runs: FullRuns, settings: Settings) -> bool:
    """Ask for the weekly run when it is time, and work on whatever run waits."""
    week = settings.schedule
    if week.enabled:
        late_max = timedelta(hours=week.late_hours_max)
        time = due(_now(), weekday=week.weekday, at=week.at, late_max=late_max)
        await runs.schedule(time, settles=settings.runs_settle)
    return await runs.work()


async def _settle(run: Run) -> None:
    """Nobody settles yet."""


def _now() -> datetime:
    return datetime.now(UTC)  # noqa: TID251 - the composition root owns the clock


async def run(settings: Settings) -> None:
    """Work and serve until told to stop."""
    logging.configure("reconciliation", settings.log_level, settings.log_pretty)
    async with build(settings) as app:
        await serve(app, settings.http_host, settings.http_port, stop_on_signals())
