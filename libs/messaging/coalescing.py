"""Gathers single deletes and give-backs into batch calls, and repeats the entries that failed while it makes sense."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

import structlog

from libs.messaging.batching import batches
from libs.messaging.queue import BATCH_MAX, BrokerUnavailable, QueueGone, Refusal

T = TypeVar("T")
Send = Callable[[Sequence[T]], Awaitable[list[Refusal | None]]]
log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class _Entry(Generic[T]):
    item: T
    deadline: float
    added_at: float


class Coalescer(Generic[T]):
    """Sends at ten entries or after `linger_seconds`, whichever comes first. Nobody waits for it but `flush`."""

    def __init__(
        self,
        what: str,
        send: Send[T],
        *,
        linger_seconds: float,
        retry_seconds: float,
        failed: Callable[[int], None] = lambda _: None,
    ) -> None:
        self._what = what
        self._failed = failed
        self._send = send
        self._linger_seconds = linger_seconds
        self._retry_seconds = retry_seconds
        self._entries: list[_Entry[T]] = []
        # Of a round that is under way, what was not sent yet.
        self._unsent: list[_Entry[T]] = []
        self._some = asyncio.Event()
        self._full = asyncio.Event()

    def add(self, item: T, deadline: float) -> None:
        """Send it soon; give up when the loop's clock passes `deadline`."""
        self._entries.append(_Entry(item, deadline, asyncio.get_running_loop().time()))
        self._some.set()
        if len(self._entries) >= BATCH_MAX:
            self._full.set()

    def oldest(self) -> float | None:
        """Tell when the oldest entry that is not out yet was added, by the loop's clock."""
        entries = self._unsent or self._entries
        return entries[0].added_at if entries else None

    async def run(self) -> None:
        """Work until cancelled; then `flush`."""
        while True:
            await self._some.wait()
            await self._gather(self._linger_seconds)
            if not await self._send_all():
                await asyncio.sleep(self._retry_seconds)

    async def flush(self) -> None:
        """Send everything now, repeating until each entry went through or is too late."""
        while not await self._send_all():  # noqa: ASYNC110 - it is a retry, not a wait for an event
            await asyncio.sleep(self._retry_seconds)

    async def _gather(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._full.wait()
        except TimeoutError:
            return

    async def _send_all(self) -> bool:
        """Send what there is; tell whether nothing is left to repeat."""
        entries, self._entries = self._entries, []
        self._some.clear()
        self._full.clear()
        again: list[_Entry[T]] = []
        # What a cancellation interrupts is still here for the flush that follows it: twice does no harm.
        self._unsent = entries
        try:
            for batch in batches(entries):
                again += await self._send_batch(batch)
                self._unsent = self._unsent[len(batch) :]
        finally:
            left, self._unsent = [*again, *self._unsent], []
            self._keep(left)
        return not again

    def _keep(self, entries: list[_Entry[T]]) -> None:
        if entries:
            self._entries = entries + self._entries
            self._some.set()

    async def _send_batch(self, batch: list[_Entry[T]]) -> list[_Entry[T]]:
        now = asyncio.get_running_loop().time()
        try:
            refusals = await self._send([entry.item for entry in batch])
        except (BrokerUnavailable, QueueGone) as error:
            refusals = [Refusal(type(error).__name__, ours=isinstance(error, QueueGone))] * len(batch)
        failed = [(entry, refusal) for entry, refusal in zip(batch, refusals, strict=True) if refusal]
        if failed:
            self._failed(len(failed))
        lost = [refusal.code for entry, refusal in failed if refusal.ours or entry.deadline <= now]
        if lost:
            # The broker will deliver these again; that is harmless, but should be rare.
            log.warning("batch entries given up", call=self._what, entries=len(lost), codes=sorted(set(lost)))
        return [entry for entry, refusal in failed if not refusal.ours and entry.deadline > now]
