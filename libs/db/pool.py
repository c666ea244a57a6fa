"""A bounded asyncpg pool whose every wait has a limit, and which does not pay for a reset nobody needs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import asyncpg
import orjson
from asyncpg.pool import PoolConnectionProxy
from pydantic import BaseModel, NonNegativeInt, PositiveFloat, PositiveInt, SecretStr

from libs.db.faults import NoConnectionFree
from libs.db.tls import Tls
from libs.telemetry import spans

Row: TypeAlias = asyncpg.Record
if TYPE_CHECKING:
    Connection: TypeAlias = asyncpg.Connection[asyncpg.Record] | PoolConnectionProxy[asyncpg.Record]
else:
    # Generic in the stubs only.
    Connection = asyncpg.Connection | PoolConnectionProxy
Isolation = Literal["read_committed", "repeatable_read", "serializable"]

JSONB_VERSION = b"\x01"
# Of a statement, in a span.
QUERY_CHARACTERS_MAX = 500


class DatabaseSettings(BaseModel, frozen=True):
    """Where the database is and how long we wait for it."""

    dsn: SecretStr
    # Required, it outranks the DSN's `sslmode`.
    tls: Tls = Tls()
    pool_max: PositiveInt = 10
    pool_min: NonNegativeInt = 1
    acquire_seconds: PositiveFloat = 5
    statement_seconds: PositiveFloat = 30
    lock_seconds: PositiveFloat = 10
    idle_in_transaction_seconds: PositiveFloat = 60
    connect_seconds: PositiveFloat = 5
    close_seconds: PositiveFloat = 10
    application_name: str = "house"
    planner: dict[str, str] = {}


class Tidy:
    """Decides which connections need the session reset (a round trip) when they go back to the pool.

    Whoever runs one statement or a transaction through `Database` leaves no session state behind; whoever takes a
    connection (LISTEN, session locks, SET) may, and is cleaned up after.
    """

    def __init__(self) -> None:
        self._clean: set[int] = set()

    def left_clean(self, connection: Connection) -> None:
        """Note that this connection carries no session state."""
        self._clean.add(connection.get_server_pid())

    async def reset(self, connection: asyncpg.Connection[asyncpg.Record]) -> None:
        """Be asyncpg's reset callback; open transactions were rolled back before it is called."""
        pid = connection.get_server_pid()
        if pid in self._clean:
            self._clean.discard(pid)
        else:
            await connection.execute(connection.get_reset_query())


class Lent:
    """A connection for as long as the block lasts. Raises NoConnectionFree when none comes free in time."""

    def __init__(self, pool: asyncpg.Pool[asyncpg.Record], seconds: float) -> None:
        self._lending = pool.acquire(timeout=seconds)
        self._seconds = seconds

    async def __aenter__(self) -> PoolConnectionProxy[asyncpg.Record]:
        try:
            return await self._lending.__aenter__()
        except TimeoutError as late:
            raise NoConnectionFree(f"no connection came free within {self._seconds:g} s") from late

    async def __aexit__(self, *raised: object) -> None:
        await self._lending.__aexit__(*raised)


class Database:
    """What a store is handed: transactions, connections, and single statements."""

    def __init__(self, pool: asyncpg.Pool[asyncpg.Record], settings: DatabaseSettings, tidy: Tidy) -> None:
        self.pool = pool
        self._acquire_seconds = settings.acquire_seconds
        self._tidy = tidy

    @asynccontextmanager
    async def _plain(self) -> AsyncIterator[PoolConnectionProxy[asyncpg.Record]]:
        async with Lent(self.pool, self._acquire_seconds) as connection:
            yield connection
            self._tidy.left_clean(connection)

    @asynccontextmanager
    async def transaction(
        self, *, isolation: Isolation = "read_committed", readonly: bool = False
    ) -> AsyncIterator[Connection]:
        """Run a transaction; session state (SET without LOCAL, LISTEN, session locks) does not belong in it."""
        async with self._plain() as connection, connection.transaction(isolation=isolation, readonly=readonly):
            yield connection

    def connection(self) -> AbstractAsyncContextManager[Connection]:
        """Lend a connection for as long as the block lasts; its session is reset afterwards."""
        return Lent(self.pool, self._acquire_seconds)

    async def fetch(self, sql: str, *args: object) -> list[Row]:
        """Run one statement and return all its rows."""
        async with self._plain() as connection:
            return await connection.fetch(sql, *args)

    async def fetchrow(self, sql: str, *args: object) -> Row | None:
        """Run one statement and return its first row."""
        async with self._plain() as connection:
            return await connection.fetchrow(sql, *args)

    async def fetchval(self, sql: str, *args: object) -> Any:
        """Run one statement and return the first value of its first row."""
        async with self._plain() as connection:
            return await connection.fetchval(sql, *args)

    async def execute(self, sql: str, *args: object) -> str:
        """Run one statement and return its command tag."""
        async with self._plain() as connection:
            return await connection.execute(sql, *args)


@asynccontextmanager
async def connect(settings: DatabaseSettings) -> AsyncIterator[Database]:
    """Open the pool; close it, waiting for what is running, at the end."""
    tidy = Tidy()
    pool = asyncpg.create_pool(
        settings.dsn.get_secret_value(),
        ssl=settings.tls.context(),
        min_size=min(settings.pool_min, settings.pool_max),
        max_size=settings.pool_max,
        timeout=settings.connect_seconds,
        # The server's own limit ends a statement first; this one is for a server that no longer answers.
        command_timeout=settings.statement_seconds + settings.connect_seconds,
        server_settings=_server_settings(settings),
        init=_prepared,
        reset=tidy.reset,
    )
    await pool
    try:
        yield Database(pool, settings, tidy)
    finally:
        await _close(pool, settings.close_seconds)


async def _prepared(connection: Connection) -> None:
    await speak_json(connection)
    if spans.wanted():
        connection.add_query_logger(_tell)


def _tell(query: Any) -> None:
    """Tell of a statement: its text, which has places for values and no values."""
    spans.within(
        query.query.split(maxsplit=1)[0].upper() if query.query.strip() else "SQL",
        "CLIENT",
        query.elapsed,
        {"db.system.name": "postgresql", "db.query.text": " ".join(query.query.split())[:QUERY_CHARACTERS_MAX]},
        failed=query.exception is not None,
    )


async def speak_json(connection: Connection) -> None:
    """Let dicts go in and out of json and jsonb columns, also through COPY (hence the binary format)."""
    await connection.set_type_codec(
        "jsonb",
        schema="pg_catalog",
        format="binary",
        encoder=lambda value: JSONB_VERSION + orjson.dumps(value, default=str),
        decoder=lambda encoded: orjson.loads(encoded[1:]),
    )
    await connection.set_type_codec(
        "json",
        schema="pg_catalog",
        format="binary",
        encoder=lambda value: orjson.dumps(value, default=str),
        decoder=orjson.loads,
    )


def _server_settings(settings: DatabaseSettings) -> dict[str, str]:
    return {
        "application_name": settings.application_name,
        "statement_timeout": _milliseconds(settings.statement_seconds),
        "lock_timeout": _milliseconds(settings.lock_seconds),
        "idle_in_transaction_session_timeout": _milliseconds(settings.idle_in_transaction_seconds),
        "timezone": "UTC",
        # Our statements are short; compiling them costs more than running them.
        "jit": "off",
        **settings.planner,
    }


def _milliseconds(seconds: float) -> str:
    return str(max(1, round(seconds * 1000)))


async def _close(pool: asyncpg.Pool[asyncpg.Record], seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await pool.close()
    except TimeoutError:
        pool.terminate()
