"""Whatever no longer gets on says so: a handler that does not heed its end, a poller that has long had no answer."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

from prometheus_client import CollectorRegistry
from structlog.testing import capture_logs

from libs.messaging.consumer import Consumer
from libs.messaging.endings import Handler
from libs.messaging.limits import ConsumerLimits
from libs.messaging.memory import Faults, MemoryBroker, NoFaults
from libs.messaging.message import Message
from libs.messaging.metrics import ConsumerMetrics
from libs.messaging.outcome import Done, Outcome
from libs.messaging.queue import Parcel
from tests.contracts.queue import TOPOLOGY
from tests.libs.messaging.virtual_time import run

AT = datetime(2026, 11, 24, 10, 0, tzinfo=UTC)
LIMITS = ConsumerLimits(visibility_seconds=30, handler_seconds_max=50, messages_in_flight_max=1)


async def watched(
    handler: Handler,
    story: Callable[[Consumer, MemoryBroker], Awaitable[None]],
    faults: Faults | None = None,
    registry: CollectorRegistry | None = None,
) -> None:
    broker, stop = MemoryBroker(TOPOLOGY, faults), asyncio.Event()
    metrics = ConsumerMetrics(registry or CollectorRegistry())
    consumer = Consumer(broker.queue("work"), {"made": handler}, LIMITS, now=lambda: AT, metrics=metrics)
    running = asyncio.create_task(consumer.run(stop))
    await story(consumer, broker)
    stop.set()
    await running


async def done(_: Message) -> Outcome:
    return Done()


def test_a_handler_that_does_not_heed_its_end_is_told_of_with_its_place_in_the_code() -> None:
    enough = asyncio.Event()

    async def deaf_inside() -> None:
        while not enough.is_set():
            try:
                await enough.wait()
            except asyncio.CancelledError:
                continue

    async def deaf(_: Message) -> Outcome:
        await deaf_inside()
        return Done()

    async def story(consumer: Consumer, broker: MemoryBroker) -> None:
        broker.queue("work").put(Parcel('{"who": "a person"}', {"eventType": "made", "eventId": "e1"}))
        await asyncio.sleep(55)
        assert consumer.trouble() is None
        await asyncio.sleep(10)
        assert consumer.trouble() == "stuck: the handler of a made has run for 65 s and does not heed its end"
        assert not consumer.hangs()
        await asyncio.sleep(120)
        assert registry.get_sample_value("messaging_stuck", {"queue": "work"}) == 1
        assert consumer.hangs()
        enough.set()
        await asyncio.sleep(1)
        assert (consumer.trouble(), consumer.hangs()) == (None, False)
        await asyncio.sleep(LIMITS.vitals.look_seconds)
        assert registry.get_sample_value("messaging_stuck", {"queue": "work"}) == 0

    registry = CollectorRegistry()
    with capture_logs() as logs:
        run(watched(deaf, story, registry=registry))
    [told] = [each for each in logs if each["event"] == "handler stuck"]
    assert (told["type"], told["id"]) == ("made", "e1")
    assert any("deaf_inside" in frame for frame in told["frames"])
    assert "a person" not in str(told)


def test_a_handler_within_its_limit_is_not_stuck_though_it_is_slow_and_holds_the_only_slot() -> None:
    async def slow(_: Message) -> Outcome:
        await asyncio.sleep(45)
        return Done()

    async def story(consumer: Consumer, broker: MemoryBroker) -> None:
        for _ in range(10):
            broker.queue("work").put(Parcel("{}", {"eventType": "made"}))
        for _ in range(30):
            await asyncio.sleep(10)
            assert consumer.trouble() is None

    run(watched(slow, story))


class Away(NoFaults):
    def unreachable(self, call: str) -> bool:
        return call == "receive"


def test_polls_that_fail_for_long_are_told_of_with_the_reason_until_one_succeeds() -> None:
    async def story(consumer: Consumer, broker: MemoryBroker) -> None:
        await asyncio.sleep(10)
        assert consumer.trouble() is None
        broker.faults = Away()
        await asyncio.sleep(60)
        assert consumer.trouble() is None
        await asyncio.sleep(100)
        trouble = consumer.trouble() or ""
        assert trouble.startswith("stuck: no poll has succeeded for 1")
        assert trouble.endswith(": receive")
        # A broker that is away is waited for, whatever the probe.
        assert not consumer.hangs()
        assert int(consumer.details()["pollerLastSuccessSecondsAgo"]) > 90
        broker.faults = NoFaults()
        await asyncio.sleep(40)
        assert consumer.trouble() is None
        assert int(consumer.details()["pollerLastSuccessSecondsAgo"]) <= 20

    run(watched(done, story))


def test_an_idle_queue_is_no_trouble() -> None:
    async def story(consumer: Consumer, _: MemoryBroker) -> None:
        for _n in range(20):
            await asyncio.sleep(30)
            assert consumer.trouble() is None
            assert int(consumer.details()["pollerLastSuccessSecondsAgo"]) <= 20

    run(watched(done, story))
