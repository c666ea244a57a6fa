"""Does something every so often, or at once when woken; a failure is told and outlived."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Literal

import structlog

log = structlog.get_logger()


class Repeated:
    """Runs `act` again and again: at once while it says that there is more, else after a while or when woken."""

    def __init__(self, name: str, act: Callable[[], Awaitable[bool]], seconds: float) -> None:
        self._name = name
        self._act = act
        self._seconds = seconds
        self._woken = asyncio.Event()

    def wake(self) -> None:
        """Do it now."""
        self._woken.set()

    async def run(self, stop: asyncio.Event) -> None:
        """Work until `stop` is set; what is under way then is cancelled."""
        stopped = asyncio.create_task(stop.wait())
        try:
            while not stop.is_set():
                self._woken.clear()
                act = asyncio.create_task(self._guarded())
                await asyncio.wait([act, stopped], return_when=asyncio.FIRST_COMPLETED)
                if not act.done():
                    act.cancel()
                    await asyncio.wait([act])
                elif not act.result():
                    await self._rest(stopped)
        finally:
            stopped.cancel()

    async def _guarded(self) -> bool:
        try:
            return await self._act()
        except Exception as failure:  # noqa: BLE001 - what mends failures must outlive each of them
            log.warning("repeated-failed", what=self._name, error=type(failure).__name__, reason=str(failure))
            return False

    async def _rest(self, stopped: "asyncio.Task[Literal[True]]") -> None:
        woken = asyncio.create_task(self._woken.wait())
        try:
            await asyncio.wait([woken, stopped], timeout=self._seconds, return_when=asyncio.FIRST_COMPLETED)
        finally:
            woken.cancel()
