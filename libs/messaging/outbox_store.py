"""The relay's side of the outbox table: all its SQL."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from libs.db.pool import Connection, Row

WAITING = """
SELECT id, event_id, topic, key, event_type, body, attributes, created_at, attempts FROM outbox
WHERE published_at IS NULL AND (topic, key) NOT IN (SELECT * FROM unnest($2::text[], $3::text[]))
  AND NOT ($4 AND EXISTS (SELECT FROM outbox_dead dead WHERE dead.topic = outbox.topic AND dead.key = outbox.key))
ORDER BY id LIMIT $1
"""
MARK = "UPDATE outbox SET published_at = now() WHERE id = ANY($1::bigint[])"
COUNT_ATTEMPT = "UPDATE outbox SET attempts = attempts + 1 WHERE id = ANY($1::bigint[])"
BURY = """
WITH dead AS (DELETE FROM outbox WHERE id = $1 RETURNING *)
INSERT INTO outbox_dead (id, event_id, topic, key, event_type, body, attributes, created_at, reason)
SELECT id, event_id, topic, key, event_type, body, attributes, created_at, $2 FROM dead
"""
REVIVE = """
WITH again AS (DELETE FROM outbox_dead WHERE id = ANY($1::bigint[]) RETURNING *)
INSERT INTO outbox (id, event_id, topic, key, event_type, body, attributes, created_at)
OVERRIDING SYSTEM VALUE
SELECT id, event_id, topic, key, event_type, body, attributes, created_at FROM again
"""
DEAD = """
SELECT id, event_id, topic, key, event_type, created_at, died_at, reason FROM outbox_dead ORDER BY id LIMIT $1
"""
DISCARD = "DELETE FROM outbox_dead WHERE id = ANY($1::bigint[])"
DELETE_KEPT = """
DELETE FROM outbox WHERE id = ANY(
    SELECT id FROM outbox WHERE published_at < now() - $1::interval ORDER BY published_at LIMIT $2
)
"""
REPUBLISH = "UPDATE outbox SET published_at = NULL WHERE published_at >= $1 AND topic = ANY($2::text[])"
# A backlog is counted up to a bound: what is shown is that there is one, and how old it is.
COUNTED = """
SELECT (SELECT count(*) FROM (SELECT 1 FROM outbox WHERE published_at IS NULL LIMIT 100000) AS found) AS waiting,
       coalesce((SELECT extract(epoch FROM now() - created_at) FROM outbox
                 WHERE published_at IS NULL ORDER BY id LIMIT 1), 0)::float8 AS oldest_seconds,
       (SELECT count(*) FROM outbox_dead) AS dead
"""
GENERATIONS = "SELECT topic, generation FROM outbox_topic"
NOTE_GENERATION = """
INSERT INTO outbox_topic (topic, generation) VALUES ($1, $2)
ON CONFLICT (topic) DO UPDATE SET generation = excluded.generation
"""


@dataclass(frozen=True, slots=True)
class OutboxRow:
    """A message that committed."""

    id: int
    event_id: UUID
    topic: str
    key: str
    type: str
    body: str = field(repr=False)
    attributes: dict[str, str]
    created_at: datetime
    attempts: int

    @property
    def lane(self) -> tuple[str, str]:
        """Within this, order is kept."""
        return self.topic, self.key


@dataclass(frozen=True, slots=True)
class DeadRow:
    """A row that the topic refused for good, without its body."""

    id: int
    event_id: UUID
    topic: str
    key: str
    event_type: str
    created_at: datetime
    died_at: datetime
    reason: str


@dataclass(frozen=True, slots=True)
class Counted:
    """What the outbox holds."""

    waiting: int
    oldest_seconds: float
    dead: int


async def counted(connection: Connection) -> Counted:
    """Count what waits, for a gauge."""
    found = await connection.fetchrow(COUNTED)
    assert found is not None
    return Counted(**dict(found))


async def waiting(
    connection: Connection, limit: int, held: Collection[tuple[str, str]], *, blocked: bool = False
) -> list[OutboxRow]:
    """Return the oldest rows that are not published, but for keys held back and, if `blocked`, those of dead rows."""
    topics, keys = [topic for topic, _ in held], [key for _, key in held]
    return [_row(found) for found in await connection.fetch(WAITING, limit, topics, keys, blocked)]


async def mark_published(connection: Connection, ids: Sequence[int]) -> None:
    """Note that the broker has these; they are kept a while for `republish`."""
    await connection.execute(MARK, ids)


async def count_attempts(connection: Connection, ids: Sequence[int]) -> None:
    """Note that the broker refused these."""
    await connection.execute(COUNT_ATTEMPT, ids)


async def bury(connection: Connection, row_id: int, reason: str) -> None:
    """Move a row that the broker will never take out of the way."""
    await connection.execute(BURY, row_id, reason)


async def dead_rows(connection: Connection, limit: int) -> list[DeadRow]:
    """List the oldest dead rows."""
    return [DeadRow(**dict(found)) for found in await connection.fetch(DEAD, limit)]


async def revive(connection: Connection, ids: Sequence[int]) -> int:
    """Put dead rows back where they were; return how many."""
    return int((await connection.execute(REVIVE, ids)).rsplit(" ", 1)[1])


async def discard(connection: Connection, ids: Sequence[int]) -> int:
    """Give dead rows up; return how many."""
    return int((await connection.execute(DISCARD, ids)).rsplit(" ", 1)[1])


async def delete_kept(connection: Connection, keep: timedelta, limit: int) -> int:
    """Delete some of what was published long enough ago; return how many."""
    return int((await connection.execute(DELETE_KEPT, keep, limit)).rsplit(" ", 1)[1])


async def republish(connection: Connection, since: datetime, topics: Collection[str]) -> int:
    """Have what was published since then, and is still kept, published again; return how many."""
    return int((await connection.execute(REPUBLISH, since, list(topics))).rsplit(" ", 1)[1])


async def generations(connection: Connection) -> dict[str, str]:
    """Return the making of each topic that was published to."""
    return {row["topic"]: row["generation"] for row in await connection.fetch(GENERATIONS)}


async def note_generation(connection: Connection, topic: str, generation: str) -> None:
    """Remember the making of a topic."""
    await connection.execute(NOTE_GENERATION, topic, generation)


def _row(found: Row) -> OutboxRow:
    values: dict[str, Any] = dict(found)
    return OutboxRow(type=values.pop("event_type"), **values)
