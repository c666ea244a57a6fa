"""Puts held messages aside on a queue of their own, and sends them back once nothing holds them any more.

At least once, like everything here: a copy is made before the original is deleted. A parked message keeps for the
longest that queues keep anything, 14 days.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import structlog
from pydantic import BaseModel, PositiveInt

from libs.messaging.batching import batches
from libs.messaging.envelope import Undecodable, opened
from libs.messaging.message import Message
from libs.messaging.queue import BATCH_MAX, Delivery, Parcel, Queue
from libs.messaging.switching import Setting, SwitchBoard

RETENTION_SECONDS = 1_209_600
log = structlog.get_logger()


class ReplayLimits(BaseModel, frozen=True):
    """Bounds of one pass over what is parked."""

    visibility_seconds: PositiveInt = 120
    # A pass ends here; the next look goes on.
    messages_max: PositiveInt = 2000
    empty_receives: PositiveInt = 2


@dataclass(frozen=True, slots=True)
class Replayed:
    """What a pass did."""

    replayed: int
    still_held: int


class Replayer:
    """Reads the switches every so often, and sends back what is parked once nothing holds it."""

    def __init__(
        self,
        board: SwitchBoard,
        aside: Queue,
        queue: Queue,
        settling_seconds: float,
        limits: ReplayLimits = ReplayLimits(),  # noqa: B008 - frozen
    ) -> None:
        self._limits = limits
        self._board = board
        self._aside = aside
        self._queue = queue
        # After a change other replicas still park, by what they read last.
        self._settling_seconds = settling_seconds
        self._seen: tuple[Setting, ...] = ()
        self._settling_until = 0.0
        self._one = asyncio.Lock()

    async def look(self) -> bool:
        """Look once; false, as there is nothing more to do until the next look. Raises as a queue's calls do."""
        await self._board.refresh()
        now = asyncio.get_running_loop().time()
        if self._board.settings != self._seen:
            self._seen = self._board.settings
            self._settling_until = now + self._settling_seconds
        if (now < self._settling_until or not self._board.holds) and (await self._aside.depth()).visible:
            await self.replay()
        return False

    async def replay(self) -> Replayed:
        """Send back now what nothing holds. Raises as a queue's calls do."""
        async with self._one:
            return await replay(
                self._aside, self._queue, lambda message: self._board.mode(message) == "hold", self._limits
            )


def parked(delivery: Delivery) -> Parcel:
    """Copy a message as it came; a FIFO queue must not take it for one that was parked before."""
    return Parcel(delivery.body, delivery.attributes, delivery.group, deduplication=f"park-{delivery.message_id}")


def unparked(delivery: Delivery) -> Parcel:
    """Copy it back; a FIFO queue must not take it for its first sending."""
    return Parcel(delivery.body, delivery.attributes, delivery.group, deduplication=f"replay-{delivery.message_id}")


async def replay(
    aside: Queue, queue: Queue, held: Callable[[Message], bool], limits: ReplayLimits | None = None
) -> Replayed:
    """Send back what is no longer held, in the order in which the broker gives it; the rest stays where it is.

    Raises as a queue's calls do; what was sent back by then stays sent.
    """
    limits = limits or ReplayLimits()
    staying: list[Delivery] = []
    replayed = empty = 0
    try:
        while empty < limits.empty_receives and replayed + len(staying) < limits.messages_max:
            got = await aside.receive(BATCH_MAX, wait_seconds=0, visibility_seconds=limits.visibility_seconds)
            empty = 0 if got else empty + 1
            stay = [each for each in got if _is_held(each, queue.name, held)]
            staying += stay
            replayed += await _send_back(aside, queue, [each for each in got if each not in stay])
            # Others run, too.
            await asyncio.sleep(0)
    finally:
        for batch in batches(staying):
            await aside.change_visibility([(each.receipt, 0) for each in batch])
    if replayed:
        log.info("parked messages replayed", queue=queue.name, replayed=replayed, still_held=len(staying))
    return Replayed(replayed, len(staying))


async def _send_back(aside: Queue, queue: Queue, going: Sequence[Delivery]) -> int:
    if not going:
        return 0
    refusals = await queue.send([unparked(each) for each in going])
    sent = [each.receipt for each, refusal in zip(going, refusals, strict=True) if refusal is None]
    if sent:
        await aside.delete(sent)
    return len(sent)


def _is_held(delivery: Delivery, queue: str, held: Callable[[Message], bool]) -> bool:
    try:
        return held(opened(delivery, queue))
    except Undecodable:
        # Nobody parks these; the consumer puts it where it belongs.
        return False
