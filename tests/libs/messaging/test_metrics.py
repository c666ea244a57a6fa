"""The numbers that alerts stand on, seen to move when what they count happens."""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from typing import Any

from prometheus_client import CollectorRegistry

from libs.messaging.consumer import Consumer
from libs.messaging.limits import ConsumerLimits
from libs.messaging.memory import Faults, MemoryBroker, NoFaults
from libs.messaging.message import Message
from libs.messaging.metrics import ConsumerMetrics, DepthMetrics, RelayMetrics
from libs.messaging.outcome import Done, Ignored, Outcome, RetryLater, Unprocessable
from libs.messaging.queue import Parcel
from tests.contracts.queue import TOPOLOGY
from tests.libs.messaging.virtual_time import run

AT = datetime(2026, 11, 24, 10, 0, tzinfo=UTC)


def value(registry: CollectorRegistry, name: str, **labels: str) -> float | None:
    return registry.get_sample_value(f"messaging_{name}", {"queue": "work", **labels})


async def ended(registry: CollectorRegistry, faults: Faults, *bodies: Any, seconds: float, kind: str = "made") -> None:
    """Run a consumer over these for so long."""
    broker = MemoryBroker(TOPOLOGY, faults)
    for body in bodies:
        at = (AT - timedelta(seconds=7)).isoformat()
        broker.queue("work").put(Parcel(json.dumps(body), {"eventType": kind, "committedAt": at}))

    async def handle(message: Message) -> Outcome:
        match json.loads(message.body):
            case "retry" if message.attempt == 1:
                raise RetryLater("not yet")
            case "poison":
                raise Unprocessable("no such prison")
            case "ignore":
                return Ignored("not ours")
            case "long":
                await asyncio.sleep(90)
        return Done()

    stop = asyncio.Event()
    limits = ConsumerLimits(visibility_seconds=30, backoff_seconds=(10,), handler_seconds_max=500)
    metrics = ConsumerMetrics(registry)
    consumer = Consumer(broker.queue("work"), {"made": handle}, limits, now=lambda: AT, metrics=metrics, key=key)
    running = asyncio.create_task(consumer.run(stop))
    await asyncio.sleep(seconds)
    stop.set()
    await running


def key(message: Message) -> str:
    return message.body


def test_every_end_is_counted_with_its_type() -> None:
    registry = CollectorRegistry()
    run(ended(registry, NoFaults(), "done", "retry", "poison", "ignore", seconds=100))
    wanted = {"done": 2, "retry": 1, "dead": 1, "ignored": 1}
    assert {end: value(registry, "processed_total", event_type="made", outcome=end) for end in wanted} == wanted
    # The last is the wake-up that ends the open poll.
    assert value(registry, "received_total") == 6
    assert value(registry, "dead_lettered_total", reason="unprocessable") == 1
    assert value(registry, "end_to_end_seconds_sum") == 14
    assert value(registry, "attempts_sum") == 6
    assert (value(registry, "slots_in_use"), value(registry, "slots_limit")) == (0, 10)
    assert value(registry, "last_poll_success_timestamp_seconds") == AT.timestamp()
    assert (value(registry, "empty_receives_total") or 0) > 0


def test_what_a_stranger_sends_becomes_no_label() -> None:
    registry = CollectorRegistry()
    run(ended(registry, NoFaults(), "done", seconds=10, kind="unheard of"))
    assert value(registry, "processed_total", event_type="unknown", outcome="ignored") == 1


class Deaf(NoFaults):
    def unreachable(self, call: str) -> bool:
        return call == "change visibility"


class Deletes(NoFaults):
    left = 3

    def refused(self, call: str) -> bool:
        self.left -= call == "delete"
        return call == "delete" and self.left >= 0


def test_heartbeats_and_what_fails_of_them_are_counted_and_so_are_lost_leases() -> None:
    registry = CollectorRegistry()
    run(ended(registry, NoFaults(), "long", seconds=100))
    assert (value(registry, "heartbeats_total"), value(registry, "leases_lost_total")) == (4, 0)
    deaf = CollectorRegistry()
    run(ended(deaf, Deaf(), "long", seconds=29))
    assert (value(deaf, "heartbeat_failures_total") or 0) > 1
    assert value(deaf, "leases_lost_total") == 1


def test_deletes_that_failed_are_counted() -> None:
    registry = CollectorRegistry()
    run(ended(registry, Deletes(), "done", seconds=100))
    assert value(registry, "ack_failures_total") == 3


def test_two_queues_of_one_process_share_a_registry() -> None:
    registry = CollectorRegistry()
    metrics = ConsumerMetrics(registry)
    DepthMetrics(registry)
    RelayMetrics(registry)

    async def story() -> None:
        broker = MemoryBroker(TOPOLOGY)
        for name in ("work", "strict"):
            Consumer(broker.queue(name), {}, ConsumerLimits(), now=lambda: AT, metrics=metrics)

    run(story())
    assert registry.get_sample_value("messaging_slots_limit", {"queue": "strict"}) == 10
