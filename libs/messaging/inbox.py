"""Handles a message once, for handlers that write our own database: its row commits with their effect.

The row is the transaction's first statement. A second copy waits on it until the first has committed (a duplicate) or
rolled back (then it goes ahead), so nothing is ever "in progress". Rows are kept for longer than a message can live; an
older message is not run unprotected. Whoever uses it calls `prune` from time to time.

No service of ours needs it, so none has it: the workers' effects are in other services, and reconciliation's handler
writes one row by upsert, where a repetition only means one look more (`services/reconciliation/store/due.py`). It is
for handlers whose effect must not be repeated: a counter, a sum, a row without a key of its own.
"""

from collections.abc import Awaitable, Callable
from datetime import datetime

import asyncpg
from prometheus_client import CollectorRegistry

from libs.db.pool import Connection, Database
from libs.messaging.endings import Handler
from libs.messaging.message import Message
from libs.messaging.outcome import Ignored, Outcome, RetryLater, Unprocessable
from libs.messaging.remembered import DUPLICATE, Remembered, RememberedSettings, digest_of
from libs.telemetry.metrics import counter

InTransaction = Callable[[Message, Connection], Awaitable[Outcome]]
NOTE = """
INSERT INTO inbox (consumer, message_id, body_hash, told_at) VALUES ($1, $2, $3, $4)
ON CONFLICT (consumer, message_id) DO NOTHING RETURNING true
"""
KNOWN = "SELECT body_hash FROM inbox WHERE consumer = $1 AND message_id = $2"
FORGET = "DELETE FROM inbox WHERE consumer = $1 AND message_id = $2"
PRUNE = """
DELETE FROM inbox WHERE ctid = ANY(ARRAY(
    SELECT ctid FROM inbox WHERE told_at < $1 ORDER BY told_at LIMIT $2 FOR UPDATE SKIP LOCKED
))
"""


class Inbox(Remembered):
    """The messages of one consumer, by name; several may share a database."""

    FORGET = FORGET
    PRUNE = PRUNE

    def __init__(
        self,
        database: Database,
        consumer: str,
        settings: RememberedSettings | None = None,
        *,
        now: Callable[[], datetime],
        registry: CollectorRegistry | None = None,
    ) -> None:
        super().__init__(database, consumer, settings or RememberedSettings(), now)
        registry = registry or CollectorRegistry()
        self._duplicates = counter(
            registry, "messaging_inbox_duplicates", "Messages that had had their effect", ("queue",)
        )

    def once(self, handler: InTransaction) -> Handler:
        """Make a handler of one that works in the transaction it is given."""

        async def handle(message: Message) -> Outcome:
            self._refuse_expired(message)
            try:
                async with self._database.transaction() as tx:
                    if await self._is_new(tx, message):
                        return await handler(message, tx)
            except asyncpg.LockNotAvailableError as waited:
                raise RetryLater("a copy of it is being handled") from waited
            self._duplicates.labels(message.queue).inc()
            return Ignored(DUPLICATE)

        return handle

    async def _is_new(self, tx: Connection, message: Message) -> bool:
        """Note it; false for a duplicate. Raises Unprocessable for another message under a known id."""
        digest = digest_of(message)
        if await tx.fetchval(NOTE, self._consumer, message.id, digest, message.told_at):
            return True
        if await tx.fetchval(KNOWN, self._consumer, message.id) not in {digest, None}:
            raise Unprocessable("id: known with another body")
        return False
