"""The queue that the triggers write to: what is ready, what was published, what could not be."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from libs.db.pool import Connection, Database, Row

QUEUE = "XTAG_DPS"
CHANNEL = "xtag"
TAKE = """
SELECT id, event_id, jms_type, payload, enqueued_at, attempts FROM xtag_listener_tab
WHERE state = 'ready' AND next_attempt_at <= clock_timestamp() AND enqueued_at <= clock_timestamp() - $2::interval
ORDER BY id LIMIT $1 FOR UPDATE SKIP LOCKED
"""
DONE = "UPDATE xtag_listener_tab SET state = 'done', done_at = now(), reason = $2 WHERE id = ANY($1::bigint[])"
# The first attempt is not a retry.
FAILED = """
UPDATE xtag_listener_tab SET attempts = attempts + 1, reason = $2, next_attempt_at = clock_timestamp() + $4::interval,
    state = CASE WHEN attempts >= $3 THEN 'exception' ELSE 'ready' END
WHERE id = ANY($1::bigint[])
"""
REQUEUE = """
UPDATE xtag_listener_tab SET state = 'ready', attempts = 0, next_attempt_at = now(), enqueued_at = now()
WHERE id IN (SELECT id FROM xtag_listener_tab WHERE state = 'exception' AND original_queue = $1 AND id > $3
    ORDER BY id LIMIT $2 FOR UPDATE SKIP LOCKED)
RETURNING id
"""
DISCARD = """
DELETE FROM xtag_listener_tab WHERE state = 'exception' AND original_queue = $1
    AND ($2::timestamptz IS NULL OR enqueued_at < $2)
"""
REPUBLISH = """
UPDATE xtag_listener_tab SET state = 'ready', attempts = 0, next_attempt_at = now(), done_at = NULL
WHERE state = 'done' AND jms_type IS NOT NULL AND ($1::timestamptz IS NULL OR done_at >= $1)
"""
DELETE_KEPT = """
DELETE FROM xtag_listener_tab WHERE id = ANY(ARRAY(SELECT id FROM xtag_listener_tab
    WHERE state = 'done' AND done_at < now() - $1::interval ORDER BY done_at LIMIT $2))
"""
COUNTS = "SELECT state, count(*) FROM xtag_listener_tab WHERE state <> 'done' GROUP BY state"
GENERATION = "SELECT generation FROM xtag_topic WHERE topic = $1 FOR UPDATE"
NOTE_GENERATION = """
INSERT INTO xtag_topic (topic, generation) VALUES ($1, $2)
ON CONFLICT (topic) DO UPDATE SET generation = excluded.generation
"""


@dataclass(frozen=True, slots=True)
class XtagRow:
    """A map message as a trigger enqueued it."""

    id: int
    event_id: UUID
    kind: str | None
    entries: dict[str, str] = field(repr=False)
    enqueued_at: datetime
    attempts: int


class Xtag:
    """The queue's table."""

    def __init__(self, database: Database) -> None:
        self.database = database

    async def requeue(self, queue: str, limit: int, chunk: int) -> int:
        """Move what could not be published back, oldest first, some at a time; return how many."""
        moved, last = 0, 0
        while moved < limit:
            ids = [row[0] for row in await self.database.fetch(REQUEUE, queue, min(chunk, limit - moved), last)]
            moved += len(ids)
            if len(ids) < chunk:
                break
            last = max(ids)
        await self._hint(moved)
        return moved

    async def discard(self, queue: str, only_before: datetime | None) -> int:
        """Delete what could not be published."""
        return _count(await self.database.execute(DISCARD, queue, only_before))

    async def republish(self, since: datetime | None) -> int:
        """Have what was published since then, and is still kept, published again."""
        count = _count(await self.database.execute(REPUBLISH, since))
        await self._hint(count)
        return count

    async def delete_kept(self, kept_seconds: float, limit: int) -> None:
        """Delete some of what was published long enough ago."""
        await self.database.execute(DELETE_KEPT, timedelta(seconds=kept_seconds), limit)

    async def counts(self) -> dict[str, int]:
        """Count what is ready and what could not be published."""
        return {row[0]: row[1] for row in await self.database.fetch(COUNTS)}

    async def note_generation(self, topic: str, generation: str) -> int:
        """Note which making of the topic there is; if it is a new one, have everything kept published again."""
        async with self.database.transaction() as tx:
            known = await tx.fetchval(GENERATION, topic)
            if known == generation:
                return 0
            await tx.execute(NOTE_GENERATION, topic, generation)
            return 0 if known is None else _count(await tx.execute(REPUBLISH, None))

    async def _hint(self, count: int) -> None:
        if count:
            await self.database.execute("SELECT pg_notify($1, '')", CHANNEL)


async def take(tx: Connection, limit: int, delay_seconds: float) -> list[XtagRow]:
    """Take the oldest rows that are due and that nobody else has; they are ours until the transaction ends."""
    return [_row(row) for row in await tx.fetch(TAKE, limit, timedelta(seconds=delay_seconds))]


async def mark_done(tx: Connection, ids: Sequence[int], reason: str | None = None) -> None:
    """Note that these went out."""
    if ids:
        await tx.execute(DONE, ids, reason)


async def mark_failed(tx: Connection, row_id: int, reason: str, max_retries: int, delay_seconds: float) -> None:
    """Count an attempt; the one too many moves the row to the exception queue."""
    await tx.execute(FAILED, [row_id], reason, max_retries, timedelta(seconds=delay_seconds))


def _row(row: Row) -> XtagRow:
    return XtagRow(*row)


def _count(tag: str) -> int:
    return int(tag.rsplit(" ", 1)[1])
