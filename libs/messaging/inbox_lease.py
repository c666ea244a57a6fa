"""Handles a message at least once and repeats little, for handlers whose effects are calls to others.

A short transaction claims the message, the handler works without one, a second marks it done. A copy that comes
meanwhile waits until the claim is over; a process that died leaves its claim to run out. What a step brought is kept: a
repetition goes on behind the last one, so that at most one step is repeated, under the same idempotency key.

`inbox.py` is for handlers that write our own database: there effect and row commit together, and nothing is repeated.
As with that one, no service of ours needs it: the merge walk may be repeated whole (ADR 0024).
"""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import structlog
from prometheus_client import CollectorRegistry
from pydantic import PositiveFloat

from libs.db.pool import Database
from libs.messaging.endings import Handler
from libs.messaging.message import Message
from libs.messaging.outcome import Ignored, Outcome, RetryLater, Unprocessable
from libs.messaging.remembered import DUPLICATE, Remembered, RememberedSettings, digest_of
from libs.telemetry.metrics import counter

# `reclaimed` is true where an earlier claim had run out: its owner died, or took too long.
CLAIM = """
INSERT INTO inbox_claim AS own (consumer, message_id, body_hash, told_at, owner, claimed_until)
VALUES ($1, $2, $3, $4, $5, now() + $6::interval)
ON CONFLICT (consumer, message_id) DO UPDATE SET owner = excluded.owner, claimed_until = excluded.claimed_until
  WHERE NOT own.done AND own.claimed_until <= now() AND own.body_hash = excluded.body_hash
RETURNING xmax <> 0 AS reclaimed
"""
LOOK = """
SELECT body_hash, done, extract(epoch FROM claimed_until - now())::float8 AS seconds
  FROM inbox_claim WHERE consumer = $1 AND message_id = $2
"""
FINISH = """
UPDATE inbox_claim SET done = true WHERE consumer = $1 AND message_id = $2 AND owner = $3 AND NOT done RETURNING true
"""
RELEASE = """
UPDATE inbox_claim SET claimed_until = now() WHERE consumer = $1 AND message_id = $2 AND owner = $3 AND NOT done
"""
FORGET = "DELETE FROM inbox_claim WHERE consumer = $1 AND message_id = $2"
STEP = "SELECT result FROM inbox_step WHERE consumer = $1 AND message_id = $2 AND name = $3"
KEEP_STEP = """
INSERT INTO inbox_step (consumer, message_id, name, result) VALUES ($1, $2, $3, $4)
ON CONFLICT (consumer, message_id, name) DO NOTHING
"""
PRUNE = """
DELETE FROM inbox_claim WHERE ctid = ANY(ARRAY(
    SELECT ctid FROM inbox_claim WHERE told_at < $1 ORDER BY told_at LIMIT $2 FOR UPDATE SKIP LOCKED
))
"""
log = structlog.get_logger()


class LeaseSettings(RememberedSettings, frozen=True):
    """How long a claim lasts, and what is kept."""

    # Longer than a handler may take, or a copy would begin beside it.
    claim_seconds: PositiveFloat = 120


class Steps:
    """The calls that one message makes, each remembered by its name."""

    def __init__(self, database: Database, consumer: str, message_id: str) -> None:
        self._database = database
        self._consumer = consumer
        self._message_id = message_id

    def key(self, name: str) -> str:
        """Return what to send as `Idempotency-Key`: the same for every repetition of this step."""
        return f"{self._consumer}:{self._message_id}:{name}"

    async def once(self, name: str, call: Callable[[], Awaitable[Any]]) -> Any:
        """Make a call, or return what it brought before (JSON). A crash between call and note repeats the call."""
        found = await self._database.fetchrow(STEP, self._consumer, self._message_id, name)
        if found is not None:
            return found["result"]
        result = await call()
        await self._database.execute(KEEP_STEP, self._consumer, self._message_id, name, result)
        return result


InSteps = Callable[[Message, Steps], Awaitable[Outcome]]


class InboxLease(Remembered):
    """The messages of one consumer, by name; several may share a database."""

    FORGET = FORGET
    PRUNE = PRUNE

    def __init__(
        self,
        database: Database,
        consumer: str,
        settings: LeaseSettings | None = None,
        *,
        now: Callable[[], datetime],
        registry: CollectorRegistry | None = None,
        new_owner: Callable[[], UUID] = uuid4,
    ) -> None:
        self._settings = settings or LeaseSettings()
        super().__init__(database, consumer, self._settings, now)
        self._new_owner = new_owner
        registry = registry or CollectorRegistry()
        self._duplicates = counter(
            registry, "messaging_inbox_lease_duplicates", "Messages that had been handled", ("queue",)
        )
        self._reclaimed = counter(
            registry, "messaging_inbox_reclaimed", "Messages whose first handler never ended", ("queue",)
        )

    def leased(self, handler: InSteps) -> Handler:
        """Make a handler of one that takes steps."""

        async def handle(message: Message) -> Outcome:
            self._refuse_expired(message)
            owner = self._new_owner()
            if not await self._claimed(message, owner):
                return Ignored(DUPLICATE)
            try:
                outcome = await handler(message, Steps(self._database, self._consumer, message.id))
            except BaseException:
                # The next try need not wait for the claim to run out.
                await self._database.execute(RELEASE, self._consumer, message.id, owner)
                raise
            if not await self._database.fetchval(FINISH, self._consumer, message.id, owner):
                log.warning("claim lost before the end", queue=message.queue, id=message.id)
            return outcome

        return handle

    async def _claimed(self, message: Message, owner: UUID) -> bool:
        """Claim it; false for a duplicate. Raises RetryLater while another has it, Unprocessable for another body."""
        digest, claim = digest_of(message), timedelta(seconds=self._settings.claim_seconds)
        given = (self._consumer, message.id, digest, message.told_at, owner, claim)
        taken = await self._database.fetchrow(CLAIM, *given)
        if taken is not None:
            self._reclaimed.labels(message.queue).inc(taken["reclaimed"])
            return True
        found = await self._database.fetchrow(LOOK, self._consumer, message.id)
        if found is None:
            raise RetryLater("its claim was forgotten meanwhile")
        if found["body_hash"] != digest:
            raise Unprocessable("id: known with another body")
        if not found["done"]:
            raise RetryLater("a copy of it is being handled", timedelta(seconds=max(0, found["seconds"])))
        self._duplicates.labels(message.queue).inc()
        return False
