"""Slots: 0 means that the end has begun, and nothing else."""

import asyncio

from libs.messaging.slots import Slots

GATHER_SECONDS = 0.01


async def test_who_gathers_while_another_takes_all_waits_on_and_is_not_told_that_the_end_has_begun() -> None:
    slots = Slots(16)
    assert await slots.take(10, 0) == 10
    assert await slots.take(10, 0) == 6
    slots.give(2)
    gathering = asyncio.create_task(slots.take(10, GATHER_SECONDS))
    await asyncio.sleep(0)
    assert await slots.take(10, 0) == 2
    done, _ = await asyncio.wait([gathering], timeout=5 * GATHER_SECONDS)
    assert not done
    slots.give(3)
    assert await gathering == 3


async def test_nothing_is_given_out_after_the_end_has_begun() -> None:
    slots = Slots(1)
    assert await slots.take(1, 0) == 1
    waiting = asyncio.create_task(slots.take(1, 0))
    await asyncio.sleep(0)
    slots.close()
    assert await waiting == 0
    assert await slots.take(1, 0) == 0
