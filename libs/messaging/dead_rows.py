"""Rows that the topic refused for good: operators see why, and publish them again or give them up."""

from collections.abc import Sequence

from libs.db.pool import Connection, Database
from libs.messaging import outbox_store as store
from libs.messaging.audit import Act, Auditor
from libs.messaging.outbox_store import Counted, DeadRow


class DeadRows:
    """The dead rows of one outbox; what is revived is published by whoever leads, a poll later at most."""

    def __init__(self, database: Database, auditor: Auditor) -> None:
        self._database = database
        self._auditor = auditor

    async def look(self, limit: int) -> tuple[Counted, Sequence[DeadRow]]:
        """Count what the outbox holds, and list the oldest dead rows; never their bodies."""
        async with self._database.connection() as connection:
            return await store.counted(connection), await store.dead_rows(connection, limit)

    async def publish_again(self, row_ids: Sequence[int], by: str) -> int:
        """Put dead rows back in their old place; return how many there were."""
        async with self._database.transaction() as tx:
            count = await store.revive(tx, row_ids)
            await self._note(tx, "OUTBOX_ROWS_REVIVED", by, row_ids, count)
        return count

    async def discard(self, row_ids: Sequence[int], by: str) -> int:
        """Give dead rows up, and let the rows behind them go on; return how many there were."""
        async with self._database.transaction() as tx:
            count = await store.discard(tx, row_ids)
            await self._note(tx, "OUTBOX_ROWS_DISCARDED", by, row_ids, count)
        return count

    async def _note(self, tx: Connection, what: str, by: str, row_ids: Sequence[int], count: int) -> None:
        if count:
            told = {"rowIds": list(row_ids), "rows": count}
            await self._auditor.note(tx, Act(what, by, "outbox", "OUTBOX", told))
