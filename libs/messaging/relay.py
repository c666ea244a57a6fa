"""Publishes what committed, in order within a key, at least once: one leader, one row per key at a time, in batches."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

import asyncpg
import structlog
from prometheus_client import CollectorRegistry
from pydantic import BaseModel, NonNegativeFloat, PositiveFloat, PositiveInt

from libs.db.pool import Connection, Database
from libs.messaging import outbox_store as store
from libs.messaging.metrics import RelayMetrics
from libs.messaging.outbox import ASLEEP_LOCK, CHANNEL
from libs.messaging.outbox_store import OutboxRow
from libs.messaging.publishing import Published, publish_round
from libs.messaging.queue import BrokerUnavailable, QueueGone, Topic
from libs.messaging.supervision import frames, pause

LEADER_LOCK = 7_265_012
SELF_TEST = "self-test"
ALWAYS = datetime(1970, 1, 1, tzinfo=UTC)
log = structlog.get_logger()


class RelaySettings(BaseModel, frozen=True):
    """Every bound of the relay."""

    poll_seconds: PositiveFloat = 1
    # While writers are about to commit, who found us awake and therefore will not send a hint.
    busy_poll_seconds: PositiveFloat = 0.01
    rows_max: PositiveInt = 1000
    calls_in_flight_max: PositiveInt = 4
    retry_seconds: PositiveFloat = 1
    # Tries of a row that the topic refuses for good; then it is dead.
    refusals_max: PositiveInt = 3
    # What becomes of a dead row's key: its later rows wait until somebody decides, or flow on, which suits messages
    # only where they do not build on each other (ADR 0021).
    dead_rows: Literal["skip", "block"] = "block"
    keep_seconds: PositiveFloat = 3600
    delete_every_seconds: PositiveFloat = 60
    delete_rows_max: PositiveInt = 5000
    count_every_seconds: PositiveFloat = 5
    # How often it is seen whether notifications arrive, and how long one may take: behind a pooler that hands
    # connections from transaction to transaction they are lost, and rows are found by polling alone.
    listen_check_seconds: PositiveFloat = 60
    listen_answer_seconds: PositiveFloat = 1
    # How often the topics are looked at for having been made anew; 0 where brokers do not forget.
    generation_seconds: NonNegativeFloat = 5
    # A leader that took over waits for calls which the one before may still have in the air.
    takeover_seconds: NonNegativeFloat = 5


class Relay:
    """May run in every replica; the one that holds the lock works, over the connection that holds it."""

    def __init__(
        self,
        database: Database,
        topics: Mapping[str, Topic],
        settings: RelaySettings | None = None,
        *,
        now: Callable[[], datetime],
        metrics: RelayMetrics | None = None,
    ) -> None:
        # Without a registry of the process's the numbers are there and nobody sees them.
        self._metrics = metrics or RelayMetrics(CollectorRegistry())
        self._metrics.blocked_keys.set_function(lambda: len(self._held))
        self._database = database
        self._topics = topics
        self._settings = settings or RelaySettings()
        self._now = now
        self._hint = asyncio.Event()
        self._heard = asyncio.Event()
        self._held: dict[tuple[str, str], float] = {}
        self._due: dict[str, float] = {}
        # Whether another led when we last looked; its last call may still be in the air when we take over.
        self._rival = False

    async def run(self, stop: asyncio.Event) -> None:
        """Work until `stop` is set; a lost connection or broker is waited for."""
        watcher = asyncio.create_task(self._wake_at(stop))
        try:
            while not stop.is_set():
                try:
                    await self._lead(stop)
                except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
                    log.warning("relay lost its database", reason=type(error).__name__)
                    await pause(stop, self._settings.retry_seconds)
                except Exception as error:  # noqa: BLE001 - a relay that died must not be only a line in a log
                    log.error("relay failed", error=type(error).__name__, frames=frames(error))  # noqa: TRY400 - no text
                    await pause(stop, self._settings.retry_seconds)
        finally:
            watcher.cancel()
            await asyncio.wait([watcher])

    async def republish(self, since: datetime) -> int:
        """Publish again what was published since then and is still kept, e.g. after the broker forgot it."""
        async with self._database.transaction() as tx:
            count = await store.republish(tx, since, list(self._topics))
        self._hint.set()
        return count

    @property
    def _blocks(self) -> bool:
        return self._settings.dead_rows == "block"

    async def _wake_at(self, stop: asyncio.Event) -> None:
        await stop.wait()
        self._hint.set()

    async def _lead(self, stop: asyncio.Event) -> None:
        async with AsyncExitStack() as stack:
            connection = await stack.enter_async_context(self._database.connection())
            if not await self._elected(connection, stop):
                return
            log.info("relay leads")
            self._metrics.leader.set(1)
            stack.callback(self._metrics.leader.set, 0)
            await stack.enter_async_context(self._listening(connection))
            while not stop.is_set():
                self._hint.clear()
                await self._look_after(connection)
                if not await self._publish_waiting(connection, stop):
                    await self._sleep(connection)

    async def _elected(self, connection: Connection, stop: asyncio.Event) -> bool:
        """Wait for the lock; true once we lead. Session state, so the pool's reset gives it up.

        A rival is remembered over lost connections: when the database restarts, both of us come back to a free lock.
        """
        while not stop.is_set():
            if await connection.fetchval("SELECT pg_try_advisory_lock($1)", LEADER_LOCK):
                if self._rival:
                    await pause(stop, self._settings.takeover_seconds)
                self._rival = False
                return True
            self._rival = True
            await pause(stop, self._settings.poll_seconds)
        return False

    @asynccontextmanager
    async def _listening(self, connection: Connection) -> AsyncIterator[None]:
        """Hints only: where notifications get lost, the poll finds the rows a second later."""

        def hinted(_connection: Any, _process: int, _channel: str, payload: object) -> None:
            (self._heard if payload == SELF_TEST else self._hint).set()

        await connection.add_listener(CHANNEL, hinted)
        self._due.pop("listening", None)
        try:
            yield
        finally:
            self._metrics.listener_up.set(0)
            await connection.remove_listener(CHANNEL, hinted)
            if connection.is_closed():
                # The listener is still there; a connection that goes back to the pool with one is complained about.
                connection.terminate()

    async def _sleep(self, connection: Connection) -> None:
        """Until a hint or the next poll. Writers that find us asleep send a hint; those before us we look for again."""
        if not await connection.fetchval("SELECT pg_try_advisory_lock($1)", ASLEEP_LOCK):
            await self._doze(self._settings.busy_poll_seconds)
            return
        try:
            if not await store.waiting(connection, 1, self._held, blocked=self._blocks):
                await self._doze(self._settings.poll_seconds)
        finally:
            if not connection.is_closed():
                await connection.execute("SELECT pg_advisory_unlock($1)", ASLEEP_LOCK)

    async def _doze(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._hint.wait()
        except TimeoutError:
            return

    async def _look_after(self, connection: Connection) -> None:
        """Do what is due from time to time, and let held keys try again."""
        now = asyncio.get_running_loop().time()
        self._held = {lane: until for lane, until in self._held.items() if until > now}
        if self._is_due("listening", self._settings.listen_check_seconds, now):
            await self._check_listening()
        if self._is_due("generations", self._settings.generation_seconds, now):
            await self._notice_new_topics(connection)
        if self._is_due("counting", self._settings.count_every_seconds, now):
            counted = await store.counted(connection)
            self._metrics.pending.set(counted.waiting)
            self._metrics.oldest.set(counted.oldest_seconds)
            self._metrics.dead.set(counted.dead)
        if self._is_due("deletion", self._settings.delete_every_seconds, now):
            keep = timedelta(seconds=self._settings.keep_seconds)
            if (
                await store.delete_kept(connection, keep, self._settings.delete_rows_max)
                == self._settings.delete_rows_max
            ):
                self._due["deletion"] = now

    async def _check_listening(self) -> None:
        """Send ourselves a notification by another connection, as writers do."""
        self._heard.clear()
        try:
            async with asyncio.timeout(self._settings.listen_answer_seconds):
                await self._database.execute("SELECT pg_notify($1, $2)", CHANNEL, SELF_TEST)
                await self._heard.wait()
        except TimeoutError:
            self._metrics.listener_up.set(0)
            log.warning("notifications do not arrive", poll_seconds=self._settings.poll_seconds)
        else:
            self._metrics.listener_up.set(1)

    def _is_due(self, what: str, every_seconds: float, now: float) -> bool:
        if not every_seconds or self._due.get(what, 0) > now:
            return False
        self._due[what] = now + every_seconds
        return True

    async def _notice_new_topics(self, connection: Connection) -> None:
        """Publish what is kept to topics that were made anew: what the old broker held is gone."""
        known = await store.generations(connection)
        for name, topic in self._topics.items():
            try:
                generation = await topic.generation()
            except (BrokerUnavailable, QueueGone):
                continue
            if generation is None or generation == known.get(name):
                continue
            async with connection.transaction():
                count = await store.republish(connection, ALWAYS, [name]) if name in known else 0
                await store.note_generation(connection, name, generation)
            log.info("topic was made anew", topic=name, republished=count)

    async def _publish_waiting(self, connection: Connection, stop: asyncio.Event) -> bool:
        """Publish the oldest rows; tell whether any of them went out, so that there may be more."""
        rows = await store.waiting(connection, self._settings.rows_max, self._held, blocked=self._blocks)
        lanes: dict[tuple[str, str], deque[OutboxRow]] = {}
        for row in rows:
            lanes.setdefault(row.lane, deque()).append(row)
        some = False
        while lanes and not stop.is_set():
            heads = [lane[0] for lane in lanes.values()]
            with self._metrics.publish_seconds.time():
                results = await publish_round(heads, self._topics, self._settings.calls_in_flight_max, self._now)
            if not await self._note(connection, results, lanes):
                break
            some = True
        return some

    async def _note(
        self, connection: Connection, results: list[Published], lanes: dict[tuple[str, str], deque[OutboxRow]]
    ) -> bool:
        """Mark what went out and go on with its key; hold the key of what did not."""
        gone = [result.row for result in results if result.refusal is None]
        failed = [result for result in results if result.refusal is not None]
        if gone:
            await store.mark_published(connection, [row.id for row in gone])
        for row in gone:
            lanes[row.lane].popleft()
            if not lanes[row.lane]:
                del lanes[row.lane]
        for result in results:
            outcome = "ok" if result.refusal is None else "refused" if result.refusal.ours else "failed"
            self._metrics.published.labels(result.row.topic, outcome).inc()
            self._metrics.trace_dropped.inc(result.untraced)
        moment = sorted({result.refusal.code for result in failed if result.refusal and not result.refusal.ours})
        if moment:
            log.warning("publish failed", rows=len(failed), codes=moment)
        for result in failed:
            del lanes[result.row.lane]
            self._held[result.row.lane] = asyncio.get_running_loop().time() + self._settings.retry_seconds
            await self._note_refusal(connection, result)
        return bool(gone)

    async def _note_refusal(self, connection: Connection, result: Published) -> None:
        row, refusal = result.row, result.refusal
        assert refusal is not None
        if not refusal.ours:
            return
        ids = {"topic": row.topic, "key": row.key, "event_id": str(row.event_id), "code": refusal.code}
        await store.count_attempts(connection, [row.id])
        if row.attempts + 1 < self._settings.refusals_max:
            log.warning("publish refused", **ids)
            return
        await store.bury(connection, row.id, refusal.code)
        log.error("outbox row dead", **ids)
