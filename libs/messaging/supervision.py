"""Loops that may not end silently, and pauses that a stop cuts short."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import structlog

# Deeper than any code of ours.
FRAMES_MAX = 100
log = structlog.get_logger()


async def pause(stop: asyncio.Event, seconds: float) -> None:
    """Wait that long, or until the stop."""
    try:
        async with asyncio.timeout(seconds):
            await stop.wait()
    except TimeoutError:
        return


async def kept_running(name: str, loop: Callable[[], Awaitable[None]], pause_seconds: float) -> None:
    """Start a loop again whenever a bug ended it; it ends when it returns or is cancelled.

    Also when the cancellation met a cleanup that failed for a reason of its own, as a closed connection's does.
    """
    me = asyncio.current_task()
    assert me is not None
    while True:
        try:
            await loop()
        except Exception as error:  # a loop that died must not be only a line in a log
            # Without the exception's text, which may quote what was in a message.
            log.error("loop failed", loop=name, error=type(error).__name__, frames=frames(error))  # noqa: TRY400 - see above
            if me.cancelling():
                raise asyncio.CancelledError from error
            await asyncio.sleep(pause_seconds)
        else:
            return


@asynccontextmanager
async def beside(name: str, loop: Callable[[], Awaitable[None]], pause_seconds: float) -> AsyncIterator[None]:
    """Keep a loop running while the block lasts; it has ended when this returns."""
    task = asyncio.create_task(kept_running(name, loop, pause_seconds), name=name)
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])


def stack_of(task: asyncio.Task[object], limit: int = 8) -> list[str]:
    """Say where a task stands, innermost last."""
    # A coroutine's stack ends where it awaits; what it awaits is followed, too.
    found: list[str] = []
    awaited: Any = task.get_coro()
    while awaited is not None and len(found) < FRAMES_MAX:
        frame = getattr(awaited, "cr_frame", None)
        if frame is None:
            break
        found.append(f"{frame.f_code.co_filename.rsplit('/', 1)[-1]}:{frame.f_lineno} {frame.f_code.co_name}")
        awaited = getattr(awaited, "cr_await", None)
    return found[-limit:]


def frames(error: BaseException, limit: int = 8) -> list[str]:
    """Say where it was raised, innermost last. Its text stays out: it may quote what was in a message."""
    found: list[str] = []
    trace = error.__traceback__
    while trace is not None:
        code = trace.tb_frame.f_code
        found.append(f"{code.co_filename.rsplit('/', 1)[-1]}:{trace.tb_lineno} {code.co_name}")
        trace = trace.tb_next
    return found[-limit:]
