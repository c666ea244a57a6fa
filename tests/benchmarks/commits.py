"""Sees commits on both sides as they happen: a trigger of ours notifies, and notifications leave with the commit."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import asyncpg

CHANNEL = "bench_commit"
NOTIFY = """
CREATE OR REPLACE FUNCTION bench_commit() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN PERFORM pg_notify('bench_commit', NEW.{id}::text); RETURN NULL; END $$;
CREATE OR REPLACE TRIGGER bench_commit AFTER UPDATE OF {columns} ON {table}
    FOR EACH ROW EXECUTE FUNCTION bench_commit();
"""


@dataclass
class Commits:
    """When each row of a table was last seen committed; `wanted` are those that `all_seen` waits for."""

    connection: "asyncpg.Connection[asyncpg.Record]"
    at: dict[str, float] = field(default_factory=dict)
    wanted: set[str] = field(default_factory=set)
    all_seen: asyncio.Event = field(default_factory=asyncio.Event)

    def expect(self, ids: set[str]) -> None:
        """Forget what was seen, and wait for these."""
        self.at.clear()
        self.wanted = set(ids)
        self.all_seen.clear()

    def heard(self, _connection: Any, _pid: int, _channel: str, row_id: object) -> None:
        """Note a commit; the first of a row is the one that counts."""
        seen = str(row_id)
        self.at.setdefault(seen, time.perf_counter())
        self.wanted.discard(seen)
        if not self.wanted:
            self.all_seen.set()


@contextlib.asynccontextmanager
async def commits(dsn: str, table: str, row_id: str, *columns: str) -> AsyncIterator[Commits]:
    """Watch updates of these columns."""
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute(NOTIFY.format(table=table, id=row_id, columns=", ".join(columns)))
        seen = Commits(connection)
        await connection.add_listener(CHANNEL, seen.heard)
        yield seen
    finally:
        await connection.close()
