"""Keep a part running: what dies is started again, after a pause that doubles while it keeps dying."""

import asyncio
import signal
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol

import structlog

from infra.local.broker import BrokerFailed
from infra.local.child import Child
from infra.local.ports import PortTaken
from infra.local.postgres import PostgresFailed
from infra.local.process import ProcessFailed

log = structlog.get_logger()

CANNOT_START = (BrokerFailed, PortTaken, PostgresFailed, ProcessFailed, OSError)
ENDING = frozenset({signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGQUIT, signal.SIGABRT, signal.SIGSEGV})


class Part(Protocol):
    """Something that runs as one child process."""

    name: str

    @property
    def child(self) -> Child | None:
        """The process, from the moment it was started."""

    async def start(self) -> None:
        """Ready when this returns; raises one of CANNOT_START otherwise."""

    async def stop(self) -> None:
        """Gone when this returns; may be called twice."""


@dataclass(frozen=True)
class Backoff:
    """How long to wait before a restart, by how often in a row it died young."""

    first_seconds: float
    longest_seconds: float
    forgiven_seconds: float

    def pause(self, deaths: int) -> float:
        """Double up to the longest; `deaths` counts from 1."""
        return min(self.longest_seconds, self.first_seconds * 2.0 ** min(deaths - 1, 30))


class Keeper:
    """Starts a part once and then watches it. `ready` is set while it is ready as far as we know."""

    def __init__(self, part: Part, backoff: Backoff, on_ready: Callable[[bool], Awaitable[None]]) -> None:
        self.part = part
        self.ready = asyncio.Event()
        self.restarts = 0
        self._backoff = backoff
        self._on_ready = on_ready
        self._watch: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Start for the first time: a failure here is the caller's, not something to try again."""
        await self._begin(again=False)
        self._watch = asyncio.create_task(self._keep(), name=f"keep {self.part.name}")

    async def stop(self) -> None:
        """Stop watching first, so that the end is not taken for a death."""
        if self._watch is not None:
            self._watch.cancel()
            await asyncio.gather(self._watch, return_exceptions=True)
            self._watch = None
        self.ready.clear()
        await self.part.stop()

    def kill(self, sent: signal.Signals) -> None:
        """Send a signal as an accident would; `ready` is cleared at once when it ends the process."""
        if self.part.child is not None:
            if sent in ENDING:
                self.ready.clear()
            self.part.child.send(sent)

    async def _begin(self, *, again: bool) -> None:
        await self.part.start()
        await self._on_ready(again)
        self.ready.set()

    async def _keep(self) -> None:
        loop = asyncio.get_running_loop()
        deaths = 0
        began = loop.time()
        while True:
            if self.part.child is not None:
                returncode = await self.part.child.wait()
                log.warning("part-ended", part=self.part.name, returncode=returncode)
            self.ready.clear()
            deaths = 1 if loop.time() - began >= self._backoff.forgiven_seconds else deaths + 1
            await asyncio.sleep(self._backoff.pause(deaths))
            began = loop.time()
            try:
                await self._begin(again=True)
            except Exception as error:  # noqa: BLE001 - whoever starts others again must outlive whatever hinders it
                # Also what follows a start may fail: a broker that is made to hold queues again may be killed again.
                reason = str(error) if isinstance(error, CANNOT_START) else repr(error)
                log.warning("part-not-restarted", part=self.part.name, reason=reason, deaths=deaths)
                await self.part.stop()
            else:
                self.restarts += 1
                log.info("part-restarted", part=self.part.name, deaths=deaths)
