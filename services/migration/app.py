"""The composition root of the migration service."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime, timedelta

import structlog
from aiohttp import web
from prometheus_client import CollectorRegistry

from libs.clients.locations import LocationsClient
from libs.clients.mapping import MappingClient
from libs.clients.nomis import NomisClient
from libs.db import schema
from libs.db.metrics import watch_pool
from libs.db.pool import Database, connect
from libs.messaging import aws
from libs.messaging.audit import QUEUE as AUDIT
from libs.messaging.audit import Auditor, QueueAuditor
from libs.messaging.dead_rows import DeadRows
from libs.messaging.endings import Handler
from libs.messaging.queue import BATCH_MAX, BrokerUnavailable, Parcel, Queue, QueueGone
from libs.telemetry import exporting, logging
from libs.telemetry.metrics import process_registry
from libs.web.application import application, serve, stop_on_signals
from libs.web.health import Health, database_check
from libs.web.outgoing import api_session
from libs.worker.consuming import PROBLEMS as QUEUE_PROBLEMS
from libs.worker.consuming import Consuming, consuming
from libs.worker.handling import asked_again, guarded
from libs.worker.outbox_doors import OutboxDoors, outbox_routes
from libs.worker.relaying import relaying
from libs.worker.repeating import Repeated
from libs.worker.running import beside
from services.migration.api import failures as failure_doors
from services.migration.api import progress as progress_doors
from services.migration.api import reports as report_doors
from services.migration.api import runs as run_doors
from services.migration.api.failures import FailureDoors
from services.migration.api.problems import PROBLEMS
from services.migration.api.progress import ProgressDoors, Watch
from services.migration.api.reports import ReportDoors
from services.migration.api.runs import Counts, RunDoors
from services.migration.records import Kind
from services.migration.settings import Settings
from services.migration.stages.control import Control
from services.migration.stages.numbers import MigrationNumbers
from services.migration.stages.rehearsal import Rehearsal
from services.migration.stages.verification import Verification
from services.migration.stages.work import LIST, PAGE, Call, Stages, Wake
from services.migration.store.failures import FailureStore
from services.migration.store.pages import PageStore
from services.migration.store.progress import ProgressStore
from services.migration.store.rehearsals import RehearsalStore
from services.migration.store.reports import ReportStore
from services.migration.store.runs import RunStore

QUEUE = "migration-locations"
# As auditors know it.
SERVICE = "hmpps-prisoner-from-nomis-migration"
WAKE_UP_TRIES = 3
log = structlog.get_logger()

# Whose schema steps its database has, in this order.
STEPS = ("libs.messaging", "services.migration")


@asynccontextmanager
async def build(settings: Settings) -> AsyncIterator[web.Application]:
    """Wire it; consumer and sweeper work for as long as the application is open."""
    async with AsyncExitStack() as stack:
        database = await stack.enter_async_context(connect(settings.database))
        registry = process_registry()
        watch_pool(registry, database)
        async with database.connection() as connection:
            await schema.ready(connection, STEPS, may_apply=settings.apply_schema)
        auditor = Auditor(SERVICE, _now)
        runs, failures = RunStore(database, auditor), FailureStore(database, auditor)
        broker = await stack.enter_async_context(aws.connect(settings.aws, registry))
        await stack.enter_async_context(relaying(broker, database, registry, _now))
        queue = broker.queue(QUEUE)
        remotes = await _remotes(stack, settings)
        wake = _Waker(queue).wake
        stages = _stages(settings, database, runs, remotes, wake)
        control = Control(runs, failures, stages, remotes[0], wake=wake, now=_now)
        work = await stack.enter_async_context(_consuming(broker, stages, settings, registry))
        await stack.enter_async_context(beside("sweeper", lambda stop: _sweep(stages, settings.sweep_seconds, stop)))
        numbers = Repeated("numbers", MigrationNumbers(registry, runs).sample, settings.numbers_seconds)
        await stack.enter_async_context(beside("numbers", numbers.run))
        migrations = RunDoors(control, runs, _counts(queue), allow_wipe=settings.allow_wipe)
        failed = FailureDoors(control, runs, failures, sample=settings.stages.failures_sample)
        store = ProgressStore(database, timedelta(seconds=settings.pace_seconds))
        watch = Watch(store, _now, timedelta(seconds=settings.progress_seconds))
        progress = ProgressDoors(store, watch, _now, lambda: asyncio.sleep(settings.progress_seconds))
        limits = settings.stages
        reports = ReportDoors(ReportStore(database, limits.failures_sample, limits.differences_shown))
        yield application(
            service="migration",
            routes=(
                *run_doors.routes(migrations),
                *failure_doors.routes(failed),
                *progress_doors.routes(progress),
                *report_doors.routes(reports),
                *work.routes,
                *outbox_routes(OutboxDoors(DeadRows(database, auditor))),
            ),
            problems={**PROBLEMS, **QUEUE_PROBLEMS},
            auth=settings.auth,
            health=Health(
                {"db": database_check(database), **work.checks}, lesser=settings.lesser(work.checks), hangs=work.hangs
            ),
            info=work.info,
            registry=registry,
            limits=settings.http_limits,
        )


def _stages(
    settings: Settings,
    database: Database,
    runs: RunStore,
    remotes: tuple[NomisClient, MappingClient, LocationsClient],
    wake: Wake,
) -> Stages:
    works = {
        Kind.REHEARSAL: Rehearsal(RehearsalStore(database), *remotes).page,
        Kind.VERIFICATION: Verification(*remotes).page,
    }
    return Stages(runs, PageStore(database), *remotes, wake=wake, now=_now, limits=settings.stages, works=works)


def _consuming(
    broker: aws.Aws, stages: Stages, settings: Settings, registry: CollectorRegistry
) -> AbstractAsyncContextManager[Consuming]:
    limits, defaults = settings.limits(QUEUE), settings.feature_defaults("locations")
    return consuming(
        broker,
        QUEUE,
        handlers(stages),
        limits,
        now=_now,
        registry=registry,
        defaults=defaults,
        upkeep=settings.upkeep,
        notes=QueueAuditor(SERVICE, _now, broker.queue(AUDIT)),
        allow_purge=settings.allow_purge,
    )


async def _remotes(stack: AsyncExitStack, settings: Settings) -> tuple[NomisClient, MappingClient, LocationsClient]:
    nomis = await stack.enter_async_context(api_session(settings.remote(settings.api_base_url_nomis)))
    mapping = await stack.enter_async_context(api_session(settings.remote(settings.api_base_url_mapping)))
    locations = await stack.enter_async_context(api_session(settings.remote(settings.api_base_url_locations)))
    bulk_reads = settings.nomis_bulk_reads
    return NomisClient(nomis, bulk_reads=bulk_reads), MappingClient(mapping), LocationsClient(locations)


class _Waker:
    """Sends wake-ups; one that is lost is sent again by the sweeper."""

    def __init__(self, queue: Queue) -> None:
        self._queue = queue

    async def wake(self, calls: Sequence[Call]) -> None:
        """Send them in batches."""
        for start in range(0, len(calls), BATCH_MAX):
            batch = calls[start : start + BATCH_MAX]
            parcels = [Parcel(_body(call), {"eventType": call.type}) for call in batch]
            refused = [refusal for refusal in await self._queue.send(parcels) if refusal is not None]
            if refused:
                log.warning("wake-ups-refused", count=len(refused), code=refused[0].code)


def _body(call: Call) -> str:
    return call.model_dump_json(by_alias=True)


def handlers(stages: Stages) -> Mapping[str, Handler]:
    """Say who takes which message."""
    return {LIST: _wake_up(stages.list_ids), PAGE: _wake_up(stages.migrate_page)}


def _wake_up(handler: Handler) -> Handler:
    # What it wakes for is in rows, and the sweeper wakes again.
    return asked_again(guarded(handler), "wake-up-left", WAKE_UP_TRIES)


async def _sweep(stages: Stages, seconds: float, stop: asyncio.Event) -> None:
    """Wake what sleeps, every so often; a database or broker that is away is waited for."""
    while not stop.is_set():
        try:
            await stages.sweep()
        except Exception as failure:  # noqa: BLE001 - the sweeper is what mends failures; it must outlive each of them
            log.warning("sweep-failed", error=type(failure).__name__)
        try:
            await asyncio.wait_for(stop.wait(), seconds)
        except TimeoutError:
            continue


def _counts(queue: Queue) -> Counts:
    async def counts() -> tuple[int | None, int | None]:
        try:
            depth = await queue.depth()
        except (BrokerUnavailable, QueueGone):
            return None, None
        return depth.visible + depth.delayed, depth.in_flight

    return counts


def _now() -> datetime:
    return datetime.now(UTC)  # noqa: TID251 - the composition root owns the clock


async def run(settings: Settings) -> None:
    """Work and serve until told to stop."""
    exporting.configure("migration")
    logging.configure("migration", settings.log_level, settings.log_pretty)
    async with build(settings) as app:
        await serve(app, settings.http_host, settings.http_port, stop_on_signals())
