"""Runs what works in the background for as long as the service serves, and lets it drain at the end."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import structlog

log = structlog.get_logger()


class WorkerDied(Exception):
    """What was to run until told to stop ended by itself; the process must not go on as if it worked."""


@asynccontextmanager
async def beside(name: str, run: Callable[[asyncio.Event], Awaitable[None]]) -> AsyncIterator[None]:
    """Run `run(stop)` beside the body; at its end set `stop` and wait for the drain.

    A run that ends early ends the process by SIGTERM's own way: its failure is raised into the body.
    """
    stop = asyncio.Event()
    task = asyncio.ensure_future(run(stop))
    owner = asyncio.current_task()
    assert owner is not None

    def ended(done: "asyncio.Future[None]") -> None:
        if not stop.is_set() and not done.cancelled():
            log.error("worker-died", worker=name, error=type(done.exception()).__name__)
            owner.cancel(f"{name} died")

    task.add_done_callback(ended)
    try:
        yield
    except asyncio.CancelledError:
        if task.done() and not stop.is_set():
            raise WorkerDied(name) from task.exception()
        raise
    finally:
        stop.set()
        await asyncio.wait([task])
