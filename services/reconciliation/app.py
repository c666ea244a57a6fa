"""The composition root of reconciliation."""

import asyncio
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from aiohttp import web
from prometheus_client import CollectorRegistry

from libs.clients.locations import LocationsClient
from libs.clients.mapping import MappingClient
from libs.clients.nomis import NomisClient
from libs.db import schema
from libs.db.metrics import watch_pool
from libs.db.pool import Database, connect
from libs.domain.events import SETTLE, LocationEventType, OffenderEventType, SettleRequest
from libs.messaging import aws
from libs.messaging.audit import QUEUE as AUDIT
from libs.messaging.audit import Auditor, QueueAuditor
from libs.messaging.dead_rows import DeadRows
from libs.messaging.endings import Handler
from libs.messaging.queue import BATCH_MAX, BrokerUnavailable, Parcel, Queue
from libs.telemetry import exporting, logging
from libs.telemetry.metrics import process_registry
from libs.web.application import application, serve, stop_on_signals
from libs.web.health import Health, database_check
from libs.web.outgoing import ApiSession, api_session
from libs.web.routing import Route
from libs.worker.consuming import PROBLEMS as QUEUE_PROBLEMS
from libs.worker.consuming import consuming
from libs.worker.handling import guarded
from libs.worker.outbox_doors import OutboxDoors, outbox_routes
from libs.worker.relaying import relaying
from libs.worker.repeating import Repeated
from libs.worker.running import beside
from libs.worker.scopes import prison_of
from services.reconciliation.api import comparison, repairs, reports, switch_over
from services.reconciliation.reconcile.comparison import Comparisons
from services.reconciliation.reconcile.full_run import FullRuns
from services.reconciliation.reconcile.looking import Look
from services.reconciliation.reconcile.noting import Noting
from services.reconciliation.reconcile.numbers import ReconciliationNumbers
from services.reconciliation.reconcile.repair import Repair
from services.reconciliation.reconcile.settle_check import SettleCheck
from services.reconciliation.reconcile.switch_over import SwitchOver
from services.reconciliation.records import DueLocation, Run
from services.reconciliation.rules.schedule import due
from services.reconciliation.settings import Settings
from services.reconciliation.store.due import DueStore
from services.reconciliation.store.runs import RunStore

QUEUE = "reconciliation-locations"
# As auditors know it.
SERVICE = "locations-reconciliation"
TO_NOMIS, FROM_NOMIS = "to-nomis-locations", "from-nomis-locations"


@dataclass(frozen=True, slots=True)
class Remotes:
    """The three APIs, and the two workers by their queues."""

    nomis: NomisClient
    mappings: MappingClient
    locations: LocationsClient
    workers: "WorkerQueues"


# Whose schema steps its database has, in this order.
STEPS = ("libs.messaging", "services.reconciliation")


@asynccontextmanager
async def build(settings: Settings) -> AsyncIterator[web.Application]:
    """Wire it; consumer, settle check and runs work for as long as the application is open."""
    async with AsyncExitStack() as stack:
        database = await stack.enter_async_context(connect(settings.database))
        registry = process_registry()
        watch_pool(registry, database)
        async with database.connection() as connection:
            await schema.ready(connection, STEPS, may_apply=settings.apply_schema)
        broker = await stack.enter_async_context(aws.connect(settings.aws, registry))
        await stack.enter_async_context(relaying(broker, database, registry, _now))
        workers = WorkerQueues(broker.queue(TO_NOMIS), broker.queue(FROM_NOMIS))
        remotes = await stack.enter_async_context(_remotes(settings, workers))
        room = _Room(settings, database, remotes)
        numbers = Repeated("numbers", room.numbers(registry).sample, settings.numbers_seconds)
        for name, repeated in (("runs", room.runner), ("settle-check", room.checker), ("numbers", numbers)):
            await stack.enter_async_context(beside(name, repeated.run))
        work = await stack.enter_async_context(
            consuming(
                broker,
                QUEUE,
                handlers(room.noting),
                settings.limits(QUEUE),
                now=_now,
                registry=registry,
                defaults=settings.feature_defaults("locations"),
                scope=prison_of,
                upkeep=settings.upkeep,
                notes=QueueAuditor(SERVICE, _now, broker.queue(AUDIT)),
                allow_purge=settings.allow_purge,
            )
        )
        yield application(
            service="reconciliation",
            routes=(
                *room.routes(),
                *work.routes,
                *outbox_routes(OutboxDoors(DeadRows(database, Auditor(SERVICE, _now)))),
            ),
            problems={**reports.PROBLEMS, **QUEUE_PROBLEMS},
            auth=settings.auth,
            health=Health(
                {"db": database_check(database), **work.checks}, lesser=settings.lesser(work.checks), hangs=work.hangs
            ),
            info=work.info,
            registry=registry,
            limits=settings.http_limits,
        )


class _Room:
    """What works here, wired together."""

    def __init__(self, settings: Settings, database: Database, remotes: Remotes) -> None:
        self._settings = settings
        auditor = Auditor(SERVICE, _now)
        self._due = DueStore(database, auditor)
        self.look = Look(remotes.nomis, remotes.mappings, remotes.locations)
        self.noting = Noting(self._note, settings.settling.linger_seconds)
        check = SettleCheck(self._due, self.look, remotes.workers, _now, settings.settling)
        self.checker = Repeated("settle check", check.work, settings.settling.look_seconds)
        self.runner = Repeated("runs", self._run, settings.sweep_seconds)
        self.runs = FullRuns(
            RunStore(database, auditor),
            remotes.nomis,
            remotes.mappings,
            remotes.locations,
            settle=self._settle,
            wake=self.runner.wake,
            now=_now,
            pause=asyncio.sleep,
            limits=settings.full_run,
        )
        self.switch_over = SwitchOver(
            remotes.locations, remotes.nomis, self.runs.store, self._due, settings.agency_switch_service, _now
        )
        self.comparisons = Comparisons(self.look, self._due)
        self.repair = Repair(self._due, self.runs, _now, self.checker.wake)

    def routes(self) -> Sequence[Route]:
        """List the doors of the room."""
        settings = self._settings
        told = reports.ReportDoors(self.runs, settles=settings.runs_settle, shown_max=settings.runs_shown_max)
        return (
            *reports.routes(told),
            *repairs.routes(repairs.RepairDoors(self.repair)),
            *comparison.routes(comparison.ComparisonDoors(self.comparisons)),
            *switch_over.routes(switch_over.SwitchOverDoors(self.switch_over)),
        )

    def numbers(self, registry: CollectorRegistry) -> ReconciliationNumbers:
        """Return what `/metrics` shows of this room."""
        return ReconciliationNumbers(registry, self._due, self.runs.store, _now)

    async def _note(self, told: Collection[DueLocation], given_up: Collection[str]) -> None:
        limits = self._settings.settling
        settle, longest = timedelta(seconds=limits.settle_seconds), timedelta(seconds=limits.longest_seconds)
        await self._due.note(told, _now(), settle, longest, given_up)

    async def _settle(self, run: Run) -> None:
        await self._due.note_run(run.run_id, _now())
        self.checker.wake()

    async def _run(self) -> bool:
        """Ask for the weekly run when it is time, and work on whatever run waits."""
        week = self._settings.schedule
        if week.enabled:
            late_max = timedelta(hours=week.late_hours_max)
            time = due(_now(), weekday=week.weekday, at=week.at, late_max=late_max)
            await self.runs.schedule(time, settles=self._settings.runs_settle)
        return await self.runs.work()


def handlers(noting: Noting) -> Mapping[str, Handler]:
    """Say who takes which message."""
    return {
        **{kind.value: guarded(noting.location_changed) for kind in LocationEventType},
        **{kind.value: guarded(noting.row_changed) for kind in OffenderEventType},
    }


@dataclass(frozen=True, slots=True)
class WorkerQueues:
    """The two workers that run the walk, by their queues; what DPS knows by an id goes to to_nomis."""

    to_nomis: Queue
    from_nomis: Queue

    async def backlog(self) -> int:
        """Count the messages that wait for them."""
        depths = await asyncio.gather(self.to_nomis.depth(), self.from_nomis.depth())
        return sum(depth.visible + depth.delayed for depth in depths)

    async def ask(self, requests: Sequence[SettleRequest]) -> None:
        """Ask for each location to be settled. Raises BrokerUnavailable when not all were taken."""
        for queue, by_dps_id in ((self.to_nomis, True), (self.from_nomis, False)):
            mine = [each for each in requests if (each.dps_location_id is not None) is by_dps_id]
            for start in range(0, len(mine), BATCH_MAX):
                batch = mine[start : start + BATCH_MAX]
                parcels = [Parcel(each.model_dump_json(by_alias=True), {"eventType": SETTLE}) for each in batch]
                if refused := [refusal for refusal in await queue.send(parcels) if refusal is not None]:
                    raise BrokerUnavailable(f"{queue.name} took all but {len(refused)}: {refused[0].code}")


@asynccontextmanager
async def _remotes(settings: Settings, workers: WorkerQueues) -> AsyncIterator[Remotes]:
    async with AsyncExitStack() as stack:

        async def session(url: str) -> ApiSession:
            return await stack.enter_async_context(api_session(settings.remote(url)))

        yield Remotes(
            NomisClient(await session(settings.api_base_url_nomis), bulk_reads=settings.nomis_bulk_reads),
            MappingClient(await session(settings.api_base_url_mapping)),
            LocationsClient(await session(settings.api_base_url_locations)),
            workers,
        )


def _now() -> datetime:
    return datetime.now(UTC)  # noqa: TID251 - the composition root owns the clock


async def run(settings: Settings) -> None:
    """Work and serve until told to stop."""
    exporting.configure("reconciliation")
    logging.configure("reconciliation", settings.log_level, settings.log_pretty)
    async with build(settings) as app:
        await serve(app, settings.http_host, settings.http_port, stop_on_signals())
