"""Leases, backoff, batches, lanes, slots, burials: the parts without I/O."""

import asyncio
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.messaging.backoff import VISIBILITY_SECONDS_MAX, Backoff, bounded, is_last
from libs.messaging.batching import packed
from libs.messaging.burial import buried, exhumed
from libs.messaging.lanes import Lanes
from libs.messaging.leases import HELD_SECONDS_MAX, Leases, State
from libs.messaging.queue import Delivery
from libs.messaging.slots import Slots
from tests.libs.messaging.virtual_time import run

AT = datetime(2026, 11, 24, 10, 0, tzinfo=UTC)
CHANCE = st.floats(0, 1, exclude_max=True)


@given(st.integers(1, 50), CHANCE)
def test_a_wait_follows_the_list_whose_last_value_repeats_within_a_fifth(attempt: int, chance: float) -> None:
    steps = (1, 10, 60, 600)
    planned = steps[min(attempt, 4) - 1]
    wait = Backoff(steps, 0.2, lambda: chance).wait(attempt)
    assert round(planned * 0.8) <= wait <= round(planned * 1.2)


@given(st.floats(-10, 1e6), st.floats(0, VISIBILITY_SECONDS_MAX + 100))
def test_no_wait_goes_beyond_what_the_broker_accepts(seconds: float, held: float) -> None:
    wait = bounded(seconds, held)
    assert wait >= 0
    assert wait == 0 or wait + held <= VISIBILITY_SECONDS_MAX


def test_the_last_attempt_is_the_one_after_which_the_broker_gives_up() -> None:
    assert [is_last(attempt, 3) for attempt in (1, 2, 3, 4)] == [False, False, True, True]
    assert not is_last(1000, None)


def test_a_lease_is_renewed_at_two_thirds_counted_from_the_start_of_the_call() -> None:
    leases = Leases(60)
    lease = leases.take("r", 100)
    assert leases.due(139.9) == []
    assert leases.due(140) == [lease]
    lease.renewed(140)
    assert (lease.deadline, leases.next_due()) == (200, 180)


def test_a_renewal_that_fails_is_tried_again_until_a_tenth_is_left_and_then_the_lease_is_lost() -> None:
    leases = Leases(60)
    lease = leases.take("r", 0)
    lease.failed(40)
    assert leases.next_due() == 42
    lease.failed(53.9)
    assert lease.state is State.HELD
    lease.failed(54)
    assert leases.lost() == [lease]
    assert not lease.end()


def test_a_lease_nobody_renewed_in_time_is_lost() -> None:
    leases = Leases(60)
    lease = leases.take("r", 0)
    assert leases.due(60) == []
    assert leases.lost() == [lease]


def test_a_lease_ends_before_the_brokers_twelve_hours() -> None:
    leases = Leases(60)
    lease = leases.take("r", 0)
    lease.renewed(HELD_SECONDS_MAX - 1)
    assert leases.due(HELD_SECONDS_MAX) == []
    assert lease.state is State.LOST


def test_an_ending_lease_is_renewed_no_more_and_cannot_be_lost() -> None:
    leases = Leases(60)
    lease = leases.take("r", 0)
    assert lease.end()
    assert leases.due(50) == []
    lease.lose()
    assert lease.state is State.ENDING


LEASE_EVENT = st.tuples(st.sampled_from(["renewed", "failed", "lose", "end"]), st.floats(0, 30))


@given(st.lists(LEASE_EVENT, max_size=20))
def test_whatever_happens_a_lost_lease_is_never_acknowledged(events: list[tuple[str, float]]) -> None:
    leases = Leases(60)
    lease = leases.take("r", 0)
    now, lost = 0.0, False
    for event, passed in events:
        now += passed
        leases.due(now)
        lost = lost or lease.state is State.LOST
        if event == "end":
            assert lease.end() is not lost
        elif event == "lose":
            lease.lose()
        elif lease.state is State.HELD:
            getattr(lease, event)(now)
        lost = lost or lease.state is State.LOST
        assert not (lost and lease.state is not State.LOST)


@given(st.lists(st.integers(0, 120)), st.integers(1, 10), st.integers(1, 100))
def test_batches_keep_order_and_limits(sizes: list[int], count: int, size_max: int) -> None:
    batches = list(packed(sizes, size=lambda each: each, size_max=size_max, count=count))
    assert [each for batch in batches for each in batch] == sizes
    assert all(1 <= len(batch) <= count for batch in batches)
    assert all(len(batch) == 1 or sum(batch) <= size_max for batch in batches)


def test_a_lane_lets_one_in_at_a_time_in_order_and_other_keys_pass() -> None:
    async def story() -> list[str]:
        lanes, seen, gate = Lanes(), list[str](), asyncio.Event()

        async def walk(name: str, key: str | None, wait: asyncio.Event | None = None) -> None:
            async with lanes.lane(key):
                seen.append(name)
                if wait:
                    await wait.wait()

        async with asyncio.TaskGroup() as group:
            group.create_task(walk("first of A", "A", gate))
            group.create_task(walk("second of A", "A"))
            group.create_task(walk("of B", "B"))
            group.create_task(walk("without key", None))
            await asyncio.sleep(1)
            seen.append("gate opens")
            gate.set()
        assert len(lanes) == 0
        return seen

    assert run(story()) == ["first of A", "of B", "without key", "gate opens", "second of A"]


def test_a_lane_is_free_again_after_one_in_it_was_cancelled() -> None:
    async def story() -> int:
        lanes = Lanes()

        async def stay() -> None:
            async with lanes.lane("A"):
                await asyncio.Event().wait()

        tasks = [asyncio.create_task(stay()) for _ in range(3)]
        await asyncio.sleep(0)
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        return len(lanes)

    assert run(story()) == 0


def test_slots_are_waited_for_and_nobody_gets_one_after_the_end() -> None:
    async def story() -> tuple[int, int, int]:
        slots = Slots(3)
        first = await slots.take(10, 0)
        waiting = asyncio.create_task(slots.take(10, 0))
        await asyncio.sleep(0)
        slots.give(2)
        second = await waiting
        slots.close()
        return first, second, await slots.take(10, 0)

    assert run(story()) == (3, 2, 0)


def delivery(attributes: dict[str, str]) -> Delivery:
    return Delivery("r", "m", "body", attributes, 1, AT)


def test_a_buried_message_carries_why_and_when_and_comes_back_as_it_was() -> None:
    parcel = buried(delivery({"eventType": "made"}), "no such location", AT)
    assert parcel.attributes == {"eventType": "made", "failureReason": "no such location", "failureAt": AT.isoformat()}
    again = Delivery("r", "m", parcel.body, parcel.attributes, 1, AT)
    assert exhumed(again).attributes == {"eventType": "made", "redriveCount": "1"}
    assert buried(again, "still none", AT).attributes["failureReason"] == "still none"


@pytest.mark.parametrize("count", [8, 9, 10])
def test_a_buried_message_never_has_more_than_ten_attributes(count: int) -> None:
    attributes = {"traceparent": "00-x"} | {f"a{n}": "x" for n in range(count - 1)}
    kept = buried(delivery(attributes), "reason", AT).attributes
    assert len(kept) <= 10
    assert kept["failureReason"] == "reason"


@given(st.text())
def test_any_reason_can_be_sent(reason: str) -> None:
    kept = buried(delivery({}), reason, AT).attributes["failureReason"]
    assert kept
    assert kept.isprintable()
