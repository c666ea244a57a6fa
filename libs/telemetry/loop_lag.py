"""How late the event loop is: what blocks it makes everybody wait, and shows nowhere else."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from prometheus_client import CollectorRegistry, Histogram

from libs.telemetry.metrics import latency

SAMPLE_SECONDS = 0.5


def loop_lag(registry: CollectorRegistry) -> Histogram:
    """Make the number."""
    return latency(registry, "event_loop_lag_seconds", "How much later than due the event loop woke a timer")


@asynccontextmanager
async def watched_loop(
    observe: Callable[[float], object], every_seconds: float = SAMPLE_SECONDS
) -> AsyncIterator[None]:
    """Tell for as long as the block lasts, twice a second, how many seconds later than due the loop woke us."""
    loop = asyncio.get_running_loop()
    timer: asyncio.TimerHandle | None = None

    def wake(due: float) -> None:
        nonlocal timer
        now = loop.time()
        observe(max(0.0, now - due))
        timer = loop.call_at(now + every_seconds, wake, now + every_seconds)

    first = loop.time() + every_seconds
    timer = loop.call_at(first, wake, first)
    try:
        yield
    finally:
        timer.cancel()
