"""Dead letters sent back by the broker itself or by our loop: seen, refused and stopped from every replica alike."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from libs.messaging.admin import AdminLimits
from libs.messaging.aws import Aws
from libs.messaging.burial import buried
from libs.messaging.memory import MemoryBroker, MemoryQueue, NoFaults
from libs.messaging.queue import Delivery, Depth, Parcel, Refusal
from libs.messaging.redrive_notes import NOTE, Note, read, written
from libs.messaging.redrives import RedriveRunning, Redrives
from tests.contracts.queue import TOPOLOGY
from tests.libs.messaging.virtual_time import run

AT = datetime(2026, 11, 24, 10, 0, tzinfo=UTC)
LIMITS = AdminLimits()


def now() -> datetime:
    """Runs with the loop's clock."""
    return AT + timedelta(seconds=asyncio.get_running_loop().time())


def replica(drain: float | None = None) -> Redrives:
    return Redrives(LIMITS, now, drain=lambda: drain)


class Late:
    """A queue whose tags take a moment to arrive."""

    def __init__(self, queue: MemoryQueue) -> None:
        self._queue = queue

    async def tags(self) -> Mapping[str, str]:
        found = await self._queue.tags()
        await asyncio.sleep(0.01)
        return found

    def __getattr__(self, name: str) -> Any:
        return getattr(self._queue, name)


def die(dead: MemoryQueue, count: int, **attributes: str) -> None:
    for n in range(count):
        delivery = Delivery("r", f"m{n}", "{}", {"eventType": "made", **attributes}, 1, AT)
        dead.put(buried(delivery, "no such prison", AT))


def told(story: Callable[[MemoryQueue, MemoryQueue], Awaitable[None]], *, moves: bool = False) -> None:
    async def act() -> None:
        broker = MemoryBroker(TOPOLOGY, moves=moves)
        await story(broker.queue("work"), broker.queue("work-dlq"))

    run(act())


def test_a_note_is_read_as_it_was_written_and_what_is_none_says_nothing() -> None:
    note = Note("a" * 32, "RUNNING", 100_000, 99_999, 3, 0.125, AT)
    assert read(written(note)) == note
    assert len(written(note)) <= 256
    assert set(written(note)) <= {*"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 _.:/=+-@"}
    for odd in (None, "", "x", "a RUNNING 1 2 3 4", written(note).replace("RUNNING", "ODD"), written(note) + " 1"):
        assert read(odd) is None


def test_another_replica_sees_refuses_and_stops_a_redrive() -> None:
    async def story(queue: MemoryQueue, dead: MemoryQueue) -> None:
        die(dead, 50)
        here, there = replica(), replica()
        redrive = await here.start(dead, queue, rate=1)
        with pytest.raises(RedriveRunning):
            await there.start(dead, queue)
        await asyncio.sleep(12)
        seen = await there.look(dead, queue)
        assert seen is not None
        assert (seen.status, seen.found, seen.rate, seen.handle) == ("RUNNING", 50, 1, redrive.handle)
        assert 5 <= seen.moved <= redrive.moved
        assert there.is_running(dead.name)
        assert await there.cancel(dead, queue)
        assert redrive.task
        await redrive.task
        assert redrive.status == "CANCELLED"
        assert redrive.moved < 25
        for each in (here, there):
            ended = await each.look(dead, queue)
            assert ended is not None
            assert (ended.status, ended.moved) == ("CANCELLED", redrive.moved)
            assert not await each.cancel(dead, queue)
        again = await there.start(dead, queue, rate=500)
        assert again.task
        await again.task
        assert await queue.depth() == Depth(50, 0, 0)

    told(story)


def test_of_two_replicas_that_begin_at_once_one_goes_on() -> None:
    async def story(queue: MemoryQueue, dead: MemoryQueue) -> None:
        die(dead, 200)
        # Both look before either has written.
        late: Any = Late(dead)
        both = await asyncio.gather(*(replica().start(late, queue, rate=5) for _ in range(2)))
        for each in both:
            assert each.task
            await each.task
        assert sorted(each.status for each in both) == ["CANCELLED", "COMPLETED"]
        [kept] = [each for each in both if each.status == "COMPLETED"]
        seen = await replica().look(dead, queue)
        assert seen is not None
        assert (seen.status, seen.handle) == ("COMPLETED", kept.handle)
        assert await dead.depth() == Depth(0, 0, 0)

    told(story)


def test_a_redrive_whose_process_died_is_over_once_it_was_silent_for_long() -> None:
    async def story(queue: MemoryQueue, dead: MemoryQueue) -> None:
        die(dead, 5)
        await dead.tag(NOTE, written(Note("dead", "RUNNING", 9, 4, 0, 10, now())))
        redrives = replica()
        with pytest.raises(RedriveRunning):
            await redrives.start(dead, queue)
        await asyncio.sleep(LIMITS.redrive_silent_seconds + 1)
        seen = await redrives.look(dead, queue)
        assert seen is not None
        assert (seen.status, seen.moved) == ("FAILED", 4)
        redrive = await redrives.start(dead, queue)
        assert redrive.task
        await redrive.task
        assert redrive.moved == 5

    told(story)


def test_a_slow_redrive_is_not_taken_for_a_dead_one() -> None:
    async def story(queue: MemoryQueue, dead: MemoryQueue) -> None:
        die(dead, 3)
        await replica().start(dead, queue, rate=0.005)
        await asyncio.sleep(150)
        with pytest.raises(RedriveRunning):
            await replica().start(dead, queue)

    told(story)


def test_without_tags_the_letters_go_back_all_the_same() -> None:
    class NoTags(NoFaults):
        def unreachable(self, call: str) -> bool:
            return call == "tag"

    async def story() -> None:
        broker = MemoryBroker(TOPOLOGY, NoTags())
        die(broker.queue("work-dlq"), 3)
        redrive = await replica().start(broker.queue("work-dlq"), broker.queue("work"))
        assert redrive.task
        await redrive.task
        assert (redrive.status, redrive.moved) == ("COMPLETED", 3)

    run(story())


@pytest.mark.parametrize(("drain", "rate"), [(None, 100), (40, 20), (5000, 500), (0.2, 1)])
def test_without_a_rate_live_messages_keep_half_of_what_the_worker_can_do(drain: float | None, rate: float) -> None:
    async def story(queue: MemoryQueue, dead: MemoryQueue) -> None:
        assert (await replica(drain).start(dead, queue)).rate == rate

    told(story)


def test_where_the_broker_can_it_sends_them_back_and_goes_on_when_the_worker_ends() -> None:
    async def story(queue: MemoryQueue, dead: MemoryQueue) -> None:
        die(dead, 50)
        here, there = replica(), replica()
        redrive = await here.start(dead, queue, rate=5)
        assert (redrive.task, redrive.status, redrive.found) == (None, "RUNNING", 50)
        with pytest.raises(RedriveRunning):
            await there.start(dead, queue)
        await here.close()
        await asyncio.sleep(4)
        seen = await there.look(dead, queue)
        assert seen is not None
        assert (seen.status, seen.found, seen.rate, seen.handle) == ("RUNNING", 50, 5, "task")
        assert 15 <= seen.moved <= 25
        assert await there.cancel(dead, queue)
        ended = await here.look(dead, queue)
        assert ended is not None
        assert ended.status == "CANCELLED"
        assert not await there.cancel(dead, queue)
        await there.start(dead, queue, rate=500)
        await asyncio.sleep(10)
        assert await queue.depth() == Depth(50, 0, 0)
        # As it lay there; what dies once more is counted all the same.
        [back] = await queue.receive(1, wait_seconds=0, visibility_seconds=30)
        assert back.attributes["failureReason"] == "no such prison"
        assert buried(back, "again", AT).attributes["redriveCount"] == "1"

    told(story, moves=True)


@pytest.mark.parametrize("stays", [{"redriveCount": str(LIMITS.redrives_max)}, {}])
def test_the_broker_sends_none_back_where_one_has_to_stay_or_would_not_be_counted(stays: dict[str, str]) -> None:
    async def story(queue: MemoryQueue, dead: MemoryQueue) -> None:
        die(dead, 3)
        # One that was sent back too often, or one that the broker buried: nothing says so on it.
        dead.put(buried(Delivery("r", "m", "{}", stays, 1, AT), "x", AT) if stays else Parcel("{}", {"a": "x"}))
        redrive = await replica().start(dead, queue)
        assert redrive.task
        await redrive.task
        assert (redrive.moved, redrive.left) == ((3, 1) if stays else (4, 0))
        insisted = await replica().start(dead, queue, exhausted=True)
        assert insisted.task is None
        await asyncio.sleep(10)
        assert await dead.depth() == Depth(0, 0, 0)

    told(story, moves=True)


async def test_on_a_real_broker_another_replica_stops_the_loop(aws: Aws) -> None:
    queue, dead = aws.queue("work"), aws.queue("work-dlq")
    none: list[Refusal | None] = [None]
    assert await queue.send_dead([Parcel("{}", {"eventType": "made"})]) == none
    assert await queue.send_dead([Parcel("{}", {"eventType": "made"})]) == none
    quick = LIMITS.model_copy(update={"redrive_note_seconds": 0.05})
    here, there = (Redrives(quick, lambda: datetime.now(UTC)) for _ in range(2))  # noqa: TID251 - as an app does
    redrive = await here.start(dead, queue, rate=0.001)
    with pytest.raises(RedriveRunning):
        await there.start(dead, queue)
    assert await there.cancel(dead, queue)
    assert redrive.task
    async with asyncio.timeout(30):
        await redrive.task
    seen = await there.look(dead, queue)
    assert seen is not None
    assert (redrive.status, seen.status, seen.moved) == ("CANCELLED", "CANCELLED", redrive.moved)
