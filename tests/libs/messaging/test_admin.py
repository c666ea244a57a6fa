"""What operators do to queues, over the broker in memory and in virtual time."""

import asyncio
import json
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime
from typing import Any

import pytest

from libs.messaging.admin import BROKER_MOVED, AdminLimits, delete_chosen, health, peek, purge, retry_chosen
from libs.messaging.burial import buried, exhumed
from libs.messaging.memory import MemoryBroker, MemoryQueue, NoFaults
from libs.messaging.queue import Delivery, Depth, Parcel, PurgeInProgress
from libs.messaging.redrives import RedriveRunning, Redrives
from tests.contracts.queue import TOPOLOGY
from tests.libs.messaging.virtual_time import run

AT = datetime(2026, 11, 24, 10, 0, tzinfo=UTC)
LIMITS = AdminLimits()
Story = Callable[[MemoryQueue, MemoryQueue], Coroutine[Any, Any, None]]


def told(story: Story) -> None:
    async def on_stage() -> None:
        broker = MemoryBroker(TOPOLOGY)
        await story(broker.queue("work"), broker.queue("work-dlq"))

    run(on_stage())


def die(dead: MemoryQueue, count: int, reason: str = "no such prison") -> None:
    for n in range(count):
        dead.put(buried(Delivery("r", "m", json.dumps({"n": n}), {"eventType": "made"}, 1, AT), reason, AT))


def test_a_peek_shows_each_once_with_its_reason_and_leaves_all_to_be_received() -> None:
    async def story(_: MemoryQueue, dead: MemoryQueue) -> None:
        die(dead, 25)
        dead.put(Parcel("no json"))
        peeked = await peek(dead, LIMITS)
        assert peeked.found == 26
        assert len({letter.message_id for letter in peeked.messages}) == 26
        first, last = peeked.messages[0], peeked.messages[-1]
        assert (first.body, first.failure_reason, first.failure_at) == ({"n": 0}, "no such prison", AT.isoformat())
        assert first.attribute_names == ("eventType", "failureAt", "failureReason")
        assert (last.body, last.failure_reason) == ("no json", BROKER_MOVED)
        assert await dead.depth() == Depth(26, 0, 0)

    told(story)


def test_a_peek_shows_no_more_than_was_asked_for() -> None:
    async def story(_: MemoryQueue, dead: MemoryQueue) -> None:
        die(dead, 25)
        peeked = await peek(dead, LIMITS, at_most=12)
        assert (peeked.found, len(peeked.messages)) == (25, 12)

    told(story)


def test_a_redrive_sends_everything_back_as_it_was_at_its_rate() -> None:
    async def story(queue: MemoryQueue, dead: MemoryQueue) -> None:
        die(dead, 50)
        began = asyncio.get_running_loop().time()
        redrive = await Redrives(LIMITS, lambda: AT).start(dead, queue, rate=10)
        assert (redrive.found, redrive.status) == (50, "RUNNING")
        assert redrive.task
        await redrive.task
        assert (redrive.moved, redrive.status) == (50, "COMPLETED")
        assert 4 <= asyncio.get_running_loop().time() - began <= 6
        assert (await queue.depth(), await dead.depth()) == (Depth(50, 0, 0), Depth(0, 0, 0))
        [message] = await queue.receive(1, wait_seconds=0, visibility_seconds=30)
        assert message.attributes == {"eventType": "made", "redriveCount": "1"}

    told(story)


def test_what_was_retried_in_vain_too_often_stays_until_somebody_insists() -> None:
    async def story(queue: MemoryQueue, dead: MemoryQueue) -> None:
        redrives = Redrives(LIMITS, lambda: AT)
        die(dead, 1)
        for _ in range(LIMITS.redrives_max):
            redrive = await redrives.start(dead, queue)
            assert redrive.task
            await redrive.task
            [delivery] = await queue.receive(1, wait_seconds=0, visibility_seconds=30)
            dead.put(buried(delivery, "in vain", AT))
            await queue.delete([delivery.receipt])
        die(dead, 3)
        redrive = await redrives.start(dead, queue)
        assert redrive.task
        await redrive.task
        assert (redrive.moved, redrive.left, redrive.status) == (3, 1, "COMPLETED")
        [stays] = (await peek(dead, LIMITS)).messages
        assert (stays.redrives, stays.failure_reason) == (LIMITS.redrives_max, "in vain")
        insisted = await redrives.start(dead, queue, exhausted=True)
        assert insisted.task
        await insisted.task
        assert (insisted.moved, await dead.depth()) == (1, Depth(0, 0, 0))

    told(story)


@pytest.mark.parametrize(("count", "counted"), [(9, True), (10, False)])
def test_retries_are_counted_where_ten_attributes_leave_room(count: int, *, counted: bool) -> None:
    plain = {f"a{n}": "x" for n in range(count)}
    assert ("redriveCount" in exhumed(Delivery("r", "m", "{}", plain, 1, AT)).attributes) is counted
    traced = {**{f"a{n}": "x" for n in range(9)}, "traceparent": "x"}
    assert set(exhumed(Delivery("r", "m", "{}", traced, 1, AT)).attributes) == {*traced, "redriveCount"} - {
        "traceparent"
    }


def test_single_dead_letters_are_sent_back_or_deleted_and_the_others_stay_as_they_were() -> None:
    async def story(queue: MemoryQueue, dead: MemoryQueue) -> None:
        die(dead, 25)
        ids = [letter.message_id for letter in (await peek(dead, LIMITS)).messages]
        assert await retry_chosen(dead, queue, [ids[3], ids[20], "nowhere"], LIMITS) == {ids[3], ids[20]}
        assert await delete_chosen(dead, [ids[7], ids[3]], LIMITS) == {ids[7]}
        left = {letter.message_id for letter in (await peek(dead, LIMITS)).messages}
        assert left == {*ids} - {ids[3], ids[7], ids[20]}
        assert (await queue.depth(), await dead.depth()) == (Depth(2, 0, 0), Depth(22, 0, 0))

    told(story)


def test_no_more_dead_letters_are_looked_through_than_the_bound_says() -> None:
    async def story(_: MemoryQueue, dead: MemoryQueue) -> None:
        die(dead, 25)
        narrow = LIMITS.model_copy(update={"search_max": 10})
        last = (await peek(dead, LIMITS)).messages[-1].message_id
        assert await delete_chosen(dead, [last], narrow) == set()
        assert await dead.depth() == Depth(25, 0, 0)

    told(story)


def test_an_empty_queue_is_retried_by_doing_nothing() -> None:
    async def story(queue: MemoryQueue, dead: MemoryQueue) -> None:
        redrive = await Redrives(LIMITS, lambda: AT).start(dead, queue)
        assert (redrive.found, redrive.status, redrive.task) == (0, "COMPLETED", None)

    told(story)


def test_a_second_redrive_is_refused_while_one_runs_and_a_cancelled_one_keeps_what_it_moved() -> None:
    async def story(queue: MemoryQueue, dead: MemoryQueue) -> None:
        die(dead, 50)
        redrives = Redrives(LIMITS, lambda: AT)
        redrive = await redrives.start(dead, queue, rate=10)
        with pytest.raises(RedriveRunning):
            await redrives.start(dead, queue)
        await asyncio.sleep(2)
        assert await redrives.cancel(dead, queue)
        assert not await redrives.cancel(dead, queue)
        assert redrive.status == "CANCELLED"
        assert 10 <= redrive.moved < 50
        assert (await queue.depth()).visible == redrive.moved
        again = await redrives.start(dead, queue, rate=500)
        assert again.task
        await again.task
        assert (await queue.depth()).visible == 50

    told(story)


def test_what_dies_again_during_a_redrive_is_not_moved_round_and_round() -> None:
    async def story(queue: MemoryQueue, dead: MemoryQueue) -> None:
        die(dead, 10)
        redrive = await Redrives(LIMITS, lambda: AT).start(dead, queue, rate=10)
        die(dead, 10)
        assert redrive.task
        await redrive.task
        assert (await queue.depth()).visible == 10
        assert (await dead.depth()).visible == 10

    told(story)


def test_a_purge_says_what_there_was_and_a_second_within_a_minute_is_refused() -> None:
    async def story(_: MemoryQueue, dead: MemoryQueue) -> None:
        die(dead, 3)
        assert await purge(dead) == 3
        assert await purge(dead) == 0
        die(dead, 1)
        with pytest.raises(PurgeInProgress):
            await purge(dead)

    told(story)


def test_health_tells_the_counts_that_dashboards_read() -> None:
    async def story(queue: MemoryQueue, dead: MemoryQueue) -> None:
        die(dead, 2)
        await queue.send([Parcel("one"), Parcel("two")])
        await queue.receive(1, wait_seconds=0, visibility_seconds=30)
        told = await health(queue, dead)
        assert told.up
        assert told.details == {
            "queueName": "work", "messagesOnQueue": "1", "messagesInFlight": "1",
            "dlqName": "work-dlq", "dlqStatus": "UP", "messagesOnDlq": "2",
        }  # fmt: skip

    told(story)


def test_health_is_down_without_a_redrive_policy_or_a_broker() -> None:
    class Away(NoFaults):
        def unreachable(self, call: str) -> bool:
            return call == "depth"

    async def story() -> None:
        broker = MemoryBroker(TOPOLOGY)
        bare = await health(broker.queue("work-dlq"), broker.queue("work-dlq"))
        assert (bare.up, bare.details["dlqStatus"]) == (False, "DOWN")
        broker.faults = Away()
        gone = await health(broker.queue("work"), broker.queue("work-dlq"))
        assert not gone.up
        assert gone.details["error"].startswith("BrokerUnavailable")

    run(story())
