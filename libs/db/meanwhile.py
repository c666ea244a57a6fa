"""Lets Python work while PostgreSQL does, where a change of hundreds of rows keeps both busy for milliseconds."""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any


@asynccontextmanager
async def meanwhile(statement: Coroutine[Any, Any, Any]) -> AsyncIterator[None]:
    """Send a statement, run the block, then wait until the statement is done; raises what either raises.

    The block must not use the statement's connection. It gains by being worked out, not by waiting for others.
    """
    running = asyncio.ensure_future(statement)
    try:
        # A task begins when the loop has its turn: one turn, and the statement is on its way.
        await asyncio.sleep(0)
        yield
        await running
    finally:
        if not running.done():
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
