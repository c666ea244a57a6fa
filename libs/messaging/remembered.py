"""What both inboxes share: how long a message is remembered, and how it is forgotten."""

from collections.abc import Callable
from datetime import datetime, timedelta
from hashlib import blake2b
from typing import ClassVar

from pydantic import BaseModel, PositiveInt

from libs.db.pool import Database
from libs.messaging.message import Message
from libs.messaging.outcome import Unprocessable

DUPLICATE = "duplicate"


class RememberedSettings(BaseModel, frozen=True):
    """How long rows are kept, and how many go at once."""

    # The longest that a queue keeps a message is 14 days.
    keep_days: PositiveInt = 15
    prune_rows_max: PositiveInt = 5000


class Remembered:
    """The rows of one consumer, by name; several may share a database."""

    FORGET: ClassVar[str]
    PRUNE: ClassVar[str]

    def __init__(
        self, database: Database, consumer: str, settings: RememberedSettings, now: Callable[[], datetime]
    ) -> None:
        self._database = database
        self._consumer = consumer
        self._keeping = settings
        self._now = now

    async def forget(self, message_id: str) -> bool:
        """Let a message have its effect again, should it be sent again on purpose; tell whether it was known."""
        return await self._database.execute(self.FORGET, self._consumer, message_id) != "DELETE 0"

    async def prune(self) -> int:
        """Delete some of what is older than any message can be; return how many, so that the caller may go on."""
        done = await self._database.execute(self.PRUNE, self._horizon(), self._keeping.prune_rows_max)
        return int(done.rsplit(" ", 1)[1])

    def _refuse_expired(self, message: Message) -> None:
        """Raise Unprocessable for a message so old that its row may be gone: it is not run unprotected."""
        if message.told_at < self._horizon():
            raise Unprocessable(f"expired: told of more than {self._keeping.keep_days} days ago")

    def _horizon(self) -> datetime:
        return self._now() - timedelta(days=self._keeping.keep_days)


def digest_of(message: Message) -> bytes:
    """Tell one body from another under the same id."""
    return blake2b(message.body.encode(), digest_size=16).digest()
