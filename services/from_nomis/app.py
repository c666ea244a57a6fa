"""The composition root of the from-NOMIS sync consumer."""

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime

from aiohttp import web

from libs.domain.events import SETTLE, OffenderEventType
from libs.messaging import aws
from libs.messaging.admin import AdminLimits
from libs.messaging.consumer import Consumer
from libs.messaging.endings import Handler
from libs.messaging.redrives import Redrives
from libs.messaging.sqs import DEAD_LETTER
from libs.telemetry import logging
from libs.telemetry.metrics import process_registry
from libs.web.application import application, serve, stop_on_signals
from libs.web.health import Health
from libs.worker.handling import guarded
from libs.worker.queue_doors import QUEUE_PROBLEMS, QueueDoors, line_of, queue_check, queue_routes
from libs.worker.running import beside
from libs.worker.walking import open_walker
from services.from_nomis.api import PROBLEMS, RepairDoors, routes
from services.from_nomis.settings import Settings
from services.from_nomis.sync import RETRY_SYNCHRONISATION_MAPPING, Synchroniser

QUEUE = "from-nomis-locations"


@asynccontextmanager
async def build(settings: Settings) -> AsyncIterator[web.Application]:
    """Wire it; the consumer works for as long as the application is open."""
    registry = process_registry()
    async with AsyncExitStack() as stack:
        walker = await stack.enter_async_context(open_walker(settings))
        broker = await stack.enter_async_context(aws.connect(settings.aws))
        consumer = Consumer(
            broker.queue(QUEUE), handlers(Synchroniser(walker.settler)), settings.limits(QUEUE), now=_now, unknown="dlq"
        )
        await stack.enter_async_context(beside("consumer", consumer.run))
        line = line_of(broker.queue(QUEUE), broker.queue(QUEUE + DEAD_LETTER))
        redrives = Redrives(AdminLimits())
        stack.push_async_callback(redrives.close)
        doors = QueueDoors([line], redrives, AdminLimits())
        yield application(
            service="from-nomis",
            routes=(*routes(RepairDoors(walker.settler)), *queue_routes(doors)),
            problems={**PROBLEMS, **QUEUE_PROBLEMS},
            auth=settings.auth,
            health=Health({f"{QUEUE}-health": queue_check(line)}),
            registry=registry,
        )


def handlers(synchroniser: Synchroniser) -> Mapping[str, Handler]:
    """Say who takes which message."""
    return {
        **{kind.value: guarded(synchroniser.row_changed) for kind in OffenderEventType},
        SETTLE: guarded(synchroniser.settle),
        RETRY_SYNCHRONISATION_MAPPING: guarded(synchroniser.retry_mapping),
    }


def _now() -> datetime:
    return datetime.now(UTC)  # noqa: TID251 - the composition root owns the clock


async def run(settings: Settings) -> None:
    """Work and serve until told to stop."""
    logging.configure("from-nomis", settings.log_level, settings.log_pretty)
    async with build(settings) as app:
        await serve(app, settings.http_host, settings.http_port, stop_on_signals())
