"""Wires what every worker has around its queue: consumer, switches, dead letters, doors, counts."""

from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from types import MappingProxyType

from prometheus_client import CollectorRegistry

from libs.messaging.audit import Notes
from libs.messaging.aws import Aws
from libs.messaging.consumer import Consumer
from libs.messaging.depths import Depths
from libs.messaging.endings import Handler
from libs.messaging.limits import ConsumerLimits
from libs.messaging.metrics import ConsumerMetrics, DepthMetrics
from libs.messaging.parking import Replayer
from libs.messaging.records import logged
from libs.messaging.redrives import Redrives
from libs.messaging.sqs import dead_letter_of, parked_of
from libs.messaging.switching import MODES, NO_DEFAULTS, Mode, Scope, SwitchBoard
from libs.messaging.traffic import Traffic
from libs.web.health import Check
from libs.web.problems import Problem
from libs.web.routing import Route
from libs.worker.queue_doors import QUEUE_PROBLEMS, QueueDoors, line_of, queue_check, queue_routes
from libs.worker.repeating import Repeated
from libs.worker.running import beside
from libs.worker.switch_doors import SWITCH_PROBLEMS, SwitchDoors, switch_routes
from libs.worker.upkeep import Upkeep
from libs.worker.watch_doors import WatchDoors, watch_routes

PROBLEMS: Mapping[type[Exception], Problem] = MappingProxyType({**QUEUE_PROBLEMS, **SWITCH_PROBLEMS})


@dataclass(frozen=True, slots=True)
class Consuming:
    """What an application shows of its queue."""

    routes: Sequence[Route]
    checks: Mapping[str, Check]
    info: Mapping[str, object]
    hangs: Callable[[], bool]


def _show_switches(metrics: ConsumerMetrics, board: SwitchBoard, event_types: Iterable[str]) -> None:
    for event_type in event_types:
        for mode in MODES:
            metrics.switches.labels(event_type, mode).set_function(partial(_in_mode, board, event_type, mode))


def _in_mode(board: SwitchBoard, event_type: str, mode: Mode) -> float:
    return board.general(event_type) == mode


@asynccontextmanager
async def consuming(
    broker: Aws,
    name: str,
    handlers: Mapping[str, Handler],
    limits: ConsumerLimits,
    *,
    now: Callable[[], datetime],
    registry: CollectorRegistry,
    defaults: Mapping[str, Mode] = NO_DEFAULTS,
    scope: Scope | None = None,
    upkeep: Upkeep,
    notes: Notes,
    allow_purge: bool = False,
) -> AsyncIterator[Consuming]:
    """Consume for as long as the block lasts; drains at its end. A message of unknown type goes to the dead letters."""
    queue, dead, aside = (broker.queue(each) for each in (name, dead_letter_of(name), parked_of(name)))
    board = SwitchBoard(queue, defaults, scope)
    metrics, traffic, line = ConsumerMetrics(registry), Traffic(now), line_of(queue, dead)
    redrives = Redrives(upkeep.admin, now, drain=lambda: traffic.drain_per_second(limits.messages_in_flight_max))
    _show_switches(metrics, board, handlers)
    consumer = Consumer(
        queue,
        handlers,
        limits,
        now=now,
        unknown="dlq",
        switches=board,
        observe=traffic.observing(logged),
        metrics=metrics,
        aside=aside,
    )
    depths = Depths(queue, dead, consumer.oldest_seen, DepthMetrics(registry), redrives, now)
    replayer = Replayer(board, aside, queue, settling_seconds=3 * upkeep.refresh_seconds, limits=upkeep.replay)

    async with AsyncExitStack() as stack:
        stack.push_async_callback(redrives.close)
        await stack.enter_async_context(
            beside("switches", Repeated("switches", replayer.look, upkeep.refresh_seconds).run)
        )
        await stack.enter_async_context(beside("depths", Repeated("depths", depths.sample, upkeep.depth_seconds).run))
        await stack.enter_async_context(beside("consumer", consumer.run))
        switches = SwitchDoors(board, tuple(handlers), aside, replayer.replay, notes)
        watch = WatchDoors(line, aside, depths, traffic, redrives, consumer.trouble)
        doors = QueueDoors([line], redrives, upkeep.admin, notes, allow_purge=allow_purge)
        yield Consuming(
            routes=(*queue_routes(doors), *watch_routes(watch), *switch_routes(switches)),
            checks={
                f"{name}-health": queue_check(line, lambda: depths.details() | consumer.details(), consumer.trouble)
            },
            info={"event-feature-switches": switches.modes},
            hangs=consumer.hangs,
        )
