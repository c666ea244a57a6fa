"""Retries dead letters where the broker has no move tasks: at a rate, to be watched and cancelled, one at a time."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

import structlog

from libs.messaging.admin import AdminLimits, found_count
from libs.messaging.batching import batches
from libs.messaging.burial import exhumed, redrives_of
from libs.messaging.queue import BATCH_MAX, BrokerUnavailable, Delivery, Queue, QueueGone

log = structlog.get_logger()


class RedriveRunning(Exception):
    """This dead-letter queue is being emptied already."""

    def __init__(self, name: str) -> None:
        super().__init__(f"{name} is being retried already")
        self.name = name


@dataclass(slots=True)
class Redrive:
    """One emptying of a dead-letter queue, as it goes; `left` had been retried too often."""

    name: str
    found: int
    rate: float
    exhausted: bool = False
    moved: int = 0
    left: int = 0
    status: Literal["RUNNING", "COMPLETED", "CANCELLED", "FAILED"] = "RUNNING"
    task: asyncio.Task[None] | None = field(default=None, repr=False)


class Redrives:
    """Retries dead letters: sent to their queue, then deleted, at a rate; one at a time for each queue.

    At least once: a crash in between leaves a message in both. Works where the broker has no move tasks.
    """

    def __init__(self, limits: AdminLimits, clock: Callable[[], float] | None = None) -> None:
        self._limits = limits
        self._clock = clock or (lambda: asyncio.get_running_loop().time())
        self._latest: dict[str, Redrive] = {}

    async def start(self, dead: Queue, queue: Queue, rate: float | None = None, *, exhausted: bool = False) -> Redrive:
        """Begin, and return at once; as many are moved as there are now. Raises RedriveRunning.

        What was retried `redrives_max` times already stays where it is, unless `exhausted`.
        """
        if self.is_running(dead.name):
            raise RedriveRunning(dead.name)
        wanted = min(rate or self._limits.redrive_per_second, self._limits.redrive_per_second_max)
        redrive = Redrive(dead.name, 0, wanted, exhausted)
        # Noted before the first await, or two callers could both begin.
        self._latest[dead.name] = redrive
        try:
            redrive.found = await found_count(dead)
        except BaseException:
            redrive.status = "FAILED"
            raise
        if redrive.found:
            redrive.task = asyncio.create_task(self._run(redrive, dead, queue), name=f"redrive of {dead.name}")
        else:
            redrive.status = "COMPLETED"
        return redrive

    def latest(self, name: str) -> Redrive | None:
        """Return the running redrive of a dead-letter queue, else the last one."""
        return self._latest.get(name)

    def is_running(self, name: str) -> bool:
        """Tell whether this dead-letter queue is being emptied."""
        redrive = self._latest.get(name)
        return redrive is not None and redrive.status == "RUNNING"

    async def cancel(self, name: str) -> bool:
        """Stop a redrive; what was moved stays moved. False when none runs."""
        redrive = self._latest.get(name)
        if redrive is None or redrive.task is None or redrive.status != "RUNNING":
            return False
        redrive.task.cancel()
        await asyncio.wait([redrive.task])
        return True

    async def close(self) -> None:
        """Stop all."""
        for name in list(self._latest):
            await self.cancel(name)

    async def _run(self, redrive: Redrive, dead: Queue, queue: Queue) -> None:
        try:
            await self._move(redrive, dead, queue)
            redrive.status = "COMPLETED"
        except asyncio.CancelledError:
            redrive.status = "CANCELLED"
        except (BrokerUnavailable, QueueGone) as error:
            redrive.status = "FAILED"
            log.warning("redrive failed", queue=redrive.name, moved=redrive.moved, reason=str(error))
            return
        log.info("redrive ended", queue=redrive.name, moved=redrive.moved, left=redrive.left, status=redrive.status)

    async def _move(self, redrive: Redrive, dead: Queue, queue: Queue) -> None:
        left: dict[str, Delivery] = {}
        try:
            await self._move_beside(left, redrive, dead, queue)
        finally:
            # Those that stay are given back at the end only, or they would come again at once.
            for batch in batches(left.values()):
                await dead.change_visibility([(each.receipt, 0) for each in batch])

    async def _move_beside(self, left: dict[str, Delivery], redrive: Redrive, dead: Queue, queue: Queue) -> None:
        empty, due = 0, self._clock()
        while redrive.moved + redrive.left < redrive.found and empty < self._limits.empty_receives:
            count = min(BATCH_MAX, redrive.found - redrive.moved - redrive.left, max(1, int(redrive.rate)))
            got = await dead.receive(count, wait_seconds=0, visibility_seconds=self._limits.redrive_visibility_seconds)
            known = len(left)
            left |= {each.message_id: each for each in got if self._stays(each, redrive)}
            redrive.left = len(left)
            going = [each for each in got if each.message_id not in left]
            # A long run sees again what stays; that is no reason to go on.
            empty = 0 if going or len(left) > known else empty + 1
            if not going:
                continue
            refusals = await queue.send([exhumed(each) for each in going])
            sent = [each.receipt for each, refusal in zip(going, refusals, strict=True) if refusal is None]
            if sent:
                await dead.delete(sent)
            redrive.moved += len(sent)
            due = max(due, self._clock() - 1) + len(going) / redrive.rate
            await asyncio.sleep(max(0, due - self._clock()))

    def _stays(self, delivery: Delivery, redrive: Redrive) -> bool:
        return not redrive.exhausted and redrives_of(delivery) >= self._limits.redrives_max
