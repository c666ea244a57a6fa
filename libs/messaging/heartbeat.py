"""Keeps the leases of a queue alive with batched calls, and says at once when one is lost."""

import asyncio
from collections.abc import Callable

import structlog

from libs.messaging.batching import batches
from libs.messaging.leases import Lease, Leases
from libs.messaging.metrics import ConsumerMetrics
from libs.messaging.queue import BrokerUnavailable, Queue, QueueGone, Refusal

log = structlog.get_logger()


class Heartbeat:
    """Runs beside the pollers; `lost` is called once for each lease that ended without us."""

    def __init__(
        self, queue: Queue, leases: Leases, seconds: int, lost: Callable[[Lease], None], metrics: ConsumerMetrics
    ) -> None:
        self._queue = queue
        self._renewals = metrics.heartbeats.labels(queue.name)
        self._failures = metrics.heartbeat_failures.labels(queue.name)
        self._losses = metrics.leases_lost.labels(queue.name)
        self._leases = leases
        self._seconds = seconds
        self._lost = lost
        self._taken = asyncio.Event()
        self._call = asyncio.Lock()

    def noted(self) -> None:
        """Look again: a lease was taken."""
        self._taken.set()

    async def quiet(self) -> None:
        """Wait until no renewal is in the air."""
        async with self._call:
            return

    async def run(self) -> None:
        """Work until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            self._taken.clear()
            for batch in batches(self._leases.due(loop.time())):
                await self._renew(batch)
            for lease in self._leases.lost():
                self._leases.drop(lease)
                self._losses.inc()
                self._lost(lease)
            await self._wait()

    async def _wait(self) -> None:
        """Until the next lease is due; a later one cannot be due sooner than one that is waited for."""
        loop = asyncio.get_running_loop()
        due = self._leases.next_due()
        if due is None:
            await self._taken.wait()
        else:
            await asyncio.sleep(max(0, due - loop.time()))

    async def _renew(self, batch: list[Lease]) -> None:
        loop = asyncio.get_running_loop()
        refusals: list[Refusal | None]
        called_at = loop.time()
        try:
            async with self._call:
                called_at = loop.time()
                refusals = await self._queue.change_visibility([(lease.receipt, self._seconds) for lease in batch])
        except BrokerUnavailable as error:
            log.warning("heartbeat failed", queue=self._queue.name, reason=str(error))
            refusals = [Refusal("BrokerUnavailable", ours=False)] * len(batch)
        except QueueGone:
            refusals = [Refusal("QueueGone", ours=True)] * len(batch)
        for lease, refusal in zip(batch, refusals, strict=True):
            (self._failures if refusal else self._renewals).inc()
            if refusal is None:
                lease.renewed(called_at)
            elif refusal.ours:
                lease.lose()
            else:
                lease.failed(loop.time())
