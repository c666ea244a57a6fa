"""The embedded PostgreSQL: kept data, closed doors, clear errors."""

import os
import signal
import socket
from pathlib import Path

import asyncpg
import pytest

from infra.local.child import Identity
from infra.local.ports import PortTaken, free_port
from infra.local.postgres import Postgres, PostgresPlan
from tests.conftest import MakeDatabase


async def test_data_outlives_a_restart_and_a_sigkill(tmp_path: Path) -> None:
    plan = PostgresPlan(directory=tmp_path / "postgres", port=free_port())
    first = Postgres(plan)
    await first.start()
    dsn = await first.create_database("mapping")
    connection = await asyncpg.connect(dsn)
    await connection.execute("CREATE TABLE kept (word text); INSERT INTO kept VALUES ('here')")
    await connection.close()
    await first.stop()

    second = Postgres(plan)
    await second.start()
    assert await second.create_database("mapping") == dsn
    assert second.child is not None
    second.child.send(signal.SIGKILL)
    await second.child.wait()

    third = Postgres(plan)
    await third.start()
    connection = await asyncpg.connect(dsn)
    assert await connection.fetchval("SELECT word FROM kept") == "here"
    await connection.close()
    await third.stop()


async def test_a_login_reaches_its_own_database_only(postgres: Postgres) -> None:
    await postgres.create_database("room_a")
    await postgres.create_database("room_b")
    for database in ("room_b", "postgres"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await asyncpg.connect(postgres.dsn(database, "room_a"))


async def test_a_wrong_password_is_refused(postgres: Postgres) -> None:
    await postgres.create_database("room_a")
    with pytest.raises(asyncpg.InvalidPasswordError):
        await asyncpg.connect(postgres.dsn("room_a"), password="guess")


async def test_a_taken_port_names_the_port_and_the_setting(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(PortTaken, match=rf"{port}.*POSTGRES_PORT"):
            await Postgres(PostgresPlan.for_tests(tmp_path, port)).start()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can switch to another account")
async def test_where_user_namespaces_are_refused_root_starts_it_under_an_account(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    directory = tmp_path_factory.mktemp("account")
    for parent in (directory, *directory.parents[:-1]):
        if not parent.stat().st_mode & 0o001:
            parent.chmod(parent.stat().st_mode | 0o011)
    server = Postgres(PostgresPlan.for_tests(directory, free_port()), Identity(user="nobody", group="nogroup"))
    await server.start()
    async with server.admin() as admin:
        assert await admin.fetchval("SELECT 1") == 1
    await server.stop()


async def test_every_test_has_a_database_of_its_own(database: MakeDatabase) -> None:
    first, second = await database(), await database()
    connection = await asyncpg.connect(first)
    await connection.execute("CREATE TABLE mine ()")
    await connection.close()
    connection = await asyncpg.connect(second)
    assert await connection.fetchval("SELECT to_regclass('mine')") is None
    await connection.close()


async def test_a_database_comes_with_the_schema_that_was_asked_for(database: MakeDatabase, tmp_path: Path) -> None:
    (tmp_path / "0001_first.sql").write_text("CREATE TABLE asked_for (word text)")
    for _ in range(2):
        connection = await asyncpg.connect(await database(tmp_path))
        assert await connection.fetchval("SELECT count(*) FROM asked_for") == 0
        await connection.execute("INSERT INTO asked_for VALUES ('of one test only')")
        await connection.close()
