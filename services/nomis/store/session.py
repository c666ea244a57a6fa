"""Opens a transaction as the API does: who writes, with which module, and how long it waits for a row."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg

from libs.db.pool import Connection, Database
from services.nomis.errors import DatabaseRefused

MODULE = "DPS_SYNCHRONISATION"
CONTEXT = """
SELECT set_config('nomis.audit_user_id', $1, true), set_config('nomis.audit_module_name', $2, true),
    set_config('lock_timeout', $3, true)
"""


class Session:
    """Makes write transactions."""

    def __init__(self, database: Database, user: str, lock_milliseconds: int) -> None:
        self._database = database
        self._user = user
        self._lock_timeout = f"{lock_milliseconds}ms"

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[Connection]:
        """Run a transaction. Raises DatabaseRefused for what the original answers 500 to."""
        try:
            async with self._database.transaction() as tx:
                await tx.execute(CONTEXT, self._user, MODULE, self._lock_timeout)
                yield tx
        except asyncpg.IntegrityConstraintViolationError as violated:
            name = (violated.constraint_name or violated.column_name or "").upper()
            raise DatabaseRefused(f"could not execute statement: constraint ({name}) violated") from violated
        except asyncpg.DataError as too_much:
            raise DatabaseRefused("could not execute statement: value too large for column") from too_much
        except (asyncpg.LockNotAvailableError, asyncpg.DeadlockDetectedError) as locked:
            raise DatabaseRefused("could not obtain the row's lock in time") from locked
