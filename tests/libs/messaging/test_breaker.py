"""An outage of what the handlers need: polling pauses, one message at a time is tried, and nothing is dead-lettered."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

import pytest
from prometheus_client import CollectorRegistry

from libs.messaging.breaker import Breaker, State
from libs.messaging.consumer import Consumer
from libs.messaging.endings import Handler
from libs.messaging.limits import BreakerLimits, ConsumerLimits
from libs.messaging.memory import MemoryBroker
from libs.messaging.message import Message
from libs.messaging.metrics import ConsumerMetrics
from libs.messaging.outcome import Done, Outcome, RetryLater
from libs.messaging.queue import Depth, Parcel
from libs.messaging.records import Handled
from tests.contracts.queue import TOPOLOGY
from tests.libs.messaging.virtual_time import run

AT = datetime(2026, 11, 24, 10, 0, tzinfo=UTC)
LIMITS = BreakerLimits(window=10, share=0.8, failures_min=5, first_seconds=5, longest_seconds=40)


def opened(at: float = 0) -> Breaker:
    breaker = Breaker(LIMITS)
    assert [breaker.failed("nomis", at) for _ in range(5)] == [False] * 4 + [True]
    return breaker


def test_it_opens_when_most_of_the_last_ends_want_for_the_same_service() -> None:
    breaker = Breaker(LIMITS)
    for _ in range(2):
        breaker.fine()
    # Eight of ten.
    assert [breaker.failed("nomis", 0) for _ in range(8)] == [False] * 7 + [True]
    assert (breaker.state, breaker.away) == (State.OPEN, "nomis")


def test_it_stays_closed_while_enough_goes_well_or_different_services_fail() -> None:
    mixed, split = Breaker(LIMITS), Breaker(LIMITS)
    for n in range(50):
        mixed.fine() if n % 3 == 0 else mixed.failed("nomis", 0)
        split.failed(("nomis", "mapping")[n % 2], 0)
    assert (mixed.state, split.state) == (State.CLOSED, State.CLOSED)


def test_what_says_nothing_of_the_service_counts_as_no_failure() -> None:
    breaker = Breaker(LIMITS)
    for _ in range(20):
        breaker.unclear()
        breaker.failed("nomis", 0)
    assert breaker.state is State.CLOSED


def test_each_vain_try_doubles_the_pause_up_to_the_longest_and_a_success_ends_it() -> None:
    breaker, now, pauses = opened(), 0.0, list[float]()
    for _ in range(5):
        pauses.append(breaker.wait(now))
        now += breaker.wait(now)
        assert breaker.wait(now) == 0
        assert breaker.state is State.HALF_OPEN
        assert breaker.failed("nomis", now)
    assert pauses == [5, 10, 20, 40, 40]
    now += breaker.wait(now)
    breaker.wait(now)
    breaker.fine()
    assert (breaker.state, breaker.away, breaker.wait(now)) == (State.CLOSED, "", 0)
    assert [breaker.failed("nomis", now) for _ in range(5)][-1]
    assert breaker.wait(now) == 5


def test_half_open_some_ends_that_say_nothing_close_it_too() -> None:
    breaker = opened()
    breaker.wait(5)
    for _ in range(LIMITS.failures_min - 1):
        breaker.unclear()
    before = breaker.state
    breaker.unclear()
    assert (before, breaker.state) == (State.HALF_OPEN, State.CLOSED)


def test_what_was_running_when_it_opened_changes_nothing() -> None:
    breaker = opened()
    assert not breaker.failed("nomis", 1)
    breaker.fine()
    breaker.unclear()
    assert (breaker.state, breaker.openings, breaker.wait(1)) == (State.OPEN, 1, 4)


@dataclass
class Outage:
    """A consumer whose handlers need a service that can be away."""

    messages: int
    name: str = "work"
    away: bool = True
    instead: Handler | None = None
    calls: list[float] = field(default_factory=list)
    handled: list[Handled] = field(default_factory=list)
    registry: CollectorRegistry = field(default_factory=CollectorRegistry)

    def __post_init__(self) -> None:
        self.broker = MemoryBroker(TOPOLOGY)
        self.queue, self.dead = self.broker.queue(self.name), self.broker.queue("work-dlq")
        for n in range(self.messages):
            self.queue.put(Parcel(f'{{"n": {n}}}', {"eventType": "made", "eventId": f"e{n}"}))
        limits = ConsumerLimits(visibility_seconds=30, backoff_seconds=(1,), breaker=LIMITS)
        self.consumer = Consumer(
            self.queue,
            {"made": self._made},
            limits,
            now=lambda: AT,
            chance=lambda: 0.5,
            observe=self.handled.append,
            metrics=ConsumerMetrics(self.registry),
        )

    async def _made(self, message: Message) -> Outcome:
        return await (self.instead or self.handle)(message)

    async def handle(self, _: Message) -> Outcome:
        self.calls.append(asyncio.get_running_loop().time())
        if self.away:
            raise RetryLater("GET /x failed: ClientConnectorError", away="nomis")
        return Done()

    def number(self, name: str) -> float | None:
        return self.registry.get_sample_value(f"messaging_{name}", {"queue": "work"})

    async def during(self, story: Callable[[], Awaitable[None]]) -> None:
        stop = asyncio.Event()
        running = asyncio.create_task(self.consumer.run(stop))
        await story()
        stop.set()
        await running


def test_an_outage_of_an_hour_uses_up_few_receives_dead_letters_nothing_and_everything_is_done_after_it() -> None:
    async def story() -> None:
        outage = Outage(200)

        async def hour() -> None:
            await asyncio.sleep(3600)
            # A try every 40 s, and what was in hand when it opened.
            assert len(outage.calls) < 130
            assert outage.consumer.trouble() == "paused: nomis is away"
            assert (outage.number("paused"), outage.consumer.details()["breaker"]) == (1, "OPEN")
            outage.away = False
            await asyncio.sleep(120)
            assert outage.consumer.trouble() is None
            assert (outage.number("paused"), outage.consumer.details()["breaker"]) == (0, "CLOSED")

        await outage.during(hour)
        assert {each.id for each in outage.handled if each.outcome == "done"} == {f"e{n}" for n in range(200)}
        assert (await outage.queue.depth(), await outage.dead.depth()) == (Depth(0, 0, 0), Depth(0, 0, 0))
        assert (outage.number("pauses_total") or 0) > 50

    run(story())


def test_one_message_alone_outlives_an_outage_longer_than_its_receives() -> None:
    async def story() -> None:
        outage = Outage(1)

        async def hour() -> None:
            await asyncio.sleep(3600)
            outage.away = False
            await asyncio.sleep(120)

        await outage.during(hour)
        ends = [each.outcome for each in outage.handled]
        # Three receives, then a copy that starts afresh; under the same id, so that whoever counts sees one event.
        assert (ends[:3], ends[-1], "dead" in ends) == (["retry", "retry", "renewed"], "done", False)
        assert {each.id for each in outage.handled} == {"e0"}
        assert (await outage.queue.depth(), await outage.dead.depth()) == (Depth(0, 0, 0), Depth(0, 0, 0))

    run(story())


def test_half_open_one_message_at_a_time_is_tried() -> None:
    async def story() -> None:
        outage, most = Outage(100), 0
        inside = 0

        async def handle(message: Message) -> Outcome:
            nonlocal inside, most
            inside += 1
            if outage.consumer.details()["breaker"] == "HALF_OPEN":
                most = max(most, inside)
            try:
                await asyncio.sleep(2)
                return await outage.handle(message)
            finally:
                inside -= 1

        outage.instead = handle

        async def some() -> None:
            await asyncio.sleep(300)
            outage.away = False
            await asyncio.sleep(120)

        await outage.during(some)
        assert most == 1
        assert (await outage.queue.depth(), await outage.dead.depth()) == (Depth(0, 0, 0), Depth(0, 0, 0))

    run(story())


def test_told_to_stop_while_it_pauses_it_ends_at_once() -> None:
    async def story() -> None:
        outage = Outage(50)

        async def some() -> None:
            await asyncio.sleep(100)
            assert outage.consumer.trouble() is not None

        loop = asyncio.get_running_loop()
        await outage.during(some)
        assert loop.time() - 1100 < 2

    run(story())


@pytest.mark.parametrize("fault", [RetryLater("parent not there"), KeyError("x")])
def test_what_a_message_is_at_fault_for_itself_pauses_nothing_and_is_dead_in_the_end(fault: Exception) -> None:
    async def story() -> None:
        outage = Outage(20)

        async def handle(_: Message) -> Outcome:
            raise fault

        outage.instead = handle

        async def some() -> None:
            await asyncio.sleep(60)

        await outage.during(some)
        assert outage.number("pauses_total") == 0
        assert (await outage.queue.depth(), await outage.dead.depth()) == (Depth(0, 0, 0), Depth(20, 0, 0))

    run(story())
