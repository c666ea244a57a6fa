"""Takes what the triggers enqueued to the topic: at least once, a row being done only when it was published.

Any number of these may run, here and in other replicas: a row is locked while it is being published.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import datetime
from typing import Any

import structlog

from libs.messaging.metrics import PublishMetrics
from libs.messaging.queue import BATCH_MAX, BrokerUnavailable, Parcel, QueueGone, Refusal, Topic
from libs.messaging.supervision import beside, pause
from services.nomis.settings import RelaySettings
from services.nomis.store.xtag import CHANNEL, QUEUE, Xtag, XtagRow, mark_done, mark_failed, take
from services.nomis.views.event import EventUnreadable, event_body, published_at

NO_TYPE = "no JMS type"
log = structlog.get_logger()


class Relay:
    """The loops around one queue and one topic."""

    def __init__(
        self, xtag: Xtag, topic: Topic, settings: RelaySettings, now: Callable[[], datetime], metrics: PublishMetrics
    ) -> None:
        self._xtag = xtag
        self._topic = topic
        self._settings = settings
        self._now = now
        self._metrics = metrics
        self._hint = asyncio.Event()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Work while the block lasts."""
        settings = self._settings
        async with AsyncExitStack() as stack:
            loops: list[tuple[str, Callable[[], Awaitable[None]]]] = [
                ("xtag-listener", self._listen),
                ("xtag-generation", self._every(settings.generation_seconds, self.notice_new_topic)),
                ("xtag-counts", self._every(settings.count_every_seconds, self.count)),
                ("xtag-housekeeping", self._every(settings.housekeeping_seconds, self.keep_house)),
                *((f"xtag-consumer-{n}", self._consume) for n in range(settings.consumers)),
            ]
            for name, loop in loops:
                await stack.enter_async_context(beside(name, loop, settings.poll_seconds))
            yield

    async def publish_ready(self) -> int:
        """Publish one batch of what is due; return how many rows were looked at."""
        settings = self._settings
        async with self._xtag.database.transaction() as tx:
            rows = await take(tx, settings.batch, settings.publish_delay_seconds)
            with self._metrics.publish_seconds.time():
                failures = await self._publish(rows)
            untyped = [row.id for row in rows if row.kind is None]
            await mark_done(tx, untyped, NO_TYPE)
            await mark_done(tx, [row.id for row in rows if row.kind is not None and row.id not in failures])
            for row_id, reason in failures.items():
                await mark_failed(tx, row_id, reason, settings.max_retries, settings.retry_delay_seconds)
        published = len(rows) - len(failures) - len(untyped)
        self._metrics.published.labels(self._topic.name, "ok").inc(published)
        self._metrics.published.labels(self._topic.name, "failed").inc(len(failures))
        if failures:
            log.warning("publish-failed", events=len(failures), reasons=dict(Counter(failures.values())))
        if untyped:
            log.warning("event-without-type-dropped", events=len(untyped))
        if published:
            log.info("published", events=published)
        return len(rows)

    async def count(self) -> None:
        """Count what waits and what could not be published, for `/metrics`."""
        counts = await self._xtag.counts()
        self._metrics.pending.set(counts.get("ready", 0))
        self._metrics.dead.set(counts.get("exception", 0))

    async def keep_house(self) -> None:
        """Give what could not be published another try, and delete what was, long ago."""
        settings = self._settings
        moved = await self._xtag.requeue(QUEUE, settings.housekeeping_page, settings.housekeeping_chunk)
        if moved:
            log.info("RetryDLQ", events=moved)
        await self._xtag.delete_kept(settings.kept_seconds, settings.deleted_at_once_max)

    async def notice_new_topic(self) -> None:
        """Publish what is kept to a topic that was made anew: the broker before it took its messages along."""
        try:
            generation = await self._topic.generation()
        except (BrokerUnavailable, QueueGone):
            return
        if generation is None:
            return
        again = await self._xtag.note_generation(self._topic.name, generation)
        if again:
            log.info("topic-made-anew", republished=again)
            # What ran out of tries while there was no broker is not to wait for the next round.
            await self.keep_house()
            self._hint.set()

    async def _publish(self, rows: list[XtagRow]) -> dict[int, str]:
        """Publish, some calls at a time; return why for each row that did not go out."""
        failures: dict[int, str] = {}
        parcels: list[tuple[XtagRow, Parcel]] = []
        for row in rows:
            if row.kind is None:
                continue
            try:
                parcels.append((row, self._parcel(row, row.kind)))
            except EventUnreadable as unreadable:
                failures[row.id] = str(unreadable)
        calls = asyncio.Semaphore(self._settings.calls_in_flight_max)

        async def send(batch: list[tuple[XtagRow, Parcel]]) -> None:
            async with calls:
                results = await self._sent([parcel for _, parcel in batch])
            for (row, _), refusal in zip(batch, results, strict=True):
                if refusal is not None:
                    failures[row.id] = refusal.code

        async with asyncio.TaskGroup() as group:
            for start in range(0, len(parcels), BATCH_MAX):
                group.create_task(send(parcels[start : start + BATCH_MAX]))
        return failures

    async def _sent(self, parcels: list[Parcel]) -> list[Refusal | None]:
        try:
            return await self._topic.publish(parcels)
        except (BrokerUnavailable, QueueGone) as gone:
            return [Refusal(type(gone).__name__, ours=False)] * len(parcels)

    def _parcel(self, row: XtagRow, kind: str) -> Parcel:
        attributes = {"eventType": kind, "publishedAt": published_at(self._now()), "eventId": str(row.event_id)}
        body = event_body(kind, row.entries, row.enqueued_at)
        return Parcel(body, attributes, group=row.entries.get("p_internal_location_id"))

    async def _consume(self) -> None:
        while True:
            self._hint.clear()
            if not await self.publish_ready():
                await self._doze()

    async def _doze(self) -> None:
        """Until a hint, or the next poll: hints get lost."""
        try:
            async with asyncio.timeout(self._settings.poll_seconds):
                await self._hint.wait()
        except TimeoutError:
            return

    async def _listen(self) -> None:
        def hinted(*_: Any) -> None:
            self._hint.set()

        gone = asyncio.Event()

        def ended(_: Any) -> None:
            gone.set()

        async with self._xtag.database.connection() as connection:
            connection.add_termination_listener(ended)
            await connection.add_listener(CHANNEL, hinted)
            try:
                await gone.wait()
            finally:
                connection.remove_termination_listener(ended)
                await connection.remove_listener(CHANNEL, hinted)
                if connection.is_closed():
                    # A connection that goes back to the pool with a listener, even a dead one, is complained about.
                    connection.terminate()
        raise ConnectionResetError("the listener's connection is gone")

    def _every(self, seconds: float, act: Callable[[], Awaitable[None]]) -> Callable[[], Awaitable[None]]:
        async def loop() -> None:
            while True:
                await act()
                await pause(asyncio.Event(), seconds)

        return loop
