"""Rows that the topic refused for good: operators see why, and publish them again or give them up."""

from collections.abc import Sequence

from libs.db.pool import Database
from libs.messaging import outbox_store as store
from libs.messaging.outbox_store import Counted, DeadRow


class DeadRows:
    """The dead rows of one outbox; what is revived is published by whoever leads, a poll later at most."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def look(self, limit: int) -> tuple[Counted, Sequence[DeadRow]]:
        """Count what the outbox holds, and list the oldest dead rows; never their bodies."""
        async with self._database.connection() as connection:
            return await store.counted(connection), await store.dead_rows(connection, limit)

    async def publish_again(self, row_ids: Sequence[int]) -> int:
        """Put dead rows back in their old place; return how many there were."""
        async with self._database.transaction() as tx:
            return await store.revive(tx, row_ids)

    async def discard(self, row_ids: Sequence[int]) -> int:
        """Give dead rows up, and let the rows behind them go on; return how many there were."""
        async with self._database.transaction() as tx:
            return await store.discard(tx, row_ids)
