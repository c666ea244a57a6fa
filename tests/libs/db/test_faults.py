"""A database that is away is told from a statement that is wrong."""

import asyncpg
import pytest

from infra.local.ports import free_port
from libs.db.faults import is_away
from libs.db.pool import Database, DatabaseSettings, connect
from tests.conftest import MakeDatabase

END_ME = "SELECT pg_terminate_backend(pg_backend_pid())"


@pytest.fixture
async def dsn(database: MakeDatabase) -> str:
    return await database()


async def _ended_within_a_transaction(database: Database) -> None:
    async with database.transaction() as tx:
        await tx.execute(END_ME)


async def test_nobody_listening_and_a_connection_that_broke_are_a_database_that_is_away(dsn: str) -> None:
    with pytest.raises(ConnectionRefusedError) as refused:
        await asyncpg.connect(host="127.0.0.1", port=free_port(), user="nobody", database="none")
    assert is_away(refused.value)
    async with connect(DatabaseSettings(dsn=dsn)) as database:
        with pytest.raises((asyncpg.PostgresError, asyncpg.InterfaceError)) as broken:
            await _ended_within_a_transaction(database)
        assert is_away(broken.value)


async def test_a_wrong_statement_is_none_whatever_it_is_called(dsn: str) -> None:
    async with connect(DatabaseSettings(dsn=dsn)) as database:
        with pytest.raises(asyncpg.InterfaceError) as unbound:
            await database.fetch("SELECT $1::int")
        with pytest.raises(asyncpg.UndefinedTableError) as unknown:
            await database.fetch("SELECT * FROM nothing")
    assert not is_away(unbound.value)
    assert not is_away(unknown.value)
