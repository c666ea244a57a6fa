"""The consumer in virtual time over the broker in memory: every ending, leases, lanes, drain, faults from seeds."""

import asyncio
import json
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import pytest

from libs.messaging.consumer import Consumer
from libs.messaging.limits import ConsumerLimits
from libs.messaging.memory import Faults, MemoryBroker, MemoryQueue, NoFaults, SeededFaults
from libs.messaging.message import Message
from libs.messaging.outcome import Done, Ignored, Outcome, RetryLater, Unprocessable
from libs.messaging.queue import Delivery, Depth, Parcel, Refusal
from libs.messaging.records import Handled
from libs.messaging.waking import is_wake_up, wake_up
from tests.contracts.queue import TOPOLOGY
from tests.libs.messaging.virtual_time import run

AT = datetime(2026, 11, 24, 10, 0, tzinfo=UTC)
EMPTY = Depth(0, 0, 0)


@dataclass
class Stage:
    """A broker, a consumer of `work` and what became of each message."""

    faults: Faults = field(default_factory=NoFaults)
    limits: ConsumerLimits = field(default_factory=lambda: ConsumerLimits(visibility_seconds=30, backoff_seconds=(10,)))
    handled: list[Handled] = field(default_factory=list)
    stop: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.broker = MemoryBroker(TOPOLOGY, self.faults)
        self.queue = self.broker.queue("work")
        self.dead = self.broker.queue("work-dlq")
        self._some = asyncio.Event()

    def observe(self, handled: Handled) -> None:
        self.handled.append(handled)
        self._some.set()

    def start(self, handler: Callable[[Message], Awaitable[Outcome]], **options: Any) -> asyncio.Task[None]:
        consumer = Consumer(
            self.queue,
            {"made": handler},
            self.limits,
            now=lambda: AT,
            chance=lambda: 0.5,
            observe=self.observe,
            **options,
        )
        return asyncio.create_task(consumer.run(self.stop))

    async def send(self, *bodies: Any, kind: str = "made") -> None:
        for body in bodies:
            self.queue.put(Parcel(json.dumps(body), {"eventType": kind}))

    async def until(self, count: int) -> None:
        while len(self.handled) < count:
            self._some.clear()
            await self._some.wait()

    async def end(self, running: asyncio.Task[None]) -> None:
        self.stop.set()
        await running

    @property
    def outcomes(self) -> list[str]:
        return [each.outcome for each in self.handled]


async def done(_: Message) -> Outcome:
    return Done()


def test_what_is_done_or_ignored_is_deleted() -> None:
    async def story() -> None:
        stage = Stage()

        async def handle(message: Message) -> Outcome:
            return Done("n", {"location": "x"}) if json.loads(message.body) == 1 else Ignored("not ours")

        running = stage.start(handle)
        await stage.send(1, 2)
        await stage.until(2)
        await stage.end(running)
        assert Counter(stage.outcomes) == {"done": 1, "ignored": 1}
        assert {each.reason for each in stage.handled} == {"n", "not ours"}
        assert await stage.queue.depth() == EMPTY

    run(story())


def test_an_unknown_type_is_ignored_or_dead_as_was_chosen() -> None:
    async def story(unknown: str) -> list[str]:
        stage = Stage()
        running = stage.start(done, unknown=unknown)
        await stage.send(1, kind="unheard of")
        await stage.until(1)
        await stage.end(running)
        return stage.outcomes

    assert run(story("ignore")) == ["ignored"]
    assert run(story("dlq")) == ["dead"]


def test_what_is_switched_off_is_ignored() -> None:
    class Off:
        def mode(self, _: str) -> str:
            return "drop"

    async def story() -> None:
        stage = Stage()
        running = stage.start(done, switches=Off())
        await stage.send(1)
        await stage.until(1)
        await stage.end(running)
        assert [(each.outcome, each.reason) for each in stage.handled] == [("ignored", "switched off")]

    run(story())


def test_an_unprocessable_message_is_dead_at_once_with_its_reason() -> None:
    async def story() -> None:
        stage = Stage()

        async def handle(_: Message) -> Outcome:
            raise Unprocessable("no such prison")

        running = stage.start(handle)
        await stage.send(1)
        await stage.until(1)
        await stage.end(running)
        assert await stage.queue.depth() == EMPTY
        [dead] = await stage.dead.receive(10, wait_seconds=0, visibility_seconds=1)
        assert dead.attributes["failureReason"] == "no such prison"
        assert dead.attributes["failureAt"] == AT.isoformat()
        assert dead.attributes["eventType"] == "made"

    run(story())


def test_a_body_nobody_can_read_is_dead_at_once_and_frees_its_slot() -> None:
    async def story() -> None:
        stage = Stage(limits=ConsumerLimits(messages_in_flight_max=1))
        running = stage.start(done)
        stage.queue.put(Parcel("{", {"eventType": "made"}))
        await stage.send(1)
        await stage.until(2)
        await stage.end(running)
        assert sorted(stage.outcomes) == ["dead", "done"]

    run(story())


def test_a_delay_that_was_asked_for_is_kept() -> None:
    async def story() -> None:
        stage, times = Stage(), list[float]()

        async def handle(message: Message) -> Outcome:
            times.append(asyncio.get_running_loop().time())
            if message.attempt == 1:
                raise RetryLater("parent not there", timedelta(seconds=90))
            return Done()

        running = stage.start(handle)
        await stage.send(1)
        await stage.until(2)
        await stage.end(running)
        assert stage.outcomes == ["retry", "done"]
        assert 90 <= times[1] - times[0] < 91

    run(story())


def test_a_bug_is_tried_again_with_backoff_and_dead_after_the_last_attempt_with_its_reason() -> None:
    async def story() -> None:
        stage, times = Stage(), list[float]()

        async def handle(_: Message) -> Outcome:
            times.append(asyncio.get_running_loop().time())
            raise KeyError("x")

        running = stage.start(handle)
        await stage.send(1)
        await stage.until(3)
        await stage.end(running)
        assert stage.outcomes == ["failed", "failed", "dead"]
        assert 10 <= times[1] - times[0] < 11
        [dead] = await stage.dead.receive(10, wait_seconds=0, visibility_seconds=1)
        assert dead.attributes["failureReason"] == "KeyError"

    run(story())


def test_a_handler_over_its_limit_is_cancelled_and_the_message_tried_again() -> None:
    async def story() -> None:
        stage = Stage(limits=ConsumerLimits(handler_seconds_max=5, backoff_seconds=(1,)))
        cancelled = asyncio.Event()

        async def handle(message: Message) -> Outcome:
            if message.attempt == 1:
                try:
                    await asyncio.Event().wait()
                finally:
                    cancelled.set()
            return Done()

        running = stage.start(handle)
        await stage.send(1)
        await stage.until(2)
        await stage.end(running)
        assert cancelled.is_set()
        assert stage.outcomes == ["failed", "done"]

    run(story())


def test_a_handler_longer_than_the_visibility_runs_once_as_its_lease_is_renewed() -> None:
    async def story() -> None:
        stage = Stage(limits=ConsumerLimits(visibility_seconds=30, handler_seconds_max=500))

        async def handle(_: Message) -> Outcome:
            await asyncio.sleep(300)
            return Done()

        running = stage.start(handle)
        await stage.send(1)
        await stage.until(1)
        await stage.end(running)
        assert [(each.outcome, each.attempt) for each in stage.handled] == [("done", 1)]

    run(story())


class Deaf(NoFaults):
    """Heartbeats do not get through while `on`."""

    on = False

    def unreachable(self, call: str) -> bool:
        return self.on and call == "change visibility"


def test_a_handler_whose_lease_is_lost_is_cancelled_and_acknowledges_nothing() -> None:
    async def story() -> None:
        faults = Deaf()
        stage = Stage(faults, ConsumerLimits(visibility_seconds=30, handler_seconds_max=500))
        faults.on = True

        async def handle(message: Message) -> Outcome:
            if message.attempt == 1:
                await asyncio.sleep(200)
            return Done()

        running = stage.start(handle)
        await stage.send(1)
        await stage.until(2)
        await stage.end(running)
        assert [(each.outcome, each.attempt) for each in stage.handled] == [("lost", 1), ("done", 2)]
        assert stage.handled[0].seconds < 30

    run(story())


def test_a_handler_that_ignores_its_cancellation_still_acknowledges_nothing() -> None:
    async def story() -> None:
        faults = Deaf()
        stage = Stage(faults, ConsumerLimits(visibility_seconds=30, handler_seconds_max=500))
        faults.on = True

        async def handle(message: Message) -> Outcome:
            if message.attempt == 1:
                try:
                    await asyncio.sleep(200)
                except asyncio.CancelledError:
                    return Done()
            return Done()

        running = stage.start(handle)
        await stage.send(1)
        await stage.until(2)
        await stage.end(running)
        assert stage.outcomes == ["lost", "done"]

    run(story())


def test_messages_of_one_key_run_one_after_the_other_and_others_beside_them() -> None:
    async def story() -> None:
        stage, inside, most = Stage(), Counter[str](), Counter[str]()

        async def handle(message: Message) -> Outcome:
            key = json.loads(message.body)["key"]
            for name in (key, "all"):
                inside[name] += 1
                most[name] = max(most[name], inside[name])
            await asyncio.sleep(1)
            inside.subtract([key, "all"])
            return Done()

        running = stage.start(handle, key=lambda message: str(json.loads(message.body)["key"]))
        await stage.send(*({"key": "AB"[n % 2]} for n in range(10)))
        await stage.until(10)
        await stage.end(running)
        assert (most["A"], most["B"], most["all"]) == (1, 1, 2)

    run(story())


def test_no_more_run_at_once_than_there_are_slots_and_a_backlog_fills_them_all() -> None:
    async def story() -> None:
        stage = Stage(limits=ConsumerLimits(messages_in_flight_max=25))
        inside, most = 0, 0

        async def handle(_: Message) -> Outcome:
            nonlocal inside, most
            inside += 1
            most = max(most, inside)
            await asyncio.sleep(1)
            inside -= 1
            return Done()

        await stage.send(*range(200))
        running = stage.start(handle)
        await stage.until(200)
        await stage.end(running)
        assert most == 25
        assert await stage.queue.depth() == EMPTY

    run(story())


def test_on_stop_running_handlers_end_and_their_messages_are_deleted() -> None:
    async def story() -> None:
        stage = Stage()
        began = asyncio.Event()

        async def handle(_: Message) -> Outcome:
            began.set()
            await asyncio.sleep(5)
            return Done()

        running = stage.start(handle)
        await stage.send(1)
        await began.wait()
        await stage.end(running)
        assert stage.outcomes == ["done"]
        assert await stage.queue.depth() == EMPTY

    run(story())


def test_on_stop_what_takes_too_long_is_cancelled_and_given_back_at_once() -> None:
    async def story() -> None:
        stage = Stage(limits=ConsumerLimits(visibility_seconds=600, drain_seconds=3, handler_seconds_max=500))
        began = asyncio.Event()

        async def handle(_: Message) -> Outcome:
            began.set()
            await asyncio.sleep(400)
            return Done()

        running = stage.start(handle)
        await stage.send(1)
        await began.wait()
        await stage.end(running)
        assert stage.outcomes == ["released"]
        assert await stage.queue.depth() == Depth(visible=1, in_flight=0, delayed=0)

    run(story())


def test_what_an_open_poll_brings_after_the_stop_is_given_back_unhandled() -> None:
    async def story() -> None:
        stage = Stage()
        running = stage.start(done)
        await asyncio.sleep(1)
        stage.stop.set()
        await asyncio.sleep(0.1)
        await stage.send(1)
        await running
        assert stage.handled == []
        assert await stage.queue.depth() == Depth(visible=1, in_flight=0, delayed=0)

    run(story())


def test_an_idle_consumer_stops_long_before_its_poll_would_end_and_strands_nothing() -> None:
    async def story() -> None:
        stage, loop = Stage(), asyncio.get_running_loop()
        running = stage.start(done)
        await asyncio.sleep(1)
        stopped = loop.time()
        await stage.end(running)
        assert loop.time() - stopped < 1
        assert await stage.queue.depth() == EMPTY
        await stage.send(1)
        [left] = await stage.queue.receive(10, wait_seconds=0, visibility_seconds=30)
        assert left.receive_count == 1

    run(story())


def test_a_wake_up_that_was_not_needed_is_deleted_by_whoever_comes_next() -> None:
    async def story() -> None:
        stage = Stage()
        running = stage.start(done)
        await asyncio.sleep(1)
        stage.stop.set()
        # It ends the poll just when the wake-up is on its way.
        asyncio.get_running_loop().call_later(
            stage.limits.wake_seconds, lambda: stage.queue.put(Parcel("1", {"eventType": "made"}))
        )
        await running
        assert stage.handled == []
        assert await stage.queue.depth() == Depth(visible=2, in_flight=0, delayed=0)
        stage.stop = asyncio.Event()
        running = stage.start(done, unknown="dlq")
        await stage.until(2)
        await stage.end(running)
        assert sorted(stage.outcomes) == ["done", "ignored"]
        assert (await stage.queue.depth(), await stage.dead.depth()) == (EMPTY, EMPTY)

    run(story())


def test_a_wake_up_that_another_replica_took_is_deleted_there_and_repeated() -> None:
    async def story() -> None:
        stage, loop = Stage(), asyncio.get_running_loop()
        leaving, staying = asyncio.Event(), asyncio.Event()
        replicas = [
            asyncio.create_task(
                Consumer(
                    stage.queue, {"made": done}, stage.limits, now=lambda: AT, observe=stage.observe, unknown="dlq"
                ).run(stop)
            )
            # Of those that wait the broker in memory serves the first, so that the wake-ups meet the one that stays.
            for stop in (staying, leaving)
        ]
        await asyncio.sleep(1)
        stopped = loop.time()
        leaving.set()
        await replicas[1]
        assert loop.time() - stopped < 5
        await stage.send(1)
        await stage.until(1)
        staying.set()
        await replicas[0]
        assert "done" in stage.outcomes
        assert set(stage.outcomes) <= {"done", "ignored"}
        assert (await stage.queue.depth(), await stage.dead.depth()) == (EMPTY, EMPTY)

    run(story())


def test_a_wake_up_whose_deletes_keep_failing_is_held_and_does_not_end_as_a_dead_letter() -> None:
    class Keeping(NoFaults):
        keeps = True

        def unreachable(self, call: str) -> bool:
            return self.keeps and call == "delete"

    async def story() -> None:
        faults = Keeping()
        stage = Stage(faults)
        stage.queue.put(wake_up("work"))
        running = stage.start(done, unknown="dlq")
        # Longer than all receives that it has.
        await asyncio.sleep(10 * stage.limits.visibility_seconds)
        assert await stage.queue.depth() == Depth(visible=0, in_flight=1, delayed=0)
        faults.keeps = False
        await stage.until(1)
        await stage.end(running)
        assert [(each.outcome, each.attempt) for each in stage.handled] == [("ignored", 1)]
        assert (await stage.queue.depth(), await stage.dead.depth()) == (EMPTY, EMPTY)

    run(story())


def test_without_a_broker_to_wake_it_an_open_poll_is_waited_for() -> None:
    class Mute(NoFaults):
        def unreachable(self, call: str) -> bool:
            return call == "send"

    async def story() -> None:
        stage, loop = Stage(Mute()), asyncio.get_running_loop()
        running = stage.start(done)
        await asyncio.sleep(1)
        await stage.end(running)
        # It began at 1,000.
        assert loop.time() == pytest.approx(1020, abs=0.1)

    run(story())


def test_a_broker_that_does_not_answer_is_waited_for() -> None:
    class Away(NoFaults):
        on = True

        def unreachable(self, call: str) -> bool:  # noqa: ARG002 - the port's signature
            return self.on

    async def story() -> None:
        faults = Away()
        stage = Stage(faults)
        running = stage.start(done)
        await asyncio.sleep(120)
        faults.on = False
        await stage.send(1)
        await stage.until(1)
        await stage.end(running)
        assert stage.outcomes == ["done"]

    run(story())


def test_a_bug_in_an_adapter_does_not_end_the_polling_silently() -> None:
    class Odd(MemoryQueue):
        failures = 3

        async def receive(self, count: int, *, wait_seconds: float, visibility_seconds: int) -> list[Delivery]:
            self.failures -= 1
            if self.failures >= 0:
                raise ValueError("a bug")
            return await super().receive(count, wait_seconds=wait_seconds, visibility_seconds=visibility_seconds)

    async def story() -> None:
        stage = Stage()
        stage.queue = Odd(stage.broker, "work", stage.dead, 3)
        running = stage.start(done)
        await stage.send(1)
        await stage.until(1)
        await stage.end(running)
        assert stage.outcomes == ["done"]

    run(story())


@pytest.mark.parametrize("seed", range(100))
def test_with_any_faults_every_message_has_its_effect_and_none_is_left(seed: int) -> None:
    async def story() -> None:
        chance = Random(seed)
        stage = Stage(SeededFaults(chance, 0.15), ConsumerLimits(visibility_seconds=30, backoff_seconds=(1,)))
        effects, bodies = Counter[int](), range(30)

        async def handle(message: Message) -> Outcome:
            await asyncio.sleep(chance.uniform(0, 40))
            if chance.random() < 0.2:
                raise RetryLater("not yet")
            effects[json.loads(message.body)] += 1
            return Done()

        await stage.send(*bodies)
        for _ in range(3):
            # A replica that is stopped and one that is killed, in turn.
            stage.stop = asyncio.Event()
            running = stage.start(handle)
            await asyncio.sleep(chance.uniform(0, 60))
            if chance.random() < 0.5:
                running.cancel()
                await asyncio.wait([running])
            else:
                await stage.end(running)
        stage.broker.faults = NoFaults()
        stage.stop = asyncio.Event()
        running = stage.start(handle)
        while await stage.queue.depth() != EMPTY:  # noqa: ASYNC110 - virtual time costs nothing
            await asyncio.sleep(10)
        await stage.end(running)
        dead = await dead_bodies(stage.dead)
        assert set(effects) | dead == set(bodies)

    run(story())


async def dead_bodies(queue: MemoryQueue) -> set[int]:
    """A message whose every attempt failed may be dead, but it is there."""
    found: set[int] = set()
    while got := await queue.receive(10, wait_seconds=0, visibility_seconds=1000):
        found |= {json.loads(each.body) for each in got if not is_wake_up(each)}
    return found


def test_a_delete_that_failed_for_a_moment_is_repeated_and_the_message_handled_once() -> None:
    class Moody(NoFaults):
        left = 5

        def refused(self, call: str) -> bool:
            if call == "delete" and self.left:
                self.left -= 1
                return True
            return False

    async def story() -> None:
        stage = Stage(Moody())
        running = stage.start(done)
        await stage.send(1)
        await stage.until(1)
        await asyncio.sleep(100)
        await stage.end(running)
        assert stage.outcomes == ["done"]
        assert await stage.queue.depth() == EMPTY

    run(story())


class Slow(MemoryQueue):
    """Each call takes its time."""

    polls = 0
    most_polls = 0
    renewal_seconds = 0.0
    calls: tuple[tuple[str, int], ...] = ()

    async def receive(self, count: int, *, wait_seconds: float, visibility_seconds: int) -> list[Delivery]:
        self.polls += 1
        self.most_polls = max(self.most_polls, self.polls)
        await asyncio.sleep(0.1)
        try:
            return await super().receive(count, wait_seconds=wait_seconds, visibility_seconds=visibility_seconds)
        finally:
            self.polls -= 1

    async def change_visibility(self, seconds_by_receipt: Sequence[tuple[str, int]]) -> list[Refusal | None]:
        seconds = seconds_by_receipt[0][1]
        self.calls = (*self.calls, ("begins", seconds))
        await asyncio.sleep(self.renewal_seconds)
        self.calls = (*self.calls, ("ends", seconds))
        return await super().change_visibility(seconds_by_receipt)


def test_a_backlog_is_polled_by_as_many_as_the_slots_can_use_and_an_idle_queue_by_one() -> None:
    async def story() -> None:
        stage = Stage(limits=ConsumerLimits(messages_in_flight_max=30, wait_seconds=1))
        slow = Slow(stage.broker, "work", stage.dead, 3)
        stage.queue = slow
        running = stage.start(done)
        await asyncio.sleep(60)
        assert slow.most_polls == 1
        await stage.send(*range(1000))
        await stage.until(1000)
        assert slow.most_polls == 3
        await asyncio.sleep(60)
        slow.most_polls = 0
        await asyncio.sleep(60)
        assert slow.most_polls == 1
        await stage.end(running)

    run(story())


def test_a_broker_too_slow_for_our_deletes_is_asked_for_no_more_until_they_are_out() -> None:
    class OneAtATime(MemoryQueue):
        """A broker that does one call after the other, as one that is starved of its processor does."""

        busy: asyncio.Lock

        async def receive(self, count: int, *, wait_seconds: float, visibility_seconds: int) -> list[Delivery]:
            async with self.busy:
                await asyncio.sleep(0.2)
                return await super().receive(
                    count, wait_seconds=min(wait_seconds, 0), visibility_seconds=visibility_seconds
                )

        async def delete(self, receipts: Sequence[str]) -> list[Refusal | None]:
            async with self.busy:
                await asyncio.sleep(0.2)
                return await super().delete(receipts)

    async def story() -> None:
        stage = Stage(limits=ConsumerLimits(messages_in_flight_max=100, visibility_seconds=15))
        slow = OneAtATime(stage.broker, "work", stage.dead, 3)
        slow.busy = asyncio.Lock()
        stage.queue = slow
        await stage.send(*range(1000))
        running = stage.start(done)
        while await stage.queue.depth() != EMPTY:  # noqa: ASYNC110 - virtual time costs nothing
            await asyncio.sleep(10)
        await stage.end(running)
        assert {each.attempt for each in stage.handled} == {1}
        assert len(stage.handled) == 1000

    run(story())


def test_a_message_is_given_back_only_when_no_renewal_of_it_is_in_the_air() -> None:
    async def story() -> None:
        stage = Stage(limits=ConsumerLimits(visibility_seconds=30, backoff_seconds=(7,), handler_seconds_max=500))
        slow = Slow(stage.broker, "work", stage.dead, 3)
        slow.renewal_seconds = 5
        stage.queue = slow

        async def handle(message: Message) -> Outcome:
            if message.attempt == 1:
                # The renewal begins after 20 s and takes 5.
                await asyncio.sleep(22)
                raise RetryLater("not yet")
            return Done()

        running = stage.start(handle)
        await stage.send(1)
        await stage.until(2)
        await stage.end(running)
        assert slow.calls == (("begins", 30), ("ends", 30), ("begins", 7), ("ends", 7))

    run(story())
