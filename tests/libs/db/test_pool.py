"""The pool: JSON goes in and out, waits end, and session state never reaches the next who borrows a connection."""

import asyncio
from collections.abc import AsyncIterator

import asyncpg
import pytest

from libs.db.faults import NoConnectionFree, is_away
from libs.db.pool import Database, DatabaseSettings, connect
from tests.conftest import MakeDatabase


@pytest.fixture
async def dsn(database: MakeDatabase) -> str:
    return await database()


@pytest.fixture
async def one(dsn: str) -> AsyncIterator[Database]:
    """A pool of a single connection."""
    async with connect(DatabaseSettings(dsn=dsn, pool_max=1, application_name="pool-test")) as opened:
        yield opened


async def test_dicts_go_in_and_out_of_jsonb_also_through_copy(one: Database) -> None:
    value = {"name": "Ünit", "list": [1, None, {"deep": True}]}
    async with one.transaction() as tx:
        await tx.execute("CREATE TABLE note (id int, body jsonb, plain json)")
        await tx.execute("INSERT INTO note VALUES (1, $1, $2)", value, value)
        await tx.copy_records_to_table("note", records=[(2, value, value)])
    rows = await one.fetch("SELECT body, plain FROM note ORDER BY id")
    assert [(row["body"], row["plain"]) for row in rows] == [(value, value)] * 2


async def test_a_failed_transaction_leaves_nothing(one: Database) -> None:
    await one.execute("CREATE TABLE note (id int)")

    async def fail() -> None:
        async with one.transaction() as tx:
            await tx.execute("INSERT INTO note VALUES (1)")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail()
    assert await one.fetchval("SELECT count(*) FROM note") == 0


async def test_a_readonly_transaction_refuses_to_write(one: Database) -> None:
    await one.execute("CREATE TABLE note (id int)")
    with pytest.raises(asyncpg.ReadOnlySQLTransactionError):
        async with one.transaction(readonly=True, isolation="repeatable_read") as tx:
            await tx.execute("INSERT INTO note VALUES (1)")


async def test_a_borrowed_connection_comes_back_without_its_session_state(one: Database) -> None:
    async with one.connection() as connection:
        await connection.execute("SET work_mem = '123MB'; SELECT pg_advisory_lock(7)")
    assert await one.fetchval("SHOW work_mem") != "123MB"
    held = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()"
    assert await one.fetchval(held) == 0


async def test_a_single_statement_costs_no_reset(one: Database) -> None:
    asked: list[str] = []
    async with one.connection() as connection:
        connection.add_query_logger(lambda query: asked.append(query.query))
    asked.clear()  # handing the connection back did reset it
    await one.fetchval("SELECT 1")
    async with one.transaction() as tx:
        await tx.execute("SELECT 2")
    assert not [query for query in asked if "RESET ALL" in query]


async def test_a_statement_that_takes_too_long_is_ended(dsn: str) -> None:
    # Opening the pool takes statements of its own.
    async with connect(DatabaseSettings(dsn=dsn, statement_seconds=1)) as hasty:
        with pytest.raises(asyncpg.QueryCanceledError):
            await hasty.fetchval("SELECT pg_sleep(60)")


async def test_the_wait_for_a_connection_is_bounded(dsn: str) -> None:
    async with connect(DatabaseSettings(dsn=dsn, pool_max=1, acquire_seconds=0.05)) as hasty:
        async with hasty.connection():
            with pytest.raises(NoConnectionFree) as statement:
                await hasty.fetchval("SELECT 1")
            with pytest.raises(NoConnectionFree):
                async with hasty.connection():
                    pass
        assert is_away(statement.value)
        assert await hasty.fetchval("SELECT 1") == 1


async def test_the_wait_for_a_lock_is_bounded(dsn: str) -> None:
    other = await asyncpg.connect(dsn)
    await other.execute("CREATE TABLE note (id int)")
    await other.execute("BEGIN; LOCK TABLE note")
    async with connect(DatabaseSettings(dsn=dsn, lock_seconds=0.05)) as hasty:
        with pytest.raises(asyncpg.LockNotAvailableError):
            await hasty.execute("INSERT INTO note VALUES (1)")
    await other.close()


async def test_the_server_knows_who_is_connected(one: Database) -> None:
    assert await one.fetchval("SHOW application_name") == "pool-test"
    assert await one.fetchval("SHOW timezone") == "UTC"


async def test_a_cancelled_statement_does_not_spoil_the_connection(dsn: str) -> None:
    async with connect(DatabaseSettings(dsn=dsn, pool_max=1)) as database:
        task = asyncio.create_task(database.fetchval("SELECT pg_sleep(60)"))
        await asyncio.wait([task], timeout=0.1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await database.fetchval("SELECT 1") == 1
