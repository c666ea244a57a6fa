"""A loop beside a block has ended when the block has, whatever its cleanup met on the way."""

import asyncio

from libs.messaging.supervision import beside


async def test_a_loop_whose_cleanup_fails_as_it_is_cancelled_does_not_start_again() -> None:
    starts = 0
    waits = asyncio.Event()

    async def loop() -> None:
        nonlocal starts
        starts += 1
        waits.set()
        try:
            await asyncio.Event().wait()
        finally:
            raise ConnectionRefusedError("the connection is closed already")

    async with beside("loop", loop, 0.01):
        await waits.wait()
    assert starts == 1


async def test_a_loop_that_a_bug_ended_starts_again() -> None:
    starts = 0
    twice = asyncio.Event()

    async def loop() -> None:
        nonlocal starts
        starts += 1
        if starts == 1:
            raise ValueError("a bug")
        twice.set()
        await asyncio.Event().wait()

    async with beside("loop", loop, 0.01):
        await twice.wait()
    assert starts == 2
