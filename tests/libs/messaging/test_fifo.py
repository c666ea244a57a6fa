"""FIFO queues: a group is handled in order whatever fails, others go on beside it, in memory and on real brokers."""

import asyncio
import json
from collections import defaultdict
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import pytest

from libs.messaging.admin import AdminLimits
from libs.messaging.aws import Aws
from libs.messaging.consumer import Consumer
from libs.messaging.groups import Groups
from libs.messaging.leases import Lease
from libs.messaging.limits import ConsumerLimits
from libs.messaging.memory import MemoryBroker, SeededFaults
from libs.messaging.message import Message
from libs.messaging.outcome import Done, Outcome, RetryLater, Unprocessable
from libs.messaging.queue import Depth, Parcel, Queue
from libs.messaging.records import Handled
from libs.messaging.redrives import Redrives
from libs.messaging.waking import is_wake_up
from tests.contracts.queue import TOPOLOGY
from tests.libs.messaging.virtual_time import run

AT = datetime(2026, 11, 24, 10, 0, tzinfo=UTC)
EMPTY = Depth(0, 0, 0)
LIMITS = ConsumerLimits(visibility_seconds=30, backoff_seconds=(5,), messages_in_flight_max=20, backoff_jitter=0)
Handle = Callable[[Message], Awaitable[Outcome]]


def parcels(groups: str, count: int) -> list[Parcel]:
    return [
        Parcel(json.dumps({"group": group, "n": n}), {"eventType": "made", "eventId": f"{group}{n}"}, group=group)
        for n in range(count)
        for group in groups
    ]


async def send(queue: Queue, sent: list[Parcel]) -> None:
    for start in range(0, len(sent), 10):
        assert set(await queue.send(sent[start : start + 10])) == {None}


class Log:
    """What had its effect, by group, and who waits for it."""

    def __init__(self) -> None:
        self.seen: defaultdict[str, list[int]] = defaultdict(list)
        self.handled: list[Handled] = []
        self._some = asyncio.Event()

    def effect(self, message: Message) -> dict[str, Any]:
        body: dict[str, Any] = json.loads(message.body)
        self.seen[body["group"]].append(body["n"])
        return body

    def observe(self, handled: Handled) -> None:
        self.handled.append(handled)
        self._some.set()

    async def until(self, outcome: str, count: int) -> None:
        while sum(each.outcome == outcome for each in self.handled) < count:
            self._some.clear()
            await self._some.wait()


def consumer(queue: Queue, handle: Handle, log: Log, limits: ConsumerLimits = LIMITS) -> Consumer:
    return Consumer(queue, {"made": handle}, limits, now=lambda: AT, observe=log.observe, unknown="dlq")


def test_after_a_failure_the_rest_of_the_group_waits_for_it_and_other_groups_go_on() -> None:
    async def story() -> None:
        broker, log, stop = MemoryBroker(TOPOLOGY), Log(), asyncio.Event()
        queue = broker.queue("ordered.fifo")
        times: dict[str, float] = {}

        async def handle(message: Message) -> Outcome:
            body = json.loads(message.body)
            if (body["group"], body["n"], message.attempt) == ("A", 0, 1):
                raise RetryLater("not yet", timedelta(seconds=20))
            log.effect(message)
            times[f"{body['group']}{body['n']}"] = asyncio.get_running_loop().time()
            return Done()

        await send(queue, parcels("AB", 3))
        running = asyncio.create_task(consumer(queue, handle, log).run(stop))
        await log.until("done", 6)
        stop.set()
        await running
        assert dict(log.seen) == {"A": [0, 1, 2], "B": [0, 1, 2]}
        assert times["A0"] - times["B2"] > 15
        assert await queue.depth() == EMPTY

    run(story())


def test_what_is_dead_at_once_lets_its_group_go_on() -> None:
    async def story() -> None:
        broker, log, stop = MemoryBroker(TOPOLOGY), Log(), asyncio.Event()
        queue = broker.queue("ordered.fifo")

        async def handle(message: Message) -> Outcome:
            if log.effect(message)["n"] == 1:
                raise Unprocessable("no such prison")
            return Done()

        await send(queue, parcels("A", 3))
        running = asyncio.create_task(consumer(queue, handle, log).run(stop))
        await log.until("done", 2)
        stop.set()
        await running
        assert dict(log.seen) == {"A": [0, 1, 2]}
        assert (await broker.queue("ordered-dlq.fifo").depth()).visible == 1

    run(story())


def test_a_drain_gives_a_group_back_in_order_and_another_goes_on_where_it_was() -> None:
    async def story() -> None:
        broker, log, began = MemoryBroker(TOPOLOGY), Log(), asyncio.Event()
        queue = broker.queue("ordered.fifo")

        async def hang(_: Message) -> Outcome:
            began.set()
            await asyncio.Event().wait()
            return Done()

        async def handle(message: Message) -> Outcome:
            log.effect(message)
            return Done()

        await send(queue, parcels("A", 5))
        stop = asyncio.Event()
        running = asyncio.create_task(
            consumer(queue, hang, Log(), LIMITS.model_copy(update={"drain_seconds": 1})).run(stop)
        )
        await began.wait()
        stop.set()
        await running
        assert await queue.depth() == Depth(5, 0, 0)
        stop = asyncio.Event()
        running = asyncio.create_task(consumer(queue, handle, log).run(stop))
        await log.until("done", 5)
        stop.set()
        await running
        assert dict(log.seen) == {"A": [0, 1, 2, 3, 4]}

    run(story())


@pytest.mark.parametrize("seed", range(40))
def test_with_any_faults_no_group_is_out_of_order_and_nothing_is_lost(seed: int) -> None:
    async def story() -> None:
        chance = Random(seed)
        broker, log = MemoryBroker(TOPOLOGY, SeededFaults(chance, 0.1)), Log()
        queue = broker.queue("ordered.fifo")

        async def handle(message: Message) -> Outcome:
            await asyncio.sleep(chance.uniform(0, 25))
            if chance.random() < 0.2:
                raise RetryLater("not yet")
            log.effect(message)
            return Done()

        for parcel in parcels("ABC", 8):
            queue.put(parcel)
        limits = LIMITS.model_copy(update={"visibility_seconds": 10})
        while await drained(broker, "ordered.fifo") is False:
            # Two replicas; one is killed, one is stopped, and others come.
            stop = asyncio.Event()
            replicas = [asyncio.create_task(consumer(queue, handle, log, limits).run(stop)) for _ in range(2)]
            await asyncio.sleep(chance.uniform(30, 90))
            replicas[0].cancel()
            stop.set()
            await asyncio.wait(replicas)
        for group, seen in log.seen.items():
            # One whose delete was lost comes again, later; a first effect never overtakes another's.
            firsts = list(dict.fromkeys(seen))
            assert firsts == sorted(firsts), (group, seen)
        effects = {(group, n) for group, seen in log.seen.items() for n in seen}
        dead = await bodies(broker, "ordered-dlq.fifo")
        assert effects | dead == {(group, n) for group in "ABC" for n in range(8)}

    run(story())


async def drained(broker: MemoryBroker, name: str) -> bool:
    faults, broker.faults = broker.faults, SeededFaults(Random(0), 0)
    depth = await broker.queue(name).depth()
    broker.faults = faults
    return depth == EMPTY


async def bodies(broker: MemoryBroker, name: str) -> set[tuple[str, int]]:
    broker.faults = SeededFaults(Random(0), 0)
    found: set[tuple[str, int]] = set()
    while got := await broker.queue(name).receive(10, wait_seconds=0, visibility_seconds=1000):
        found |= {(each["group"], each["n"]) for each in (json.loads(one.body) for one in got if not is_wake_up(one))}
        await broker.queue(name).delete([each.receipt for each in got])
    return found


def test_a_retry_of_dead_letters_is_no_repetition_to_the_queue() -> None:
    async def story() -> None:
        broker = MemoryBroker(TOPOLOGY)
        queue, dead = broker.queue("ordered.fifo"), broker.queue("ordered-dlq.fifo")
        log, stop = Log(), asyncio.Event()

        async def handle(_: Message) -> Outcome:
            raise Unprocessable("no such prison")

        await send(queue, parcels("A", 2))
        running = asyncio.create_task(consumer(queue, handle, log).run(stop))
        await log.until("dead", 2)
        # Within five minutes of the first sending and of the first death.
        redrive = await Redrives(AdminLimits(), lambda: AT).start(dead, queue)
        assert redrive.task
        await redrive.task
        await log.until("dead", 4)
        stop.set()
        await running
        assert (await dead.depth()).visible == 2

    run(story())


def test_who_waits_in_a_group_falls_newest_first_and_leaves_nothing_behind() -> None:
    async def story() -> None:
        groups = Groups()
        leases = [Lease(f"{n}", 0, 30) for n in range(3)]
        first, *others = [groups.join("A", lease) for lease in leases]
        async with groups.turn(first):
            assert groups.fall("A") == leases[:0:-1]
            assert [turn.fallen for turn in (first, *others)] == [False, True, True]
        for turn in others:
            async with groups.turn(turn):
                assert turn.fallen
        assert len(groups) == 0

    run(story())


class RealBroker:
    """A subclass names the broker."""

    async def test_a_group_stays_in_order_through_failures(self, real: Aws) -> None:
        queue, log, stop = real.queue("ordered.fifo"), Log(), asyncio.Event()

        async def handle(message: Message) -> Outcome:
            if message.attempt == 1 and json.loads(message.body)["n"] % 2:
                raise RetryLater("not yet", timedelta(seconds=0))
            log.effect(message)
            return Done()

        await send(queue, parcels("AB", 4))
        # No wake-up at the end, which may come when the poll has just ended, and stay.
        limits = LIMITS.model_copy(update={"wait_seconds": 1, "wake_rounds_max": 0})
        running = asyncio.create_task(consumer(queue, handle, log, limits).run(stop))
        async with asyncio.timeout(60):
            await log.until("done", 8)
        stop.set()
        await running
        assert dict(log.seen) == {"A": [0, 1, 2, 3], "B": [0, 1, 2, 3]}
        assert await queue.depth() == EMPTY


class TestMinistack(RealBroker):
    @pytest.fixture
    def real(self, aws: Aws) -> Aws:
        return aws


class TestFauxqs(RealBroker):
    @pytest.fixture
    def real(self, fauxqs_aws: Aws) -> Aws:
        return fauxqs_aws
