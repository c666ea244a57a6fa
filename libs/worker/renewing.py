"""Keeps a lease of rows alive for as long as somebody works on them."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager

from libs.messaging.supervision import beside

RENEWALS_IN_A_LEASE = 3
Renewed = Callable[[Callable[[], Awaitable[bool]], float], AbstractAsyncContextManager[None]]
"""How: what renews it (false once it is another's), and how many seconds it lasts."""


def renewed(keep: Callable[[], Awaitable[bool]], seconds: float) -> AbstractAsyncContextManager[None]:
    """Renew while the block lasts; what fails to is tried again a moment later."""
    pause = seconds / RENEWALS_IN_A_LEASE

    async def renew() -> None:
        kept = True
        while kept:
            await asyncio.sleep(pause)
            kept = await keep()

    return beside("lease", renew, pause)
