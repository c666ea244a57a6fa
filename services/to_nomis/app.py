"""The composition root of the to-NOMIS publisher."""

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime

from aiohttp import web

from libs.domain.events import SETTLE
from libs.messaging import aws
from libs.messaging.audit import QUEUE as AUDIT
from libs.messaging.audit import QueueAuditor
from libs.messaging.endings import Handler
from libs.telemetry import exporting, logging
from libs.telemetry.metrics import process_registry
from libs.web.application import application, serve, stop_on_signals
from libs.web.health import Health
from libs.worker.consuming import PROBLEMS as QUEUE_PROBLEMS
from libs.worker.consuming import consuming
from libs.worker.handling import asked_again, guarded
from libs.worker.scopes import prison_of
from libs.worker.walking import open_walker
from services.to_nomis.api import PROBLEMS, RepairDoors, routes
from services.to_nomis.publish import OPERATION, RETRY_CREATE_MAPPING, Publisher
from services.to_nomis.settings import Settings

QUEUE = "to-nomis-locations"
# As auditors know it.
SERVICE = "hmpps-prisoner-to-nomis-update"


@asynccontextmanager
async def build(settings: Settings) -> AsyncIterator[web.Application]:
    """Wire it; the consumer works for as long as the application is open."""
    registry = process_registry()
    async with AsyncExitStack() as stack:
        walker = await stack.enter_async_context(open_walker(settings))
        broker = await stack.enter_async_context(aws.connect(settings.aws, registry))
        notes = QueueAuditor(SERVICE, _now, broker.queue(AUDIT))
        work = await stack.enter_async_context(
            consuming(
                broker,
                QUEUE,
                handlers(Publisher(walker.settler)),
                settings.limits(QUEUE),
                now=_now,
                registry=registry,
                defaults=settings.feature_defaults("locations"),
                scope=prison_of,
                upkeep=settings.upkeep,
                notes=notes,
                allow_purge=settings.allow_purge,
            )
        )
        yield application(
            service="to-nomis",
            routes=(
                *routes(
                    RepairDoors(walker.settler, walker.locations, notes, settings.repair_max),
                    settings.repair_seconds_max,
                ),
                *work.routes,
            ),
            problems={**PROBLEMS, **QUEUE_PROBLEMS},
            auth=settings.auth,
            health=Health(work.checks, lesser=settings.lesser(work.checks), hangs=work.hangs),
            info=work.info,
            registry=registry,
            limits=settings.http_limits,
        )


def handlers(publisher: Publisher) -> Mapping[str, Handler]:
    """Say who takes which message."""
    return {
        **{kind.value: guarded(publisher.location_changed) for kind in OPERATION},
        SETTLE: guarded(asked_again(publisher.settle)),
        RETRY_CREATE_MAPPING: guarded(publisher.retry_create_mapping),
    }


def _now() -> datetime:
    return datetime.now(UTC)  # noqa: TID251 - the composition root owns the clock


async def run(settings: Settings) -> None:
    """Work and serve until told to stop."""
    exporting.configure("to-nomis")
    logging.configure("to-nomis", settings.log_level, settings.log_pretty)
    async with build(settings) as app:
        await serve(app, settings.http_host, settings.http_port, stop_on_signals())
