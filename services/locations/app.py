"""The composition root of the locations API."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.resources import files

import orjson
from aiohttp import web

from libs.clients.prison_api import PrisonApiClient
from libs.clients.prison_register import PrisonRegisterClient
from libs.clients.prisoner_search import PrisonerSearchClient
from libs.db import schema
from libs.db.metrics import watch_pool
from libs.db.pool import Database, connect
from libs.messaging import aws
from libs.messaging.audit import Auditor
from libs.messaging.dead_rows import DeadRows
from libs.messaging.outbox import Outbox
from libs.telemetry import exporting, logging
from libs.telemetry.metrics import process_registry
from libs.web.application import application, serve, stop_on_signals
from libs.web.health import Check, Health, api_check, database_check
from libs.web.outgoing import OutgoingSettings, api_session
from libs.web.routing import Route
from libs.worker.outbox_doors import OutboxDoors, outbox_routes
from libs.worker.relaying import relaying
from services.locations.api import (
    bulk_doors,
    cell_doors,
    closing_doors,
    conflict_doors,
    constants,
    feed,
    group_doors,
    legacy_doors,
    migrate_doors,
    people_doors,
    reads,
    signed_capacity,
    staff_doors,
    summaries,
    switch_over_doors,
    sync_doors,
)
from services.locations.api.problems import PROBLEMS, style
from services.locations.changes.announce import TOPIC, Announcer
from services.locations.changes.cells import CellChanges
from services.locations.changes.closing import ClosingChanges
from services.locations.changes.conflicts import ConflictChanges
from services.locations.changes.creating import CreateChanges
from services.locations.changes.desk import Desk
from services.locations.changes.migrate import MigrateChanges
from services.locations.changes.placing import PlaceChanges
from services.locations.changes.signed_capacity import SignedCapacityChanges
from services.locations.changes.switch_over import SwitchOver
from services.locations.changes.sync import SyncChanges
from services.locations.changes.upsert import LegacyChanges
from services.locations.reading.feed import Feed
from services.locations.reading.groups import GroupReading
from services.locations.reading.locations import Reading
from services.locations.reading.people import People
from services.locations.reading.prisons import Prisons
from services.locations.reading.rolls import Rolls
from services.locations.rules.groups import Groups
from services.locations.settings import Settings
from services.locations.store.changed import begin_epoch_if_restored
from services.locations.store.mirrors import MirrorStore

# As auditors know it.
SERVICE = "hmpps-locations-inside-prison-api"

# Whose schema steps its database has, in this order.
STEPS = ("libs.messaging", "services.locations")


@asynccontextmanager
async def build(settings: Settings) -> AsyncIterator[web.Application]:
    """Wire it; the schema is brought up to date first, and the relay runs beside."""
    async with AsyncExitStack() as stack:
        database = await stack.enter_async_context(connect(settings.database))
        registry = process_registry()
        watch_pool(registry, database)
        async with database.connection() as connection:
            await schema.ready(connection, STEPS, may_apply=settings.apply_schema)
            async with connection.transaction():
                await begin_epoch_if_restored(connection)
        neighbours = await _neighbours(settings, stack)
        if settings.relay_enabled:
            broker = await stack.enter_async_context(aws.connect(settings.aws, registry))
            await stack.enter_async_context(relaying(broker, database, registry, _now, {TOPIC: broker.topic(TOPIC)}))
        yield application(
            service="locations",
            routes=_routes(settings, database, neighbours),
            problems=PROBLEMS,
            auth=settings.auth,
            health=Health({"db": database_check(database), **await _pings(settings, stack)}),
            style=style,
            limits=settings.http_limits,
            registry=registry,
        )


@dataclass(frozen=True, slots=True)
class Neighbours:
    """The services of others that are asked."""

    search: PrisonerSearchClient
    register: PrisonRegisterClient
    prison_api: PrisonApiClient


async def _neighbours(settings: Settings, stack: AsyncExitStack) -> Neighbours:
    search = await stack.enter_async_context(api_session(settings.prisoner_search))
    register = await stack.enter_async_context(api_session(settings.prison_register))
    prison_api = await stack.enter_async_context(api_session(settings.prison_api))
    return Neighbours(PrisonerSearchClient(search), PrisonRegisterClient(register), PrisonApiClient(prison_api))


async def _pings(settings: Settings, stack: AsyncExitStack) -> Mapping[str, Check]:
    """Name the services of others that `/health` tells of, as the original does."""
    urls = {
        "hmppsAuthApi": settings.api_base_url_oauth,
        "prisonerSearchApi": settings.api_base_url_prisoner_search,
        "prisonRegisterApi": settings.api_base_url_prison_register,
        "prisonApi": settings.api_base_url_prison_api,
    }
    return {
        name: api_check(await stack.enter_async_context(api_session(OutgoingSettings(base_url=url))))
        for name, url in urls.items()
    }


def _routes(settings: Settings, database: Database, neighbours: Neighbours) -> Sequence[Route]:
    auditor = Auditor(SERVICE, _now)
    announcer = Announcer(
        Outbox(),
        auditor,
        _now,
        as_epoch=settings.events_as_epoch,
        audits_sync=settings.audit_sync,
    )
    sync, reading = SyncChanges(database, announcer), Reading(database)
    desk = Desk(database, announcer, neighbours.search)
    upserts = LegacyChanges(database, announcer, sync)
    return (
        *bulk_doors.routes(bulk_doors.BulkDoors(MirrorStore(database))),
        *sync_doors.routes(sync_doors.SyncDoors(sync)),
        # Before the reads: `/locations/sync/…` is not a location called "sync".
        *legacy_doors.routes(legacy_doors.LegacyDoors(upserts, sync, reading)),
        *_reads(settings, database, neighbours, announcer),
        *staff_doors.routes(
            staff_doors.StaffDoors(CreateChanges(desk), PlaceChanges(desk)),
            staff_doors.TrialDoors(CreateChanges(desk.rehearsing()), PlaceChanges(desk.rehearsing())),
        ),
        *closing_doors.routes(closing_doors.ClosingDoors(ClosingChanges(desk))),
        *cell_doors.routes(cell_doors.CellDoors(CellChanges(desk))),
        *conflict_doors.routes(conflict_doors.ConflictDoors(ConflictChanges(desk))),
        *switch_over_doors.routes(switch_over_doors.SwitchOverDoors(SwitchOver(database, announcer))),
        *migrate_doors.routes(migrate_doors.MigrateDoors(MigrateChanges(database))),
        *outbox_routes(OutboxDoors(DeadRows(database, auditor))),
    )


def _reads(settings: Settings, database: Database, neighbours: Neighbours, announcer: Announcer) -> Sequence[Route]:
    reading, prisons = Reading(database), Prisons(database, neighbours.register)
    signed = SignedCapacityChanges(database, announcer, neighbours.register)
    listed = settings.location_groups_file or files("services.locations") / "groups.json"
    groups = Groups(orjson.loads(listed.read_bytes()))
    people = People(database, neighbours.search, groups)
    rolls = Rolls(database, neighbours.search, neighbours.prison_api)
    return (
        *summaries.routes(summaries.SummaryDoors(prisons, reading)),
        *constants.routes(constants.ConstantDoors(prisons)),
        *signed_capacity.routes(signed_capacity.SignedCapacityDoors(signed, prisons)),
        *group_doors.routes(group_doors.GroupDoors(GroupReading(database, groups))),
        *people_doors.routes(people_doors.PeopleDoors(people, rolls)),
        *feed.routes(feed.FeedDoors(Feed(database))),
        *reads.routes(reads.ReadDoors(reading)),
    )


def _now() -> datetime:
    return datetime.now(UTC)  # noqa: TID251 - the composition root owns the clock


async def run(settings: Settings) -> None:
    """Serve until told to stop."""
    exporting.configure("locations")
    logging.configure("locations", settings.log_level, settings.log_pretty)
    async with build(settings) as app:
        await serve(app, settings.http_host, settings.http_port, stop_on_signals())
