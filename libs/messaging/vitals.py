"""Tells whether a consumer gets on: pollers that no longer succeed, handlers that do not even heed their end."""

import asyncio
from dataclasses import dataclass, field

import structlog

from libs.messaging.limits import VitalLimits
from libs.messaging.supervision import stack_of

log = structlog.get_logger()


@dataclass(slots=True)
class Begun:
    """A handler at work."""

    at: float
    type: str
    message_id: str
    told: bool = False


@dataclass(slots=True)
class Vitals:
    """What is under way in one consumer; all times are the loop's."""

    queue: str
    handler_seconds_max: float
    limits: VitalLimits
    handlers: dict[asyncio.Task[object], Begun] = field(default_factory=dict)
    # Since when each poller has been asking without an answer; one that waits for a slot, or pauses, asks nothing.
    asking: dict[asyncio.Task[object], float] = field(default_factory=dict)
    last_poll: float | None = None
    last_error: str = ""
    # At the last look.
    seen_stuck: bool = False

    def ask(self, poller: asyncio.Task[object], now: float) -> None:
        """Note that a poller asks; it goes on asking until it `heard` or `rested`."""
        self.asking.setdefault(poller, now)

    def heard(self, poller: asyncio.Task[object], now: float) -> None:
        """Note an answer."""
        self.asking.pop(poller, None)
        self.last_poll, self.last_error = now, ""

    def rested(self, poller: asyncio.Task[object]) -> None:
        """Note that a poller has nothing to ask, or has ended."""
        self.asking.pop(poller, None)

    def stuck(self, now: float) -> str | None:
        """Say what does not get on; None when all does. Never what is in a message."""
        for begun in self.handlers.values():
            if (ran := now - begun.at) > self.handler_seconds_max + self.limits.handler_grace_seconds:
                return f"stuck: the handler of a {begun.type} has run for {ran:.0f} s and does not heed its end"
        since = min(self.asking.values(), default=now)
        if now - since > self.limits.poll_seconds_max:
            why = f": {self.last_error}" if self.last_error else ""
            return f"stuck: no poll has succeeded for {now - since:.0f} s{why}"
        return None

    def hangs(self, now: float) -> bool:
        """Tell whether a handler hangs so long that only a restart frees its slot; an absent broker is waited for."""
        worst = self.handler_seconds_max + self.limits.restart_after_seconds
        return any(now - begun.at > worst for begun in self.handlers.values())

    def look(self, now: float) -> None:
        """Log the place in the code, once, of each handler that is stuck."""
        self.seen_stuck = self.stuck(now) is not None
        for task, begun in self.handlers.items():
            if begun.told or now - begun.at <= self.handler_seconds_max + self.limits.handler_grace_seconds:
                continue
            begun.told = True
            log.error(
                "handler stuck",
                queue=self.queue,
                type=begun.type,
                id=begun.message_id,
                seconds=round(now - begun.at, 1),
                frames=stack_of(task),
            )

    async def watch(self) -> None:
        """Look every so often, until cancelled."""
        while True:
            await asyncio.sleep(self.limits.look_seconds)
            self.look(asyncio.get_running_loop().time())
