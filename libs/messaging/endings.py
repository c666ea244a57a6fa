"""Runs one message through its handler and says how it ends. Knows no queue and gives nothing back itself."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Literal

from libs.messaging.envelope import Undecodable
from libs.messaging.lanes import Lanes
from libs.messaging.message import Message
from libs.messaging.outcome import NO_FACTS, Done, Ignored, Outcome, RetryLater, Unprocessable
from libs.messaging.switching import Switches
from libs.messaging.vitals import Begun
from libs.messaging.waking import WAKE

Handler = Callable[[Message], Awaitable[Outcome]]
Key = Callable[[Message], str | None]
Unknown = Literal["ignore", "dlq"]


@dataclass(frozen=True, slots=True)
class Ending:
    """What became of one delivery."""

    outcome: Literal["done", "ignored", "held", "retry", "failed", "unprocessable"]
    reason: str = ""
    facts: Mapping[str, str] = field(default_factory=lambda: NO_FACTS)
    delay: timedelta | None = None
    error: Exception | None = None
    # What did not answer, if that is why.
    away: str = ""
    # Whether the message is held until its delete went through: given up, it would come again and end as a dead letter.
    surely: bool = False

    @property
    def delete(self) -> bool:
        """Whether the message has had its effect, or none to have."""
        return self.outcome in {"done", "ignored"}


@dataclass(frozen=True, slots=True)
class Runner:
    """Switch, lane, handler under its timeout. A key is read inside the guard too: it parses what came."""

    handlers: Mapping[str, Handler]
    unknown: Unknown
    key: Key | None
    switches: Switches
    seconds_max: float
    lanes: Lanes
    lane_waited: Callable[[float], None] = lambda _: None
    begun: dict[asyncio.Task[object], Begun] = field(default_factory=dict)

    async def run(self, message: Message) -> Ending:
        """Never raises but for cancellation."""
        try:
            return await self._run(message)
        except RetryLater as later:
            return Ending("retry", later.reason, delay=later.delay, away=later.away)
        except (Unprocessable, Undecodable) as poison:
            return Ending("unprocessable", str(poison))
        except TimeoutError as error:
            return Ending("failed", f"TimeoutError: limit of the handler is {self.seconds_max:g} s", error=error)
        except Exception as error:  # noqa: BLE001 - a bug in a handler: logged by the consumer, tried again, then dead-lettered
            return Ending("failed", type(error).__name__, error=error)

    async def _run(self, message: Message) -> Ending:
        handler = self.handlers.get(message.type)
        if handler is None:
            if message.type == WAKE:
                return Ending("ignored", "wake-up for a replica that stops", surely=True)
            if self.unknown == "ignore":
                return Ending("ignored", "no handler for this type")
            raise Unprocessable("no handler for this type")
        mode = self.switches.mode(message)
        if mode != "on":
            return Ending("ignored", "switched off") if mode == "drop" else Ending("held", "its type is held")
        loop = asyncio.get_running_loop()
        arrived = loop.time()
        async with self.lanes.lane(self.key(message) if self.key else None) as lane:
            if lane.waited:
                self.lane_waited(loop.time() - arrived)
            outcome = await self._handled(handler, message)
        match outcome:
            case Done(note, facts):
                return Ending("done", note, facts)
            case Ignored(reason, facts):
                return Ending("ignored", reason, facts)

    async def _handled(self, handler: Handler, message: Message) -> Outcome:
        task = asyncio.current_task()
        assert task is not None
        self.begun[task] = Begun(asyncio.get_running_loop().time(), message.type, message.id)
        try:
            async with asyncio.timeout(self.seconds_max):
                return await handler(message)
        finally:
            del self.begun[task]
