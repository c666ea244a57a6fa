"""A loop that is held up says by how much."""

import asyncio
import time

from prometheus_client import CollectorRegistry

from libs.telemetry.loop_lag import watched_loop
from libs.telemetry.metrics import exposition, process_registry

HELD_UP_SECONDS = 0.03


def numbers(registry: CollectorRegistry) -> dict[str, float]:
    lines = exposition(registry).decode().splitlines()
    told = dict(line.rsplit(" ", 1) for line in lines if line.startswith("event_loop_lag_seconds"))
    return {name: float(number) for name, number in told.items()}


async def test_what_holds_the_loop_up_is_measured() -> None:
    registry = process_registry()
    async with watched_loop(registry, every_seconds=0.001):
        busy_until = time.monotonic() + HELD_UP_SECONDS
        while time.monotonic() < busy_until:
            pass
        while not numbers(registry)["event_loop_lag_seconds_count"]:
            await asyncio.sleep(0)
    seen = numbers(registry)
    assert seen['event_loop_lag_seconds_bucket{le="+Inf"}'] > seen['event_loop_lag_seconds_bucket{le="0.01"}']


async def test_it_stops_with_its_block() -> None:
    registry = process_registry()
    async with watched_loop(registry, every_seconds=0.000001):
        while not numbers(registry)["event_loop_lag_seconds_count"]:
            await asyncio.sleep(0)
    before = numbers(registry)
    for _ in range(100):
        await asyncio.sleep(0)
    assert numbers(registry) == before
