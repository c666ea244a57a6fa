"""Runs the relay of a service's outbox for as long as the service serves."""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import datetime
from types import MappingProxyType

from prometheus_client import CollectorRegistry

from libs.db.pool import Database
from libs.messaging.audit import QUEUE
from libs.messaging.aws import Aws
from libs.messaging.metrics import RelayMetrics
from libs.messaging.queue import Topic
from libs.messaging.queue_topic import QueueTopic
from libs.messaging.relay import Relay, RelaySettings
from libs.worker.running import beside

# Our events are hints, and an act stands for itself: neither waits for one that was refused (ADR 0021).
HINTS = RelaySettings(dead_rows="skip")
NO_TOPICS: Mapping[str, Topic] = MappingProxyType({})


@asynccontextmanager
async def relaying(
    broker: Aws,
    database: Database,
    registry: CollectorRegistry,
    now: Callable[[], datetime],
    topics: Mapping[str, Topic] = NO_TOPICS,
) -> AsyncIterator[None]:
    """Publish what commits, to these topics and to the audit queue."""
    named = {**topics, QUEUE: QueueTopic(broker.queue(QUEUE))}
    relay = Relay(database, named, HINTS, now=now, metrics=RelayMetrics(registry))
    async with beside("relay", relay.run):
        yield
