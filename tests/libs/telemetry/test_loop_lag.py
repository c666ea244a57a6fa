"""A loop that is held up says by how much."""

import asyncio
import time

from libs.telemetry.loop_lag import watched_loop

HELD_UP_SECONDS = 0.03


class Seen:
    """What was measured, and when something was."""

    def __init__(self) -> None:
        self.lags: list[float] = []
        self.some = asyncio.Event()

    def __call__(self, seconds: float) -> None:
        self.lags.append(seconds)
        self.some.set()


async def test_what_holds_the_loop_up_is_measured() -> None:
    seen = Seen()
    async with watched_loop(seen, every_seconds=0.001):
        busy_until = time.monotonic() + HELD_UP_SECONDS
        while time.monotonic() < busy_until:
            pass
        await seen.some.wait()
    assert seen.lags[0] >= HELD_UP_SECONDS - 0.002


async def test_it_stops_with_its_block() -> None:
    seen = Seen()
    async with watched_loop(seen, every_seconds=0.000001):
        await seen.some.wait()
    counted = len(seen.lags)
    for _ in range(100):
        await asyncio.sleep(0)
    assert len(seen.lags) == counted
