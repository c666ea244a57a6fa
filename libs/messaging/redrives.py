"""Sends dead letters back: at a rate, to be watched and cancelled from every replica, one at a time for each queue.

By the broker's own move task where it has them, which goes on when the worker ends. It moves everything, as it lies
there, and counts nothing; so it is used only where nothing has to stay and each letter says when it died, by which it
is counted when it dies again. Else, and where a broker has no such tasks, by a loop in this process, of which the other
replicas know by a tag (`redrive_notes`).
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import uuid4

import structlog

from libs.messaging.admin import AdminLimits, found_count, look_through
from libs.messaging.batching import batches
from libs.messaging.burial import FAILURE_AT, exhumed, redrives_of
from libs.messaging.queue import (
    BATCH_MAX,
    BrokerUnavailable,
    DeadLetters,
    Delivery,
    Move,
    MoveRunning,
    MovesMissing,
    MoveStatus,
    QueueGone,
    WorkQueue,
    is_fifo,
)
from libs.messaging.redrive_notes import NOTE, STOP, Note, read, written

log = structlog.get_logger()


class RedriveRunning(Exception):
    """This dead-letter queue is being emptied already."""

    def __init__(self, name: str) -> None:
        super().__init__(f"{name} is being retried already")
        self.name = name


class _Stopped(Exception):
    """Another replica was asked to stop this redrive, or has begun one of its own."""


@dataclass(slots=True)
class Redrive:
    """One emptying of a dead-letter queue, as it goes; `left` had been retried too often.

    `handle` is the broker's word for its task while that runs, else the name of our own run.
    """

    name: str
    found: int
    rate: float
    exhausted: bool = False
    moved: int = 0
    left: int = 0
    status: MoveStatus = "RUNNING"
    handle: str = field(default_factory=lambda: uuid4().hex)
    # Whether this process does it: else the broker or another replica, and what is told here is what was last seen.
    ours: bool = True
    task: asyncio.Task[None] | None = field(default=None, repr=False)


class Redrives:
    """Of one worker's queues.

    At least once: a crash between send and delete leaves a message in both. `drain` tells how many messages a second
    this worker handles, as far as that is known.
    """

    def __init__(
        self,
        limits: AdminLimits,
        now: Callable[[], datetime],
        clock: Callable[[], float] | None = None,
        drain: Callable[[], float | None] = lambda: None,
    ) -> None:
        self._limits = limits
        self._now = now
        self._clock = clock or (lambda: asyncio.get_running_loop().time())
        self._drain = drain
        self._latest: dict[str, Redrive] = {}
        # Until the broker says otherwise.
        self._has_moves = True

    async def start(
        self, dead: DeadLetters, queue: WorkQueue, rate: float | None = None, *, exhausted: bool = False
    ) -> Redrive:
        """Begin, and return at once; as many are moved as there are now. Raises RedriveRunning.

        What was retried `redrives_max` times already stays where it is, unless `exhausted`.
        """
        before = self._latest.get(dead.name)
        if before is not None and before.ours and before.status == "RUNNING":
            raise RedriveRunning(dead.name)
        redrive = Redrive(dead.name, 0, self._rate(rate), exhausted)
        # Noted before the first await, or two callers could both begin.
        self._latest[dead.name] = redrive
        try:
            await self._refuse_second(dead, queue, before)
            redrive.found = await found_count(dead)
            if not redrive.found:
                redrive.status = "COMPLETED"
            elif not await self._by_broker(redrive, dead, queue):
                await self._write(redrive, dead)
                redrive.task = asyncio.create_task(self._run(redrive, dead, queue), name=f"redrive of {dead.name}")
        except RedriveRunning:
            self._forget(redrive, before)
            raise
        except BaseException:
            redrive.status = "FAILED"
            raise
        return redrive

    async def look(self, dead: DeadLetters, queue: WorkQueue) -> Redrive | None:
        """Return the running redrive of a dead-letter queue, else the last one, whichever replica began it."""
        mine = self._latest.get(dead.name)
        if mine is not None and mine.ours and mine.status == "RUNNING":
            return mine
        seen = await self._seen(dead, queue, mine)
        if seen is not None and self._latest.get(dead.name) is mine:
            self._latest[dead.name] = seen
        return self._latest.get(dead.name)

    def is_running(self, name: str) -> bool:
        """Tell whether this dead-letter queue is being emptied, as far as was seen at the last look."""
        redrive = self._latest.get(name)
        return redrive is not None and redrive.status == "RUNNING"

    async def cancel(self, dead: DeadLetters, queue: WorkQueue) -> bool:
        """Stop a redrive, or have its replica stop it; what was moved stays moved. False when none runs."""
        redrive = await self.look(dead, queue)
        if redrive is None or redrive.status != "RUNNING":
            return False
        if redrive.task is not None:
            redrive.task.cancel()
            await asyncio.wait([redrive.task])
            return True
        try:
            if self._has_moves and await queue.cancel_return():
                return True
        except MovesMissing:
            self._has_moves = False
        await dead.tag(STOP, redrive.handle)
        return True

    async def close(self) -> None:
        """Stop what runs here; the broker's own task goes on."""
        tasks = [each.task for each in self._latest.values() if each.task is not None and not each.task.done()]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    def _rate(self, wanted: float | None) -> float:
        limits, drain = self._limits, self._drain()
        usual = limits.redrive_per_second if drain is None else max(1.0, drain * limits.redrive_share)
        return min(wanted or usual, limits.redrive_per_second_max)

    async def _refuse_second(self, dead: DeadLetters, queue: WorkQueue, before: Redrive | None) -> None:
        seen = await self._seen(dead, queue, before)
        if seen is not None and seen.status == "RUNNING":
            raise RedriveRunning(dead.name)

    def _forget(self, redrive: Redrive, before: Redrive | None) -> None:
        if before is None:
            del self._latest[redrive.name]
        else:
            self._latest[redrive.name] = before

    async def _seen(self, dead: DeadLetters, queue: WorkQueue, mine: Redrive | None) -> Redrive | None:
        """Tell of the broker's own task or of a replica's run, whichever is the later; `mine` if it is that."""
        move = await self._broker_move(queue)
        note = read((await dead.tags()).get(NOTE))
        if move is not None and (note is None or move.status == "RUNNING" or move.started_at > note.at):
            rate = move.per_second or 0
            return Redrive(
                dead.name, move.found, rate, moved=move.moved, status=move.status, handle=move.handle, ours=False
            )
        if note is None or (mine is not None and mine.ours and note.owner == mine.handle):
            return mine if note else None
        return self._told(dead.name, note)

    def _told(self, name: str, note: Note) -> Redrive:
        silent = self._now() - note.at > timedelta(seconds=self._limits.redrive_silent_seconds)
        return Redrive(
            name,
            note.found,
            note.rate,
            moved=note.moved,
            left=note.left,
            status="FAILED" if silent and note.status == "RUNNING" else note.status,
            handle=note.owner,
            ours=False,
        )

    async def _broker_move(self, queue: WorkQueue) -> Move | None:
        if not self._has_moves:
            return None
        try:
            return await queue.latest_return()
        except MovesMissing:
            self._has_moves = False
            return None

    async def _by_broker(self, redrive: Redrive, dead: DeadLetters, queue: WorkQueue) -> bool:
        """Leave it to the broker, if it can and may."""
        # A group's next death or return could be dropped for a repetition: our loop gives each one an id of its own.
        if not self._has_moves or is_fifo(queue.name) or redrive.rate < 1:
            return False
        if not redrive.exhausted and not await self._all_may_go(redrive, dead):
            return False
        try:
            redrive.handle = await queue.start_return(int(redrive.rate))
        except MovesMissing as missing:
            log.info("redrive by our own loop", queue=redrive.name, reason=str(missing))
            self._has_moves = False
            return False
        except MoveRunning as running:
            raise RedriveRunning(redrive.name) from running
        redrive.ours = False
        return True

    async def _all_may_go(self, redrive: Redrive, dead: DeadLetters) -> bool:
        seen = await look_through(dead, self._limits)
        return len(seen) >= redrive.found and all(
            FAILURE_AT in each.attributes and not self._stays(each, redrive) for each in seen
        )

    async def _run(self, redrive: Redrive, dead: DeadLetters, queue: WorkQueue) -> None:
        try:
            await self._move(redrive, dead, queue)
            redrive.status = "COMPLETED"
        except asyncio.CancelledError:
            redrive.status = "CANCELLED"
        except _Stopped as stopped:
            redrive.status = "CANCELLED"
            if stopped.args:
                # The note is another's by now.
                return
        except (BrokerUnavailable, QueueGone) as error:
            redrive.status = "FAILED"
            log.warning("redrive failed", queue=redrive.name, moved=redrive.moved, reason=str(error))
        log.info("redrive ended", queue=redrive.name, moved=redrive.moved, left=redrive.left, status=redrive.status)
        await self._write(redrive, dead)

    async def _move(self, redrive: Redrive, dead: DeadLetters, queue: WorkQueue) -> None:
        left: dict[str, Delivery] = {}
        try:
            await self._move_beside(left, redrive, dead, queue)
        finally:
            # Those that stay are given back at the end only, or they would come again at once.
            for batch in batches(left.values()):
                await dead.change_visibility([(each.receipt, 0) for each in batch])

    async def _move_beside(
        self, left: dict[str, Delivery], redrive: Redrive, dead: DeadLetters, queue: WorkQueue
    ) -> None:
        empty, due, noted = 0, self._clock(), self._clock()
        while redrive.moved + redrive.left < redrive.found and empty < self._limits.empty_receives:
            count = min(BATCH_MAX, redrive.found - redrive.moved - redrive.left, max(1, int(redrive.rate)))
            got = await dead.receive(count, wait_seconds=0, visibility_seconds=self._limits.redrive_visibility_seconds)
            known = len(left)
            left |= {each.message_id: each for each in got if self._stays(each, redrive)}
            redrive.left = len(left)
            going = [each for each in got if each.message_id not in left]
            # A long run sees again what stays; that is no reason to go on.
            empty = 0 if going or len(left) > known else empty + 1
            if going:
                refusals = await queue.send([exhumed(each) for each in going])
                sent = [each.receipt for each, refusal in zip(going, refusals, strict=True) if refusal is None]
                if sent:
                    await dead.delete(sent)
                redrive.moved += len(sent)
                due = max(due, self._clock() - 1) + len(going) / redrive.rate
            noted = await self._rest(redrive, dead, due, noted)

    async def _rest(self, redrive: Redrive, dead: DeadLetters, due: float, noted: float) -> float:
        """Wait until it is time for more, and tell how far we are every so often; return when that was last done."""
        every = self._limits.redrive_note_seconds
        while True:
            if self._clock() >= noted + every:
                await self._note(redrive, dead)
                noted = self._clock()
            if (wait := due - self._clock()) <= 0:
                return noted
            await asyncio.sleep(min(wait, every))

    async def _note(self, redrive: Redrive, dead: DeadLetters) -> None:
        """Tell the other replicas how far it is. Raises _Stopped when one of them ended it or began its own."""
        try:
            tags = await dead.tags()
        except (BrokerUnavailable, QueueGone) as error:
            log.warning("redrive note failed", queue=redrive.name, reason=str(error))
            return
        note = read(tags.get(NOTE))
        if note is not None and note.owner != redrive.handle and note.status == "RUNNING":
            raise _Stopped("another replica began one too")
        if tags.get(STOP) == redrive.handle:
            raise _Stopped
        await self._write(redrive, dead)

    async def _write(self, redrive: Redrive, dead: DeadLetters) -> None:
        told = (redrive.found, redrive.moved, redrive.left, redrive.rate, self._now())
        try:
            await dead.tag(NOTE, written(Note(redrive.handle, redrive.status, *told)))
        except (BrokerUnavailable, QueueGone) as error:
            # The letters matter, and not who knows of them.
            log.warning("redrive note failed", queue=redrive.name, reason=str(error))

    def _stays(self, delivery: Delivery, redrive: Redrive) -> bool:
        return not redrive.exhausted and redrives_of(delivery) >= self._limits.redrives_max
