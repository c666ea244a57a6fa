"""Transactions that write: who waits too long for another is told so, and a rehearsal keeps nothing."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg

from libs.db.pool import Connection, Database
from services.locations.errors import FieldNotAllowed, LocationBusy


@asynccontextmanager
async def writing(database: Database, *, rehearsal: bool = False) -> AsyncIterator[Connection]:
    """Run a transaction; with `rehearsal` everything is done as always and then undone.

    Raises LocationBusy, FieldNotAllowed.
    """
    try:
        async with database.transaction() as tx:
            if not rehearsal:
                yield tx
                return
            undone = tx.transaction()
            await undone.start()
            try:
                yield tx
            finally:
                await undone.rollback()
    except asyncpg.StringDataRightTruncationError as long:
        # Every text of a body is as long as its column; what is put together from several may still not fit.
        raise FieldNotAllowed(
            "code", "with all that stands above or below it, a path has at most 150 characters"
        ) from long
    except (asyncpg.DeadlockDetectedError, asyncpg.LockNotAvailableError, asyncpg.SerializationError) as waited:
        raise LocationBusy from waited
