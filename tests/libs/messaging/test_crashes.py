"""The consumer against a real broker: what a killed process leaves behind, and what another makes of it."""

import asyncio
import json
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from libs.messaging.aws import Aws
from libs.messaging.consumer import Consumer
from libs.messaging.limits import ConsumerLimits
from libs.messaging.message import Message
from libs.messaging.outcome import Done, Outcome, Unprocessable
from libs.messaging.queue import BrokerUnavailable, Delivery, Depth, Parcel, Queue, Refusal
from libs.messaging.records import Handled
from libs.messaging.waking import is_wake_up
from tests.contracts.queue import received

AT = datetime(2026, 11, 24, 10, 0, tzinfo=UTC)
PATIENCE = 60
LIMITS = ConsumerLimits(visibility_seconds=60, wait_seconds=0, idle_pause_seconds=0.02, drain_seconds=5)
# What it held is another's a second later.
SHORT_LIVED = LIMITS.model_copy(update={"visibility_seconds": 1})
EMPTY = Depth(0, 0, 0)


@dataclass
class Dying:
    """A queue whose process is killed at a call: the call and all after it have no effect and never answer."""

    queue: Queue
    at: str
    died: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def name(self) -> str:
        return self.queue.name

    async def receive(self, count: int, *, wait_seconds: float, visibility_seconds: int) -> list[Delivery]:
        await self._alive("receive", before=True)
        got = await self.queue.receive(count, wait_seconds=wait_seconds, visibility_seconds=visibility_seconds)
        if got:
            await self._alive("receive")
        return got

    async def delete(self, receipts: Sequence[str]) -> list[Refusal | None]:
        await self._alive("delete")
        return await self.queue.delete(receipts)

    async def change_visibility(self, seconds_by_receipt: Sequence[tuple[str, int]]) -> list[Refusal | None]:
        await self._alive("change")
        return await self.queue.change_visibility(seconds_by_receipt)

    async def send(self, parcels: Sequence[Parcel]) -> list[Refusal | None]:
        return await self.queue.send(parcels)

    async def send_dead(self, parcels: Sequence[Parcel]) -> list[Refusal | None]:
        await self._alive("bury", before=True)
        answer = await self.queue.send_dead(parcels)
        await self._alive("bury")
        return answer

    async def depth(self) -> Depth:
        return await self.queue.depth()

    async def max_receives(self) -> int | None:
        return await self.queue.max_receives()

    async def purge(self) -> None:
        await self.queue.purge()

    async def _alive(self, call: str, *, before: bool = False) -> None:
        if call == self.at and not before:
            self.died.set()
        if self.died.is_set():
            raise BrokerUnavailable("killed")


@dataclass
class Watcher:
    handled: list[Handled] = field(default_factory=list)
    some: asyncio.Event = field(default_factory=asyncio.Event)

    def __call__(self, handled: Handled) -> None:
        self.handled.append(handled)
        self.some.set()

    async def until(self, count: int) -> None:
        async with asyncio.timeout(PATIENCE):
            while len(self.handled) < count:
                self.some.clear()
                await self.some.wait()

    @property
    def outcomes(self) -> Counter[str]:
        return Counter(each.outcome for each in self.handled)


def consumer(
    queue: Queue, handle: Callable[[Message], Awaitable[Outcome]], watcher: Watcher, limits: ConsumerLimits = LIMITS
) -> Consumer:
    return Consumer(queue, {"made": handle}, limits, now=lambda: AT, observe=watcher)


async def fill(queue: Queue, count: int) -> None:
    for first in range(0, count, 10):
        bodies = range(first, min(first + 10, count))
        await queue.send([Parcel(json.dumps({"n": n}), {"eventType": "made"}) for n in bodies])


async def work(queue: Queue, handle: Callable[[Message], Awaitable[Outcome]], count: int) -> Watcher:
    """Run a consumer until it has handled so many, then stop it."""
    watcher, stop = Watcher(), asyncio.Event()
    running = asyncio.create_task(consumer(queue, handle, watcher).run(stop))
    await watcher.until(count)
    stop.set()
    await running
    return watcher


async def die(queue: Queue, at: str, handle: Callable[[Message], Awaitable[Outcome]]) -> None:
    """Run a consumer until its process is killed at this call."""
    dying, stop = Dying(queue, at), asyncio.Event()
    running = asyncio.create_task(consumer(dying, handle, Watcher(), SHORT_LIVED).run(stop))
    async with asyncio.timeout(PATIENCE):
        await dying.died.wait()
    running.cancel()
    await asyncio.wait([running])


async def done(_: Message) -> Outcome:
    return Done()


async def test_killed_after_a_receive_the_messages_come_to_another(aws: Aws) -> None:
    queue = aws.queue("work")
    await fill(queue, 5)
    await die(queue, "receive", done)
    watcher = await work(queue, done, 5)
    assert watcher.outcomes == {"done": 5}
    assert {each.attempt for each in watcher.handled} == {2}
    assert await queue.depth() == EMPTY


async def test_killed_between_the_effect_and_the_delete_the_effect_comes_twice_and_none_is_lost(aws: Aws) -> None:
    queue, effects = aws.queue("work"), Counter[str]()

    async def handle(message: Message) -> Outcome:
        effects[message.id] += 1
        return Done()

    await fill(queue, 5)
    await die(queue, "delete", handle)
    await work(queue, handle, 5)
    assert set(effects.values()) == {2}
    assert await queue.depth() == EMPTY


async def test_killed_between_the_burial_and_the_delete_the_message_is_dead_twice_and_not_lost(aws: Aws) -> None:
    queue = aws.queue("work")

    async def handle(_: Message) -> Outcome:
        raise Unprocessable("no such prison")

    await fill(queue, 1)
    await die(queue, "bury", handle)
    await work(queue, handle, 1)
    assert await queue.depth() == EMPTY
    dead = await received(aws.queue("work-dlq"), 2)
    assert [each.attributes["failureReason"] for each in dead] == ["no such prison"] * 2


async def test_stopped_in_a_handler_the_message_is_at_once_anothers(aws: Aws) -> None:
    queue = aws.queue("work")
    began, watcher, stop = asyncio.Event(), Watcher(), asyncio.Event()

    async def hang(_: Message) -> Outcome:
        began.set()
        await asyncio.Event().wait()
        return Done()

    await fill(queue, 1)
    limits = LIMITS.model_copy(update={"visibility_seconds": 600, "drain_seconds": 0})
    running = asyncio.create_task(consumer(queue, hang, watcher, limits).run(stop))
    async with asyncio.timeout(PATIENCE):
        await began.wait()
        stop.set()
        await running
    assert watcher.outcomes == {"released": 1}
    assert (await work(queue, done, 1)).outcomes == {"done": 1}


async def test_told_to_stop_in_a_long_poll_it_stops_and_what_comes_next_was_never_received(fauxqs_aws: Aws) -> None:
    queue, watcher, stop = fauxqs_aws.queue("work"), Watcher(), asyncio.Event()
    limits = LIMITS.model_copy(update={"visibility_seconds": 600, "wait_seconds": 20})
    running = asyncio.create_task(consumer(queue, done, watcher, limits).run(stop))
    await fill(queue, 1)
    await watcher.until(1)
    stop.set()
    # Half of what the poll would last; this broker answers a cancelled poll all the same, to nobody.
    async with asyncio.timeout(10):
        await running
    assert (await queue.depth()).in_flight == 0
    await fill(queue, 1)
    found: list[Delivery] = []
    async with asyncio.timeout(PATIENCE):
        # Where the poll was slow to end there may be more wake-ups than it took.
        while not found:
            found = [each for each in await received(queue, 1) if not is_wake_up(each)]
    assert [each.receive_count for each in found] == [1]


async def test_a_handler_longer_than_the_visibility_keeps_its_message(aws: Aws) -> None:
    queue, runs = aws.queue("work"), Counter[str]()
    began, enough = asyncio.Event(), asyncio.Event()

    async def handle(message: Message) -> Outcome:
        runs[message.id] += 1
        began.set()
        await enough.wait()
        return Done()

    await fill(queue, 1)
    watcher, stop = Watcher(), asyncio.Event()
    limits = LIMITS.model_copy(update={"visibility_seconds": 6})
    running = asyncio.create_task(consumer(queue, handle, watcher, limits).run(stop))
    async with asyncio.timeout(PATIENCE):
        await began.wait()
    # Its visibility would have ended while this waits.
    assert await queue.receive(10, wait_seconds=7, visibility_seconds=2) == []
    enough.set()
    await watcher.until(1)
    stop.set()
    await running
    assert (watcher.outcomes, list(runs.values())) == ({"done": 1}, [1])
    assert await queue.depth() == EMPTY


async def test_a_backlog_is_worked_off_by_two_replicas_and_each_message_handled_once(aws: Aws) -> None:
    queue, effects = aws.queue("work"), Counter[str]()

    async def handle(message: Message) -> Outcome:
        effects[message.id] += 1
        return Done()

    await fill(queue, 200)
    limits = LIMITS.model_copy(update={"messages_in_flight_max": 30})
    watcher, stop = Watcher(), asyncio.Event()
    replicas = [asyncio.create_task(consumer(aws.queue("work"), handle, watcher, limits).run(stop)) for _ in range(2)]
    await watcher.until(200)
    stop.set()
    await asyncio.gather(*replicas)
    assert (len(effects), set(effects.values())) == (200, {1})
    assert await queue.depth() == EMPTY
