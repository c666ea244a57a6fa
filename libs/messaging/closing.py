"""Carries out how a message ends: deleted, given back for later or at once, or put into the dead-letter queue."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import datetime

import structlog

from libs.messaging.backoff import Backoff, bounded, is_last
from libs.messaging.burial import buried, renewed
from libs.messaging.coalescing import Coalescer, Send
from libs.messaging.endings import Ending
from libs.messaging.groups import Groups
from libs.messaging.leases import Lease, State
from libs.messaging.limits import ConsumerLimits
from libs.messaging.metrics import ConsumerMetrics
from libs.messaging.parking import parked
from libs.messaging.queue import BrokerUnavailable, Delivery, Parcel, Queue, QueueGone, Refusal, is_fifo
from libs.messaging.records import End
from libs.messaging.supervision import beside

log = structlog.get_logger()


class Closing:
    """Deletes and give-backs go out in batches a moment later; a burial is waited for, as the delete depends on it."""

    def __init__(
        self,
        queue: Queue,
        limits: ConsumerLimits,
        backoff: Backoff,
        quiet: Callable[[], Awaitable[None]],
        now: Callable[[], datetime],
        groups: Groups,
        metrics: ConsumerMetrics,
        aside: Queue | None,
    ) -> None:
        self._queue = queue
        # Without a queue for them held messages are given back again and again, and end in the dead-letter queue.
        self._aside = aside
        self._metrics = metrics
        self._groups = groups
        self._backoff = backoff
        self._quiet = quiet
        self._now = now
        linger, self._retry = limits.delete_linger_seconds, limits.call_retry_seconds
        self._deletes = Coalescer(
            "delete",
            queue.delete,
            linger_seconds=linger,
            retry_seconds=self._retry,
            failed=metrics.ack_failures.labels(queue.name).inc,
        )
        self._give_backs = Coalescer(
            "give back",
            queue.change_visibility,
            linger_seconds=0,
            retry_seconds=self._retry,
            failed=metrics.backoff_failures.labels(queue.name).inc,
        )
        self.max_receives: int | None = None

    @asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        """Send batches while the block lasts, and all that is left at its end."""
        async with AsyncExitStack() as stack:
            stack.push_async_callback(self._give_backs.flush)
            stack.push_async_callback(self._deletes.flush)
            await stack.enter_async_context(beside("deletes", self._deletes.run, self._retry))
            await stack.enter_async_context(beside("give-backs", self._give_backs.run, self._retry))
            yield

    def behind_seconds(self, now: float) -> float:
        """Tell how long the oldest delete that is not out yet has waited."""
        oldest = self._deletes.oldest()
        return 0.0 if oldest is None else now - oldest

    async def end(self, delivery: Delivery, lease: Lease, ending: Ending) -> End:
        """End the message as it deserves; a lost lease ends nothing."""
        deleted = ending.surely and await self._deleted(lease)
        if not lease.end():
            await self._give_back(delivery, None)
            return "lost"
        if ending.delete:
            if not deleted:
                self._deletes.add(lease.receipt, lease.deadline)
            return "done" if ending.outcome == "done" else "ignored"
        if ending.outcome == "held" and await self._park(delivery):
            self._deletes.add(lease.receipt, lease.deadline)
            return "parked"
        last = is_last(delivery.receive_count, self.max_receives)
        if last and ending.away and await self._renew(delivery, lease, ending):
            self._deletes.add(lease.receipt, lease.deadline)
            return "renewed"
        if (last or ending.outcome == "unprocessable") and await self._bury(delivery, ending.reason):
            self._deletes.add(lease.receipt, lease.deadline)
            why = "unprocessable" if ending.outcome == "unprocessable" else "last attempt"
            self._metrics.dead_lettered.labels(self._queue.name, why).inc()
            return "dead"
        await self._give_back(delivery, lease, 0 if last else self._wait(delivery, lease, ending))
        return "failed" if ending.outcome in {"failed", "unprocessable"} else "retry"

    async def release(self, delivery: Delivery, lease: Lease) -> None:
        """Give a message back at once that was not handled, and what waits behind it in its group."""
        await self._give_back(delivery, lease if lease.end() else None)

    async def _deleted(self, lease: Lease) -> bool:
        """Delete a message whose lease is kept meanwhile, however often that fails; false once the lease is lost."""
        while lease.state is State.HELD:
            try:
                [refusal] = await self._queue.delete([lease.receipt])
            except (BrokerUnavailable, QueueGone) as error:
                refusal = Refusal(type(error).__name__, ours=isinstance(error, QueueGone))
            if refusal is None:
                return True
            self._metrics.ack_failures.labels(self._queue.name).inc()
            if refusal.ours:
                return False
            await asyncio.sleep(self._retry)
        return False

    def _wait(self, delivery: Delivery, lease: Lease, ending: Ending) -> int:
        held = asyncio.get_running_loop().time() - lease.received_at
        if ending.delay is not None:
            return bounded(ending.delay.total_seconds(), held)
        return self._backoff.wait(delivery.receive_count, held)

    async def _give_back(self, delivery: Delivery, lease: Lease | None, seconds: int = 0) -> None:
        """Give it back, and before it what waits behind it in its group, the newest first: so none overtakes it."""
        # At once, or the next of the group would begin.
        behind = [each for each in self._groups.fall(delivery.group) if each.end()]
        # A heartbeat in the air could land after this and hide the messages for longer than planned.
        await self._quiet()
        for each in behind:
            self._give_backs.add((each.receipt, 0), each.deadline)
        if lease is not None:
            self._give_backs.add((lease.receipt, seconds), lease.deadline)

    async def _bury(self, delivery: Delivery, reason: str) -> bool:
        """Copy it to the dead-letter queue; a crash before the delete leaves two copies there, never none."""
        return await self._copied(self._queue.send_dead, buried(delivery, reason, self._now()), delivery)

    async def _renew(self, delivery: Delivery, lease: Lease, ending: Ending) -> bool:
        """Copy it to the end of its own queue, so that an outage dead-letters nothing; a group would lose its order."""
        if is_fifo(self._queue.name):
            return False
        return await self._copied(self._queue.send, renewed(delivery, self._wait(delivery, lease, ending)), delivery)

    async def _park(self, delivery: Delivery) -> bool:
        """Copy it to the queue of what is held; a crash before the delete leaves two copies, never none."""
        return self._aside is not None and await self._copied(self._aside.send, parked(delivery), delivery)

    async def _copied(self, send: Send[Parcel], parcel: Parcel, delivery: Delivery) -> bool:
        try:
            [refusal] = await send([parcel])
        except (BrokerUnavailable, QueueGone) as error:
            log.warning("copy failed", queue=self._queue.name, id=delivery.message_id, reason=str(error))
            return False
        if refusal is not None:
            log.warning("copy failed", queue=self._queue.name, id=delivery.message_id, reason=refusal.code)
        return refusal is None
