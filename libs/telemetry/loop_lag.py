"""How late the event loop is: what blocks it makes everybody wait, and shows nowhere else."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from prometheus_client import CollectorRegistry

from libs.telemetry.metrics import latency

SAMPLE_SECONDS = 0.5


@asynccontextmanager
async def watched_loop(registry: CollectorRegistry, every_seconds: float = SAMPLE_SECONDS) -> AsyncIterator[None]:
    """Measure for as long as the block lasts, twice a second, how much later than asked the loop woke us."""
    lag = latency(registry, "event_loop_lag_seconds", "How much later than due the event loop woke a timer")
    loop = asyncio.get_running_loop()
    timer: asyncio.TimerHandle | None = None

    def wake(due: float) -> None:
        nonlocal timer
        now = loop.time()
        lag.observe(max(0.0, now - due))
        timer = loop.call_at(now + every_seconds, wake, now + every_seconds)

    first = loop.time() + every_seconds
    timer = loop.call_at(first, wake, first)
    try:
        yield
    finally:
        timer.cancel()
