"""A login of a service reaches its own tables and no others, and changes no table: on a real PostgreSQL."""

from collections.abc import AsyncIterator, Mapping
from importlib import import_module

import asyncpg
import pytest

from infra.local.ports import free_port
from infra.local.postgres import Postgres, PostgresPlan
from infra.local.roster import databases, roster
from libs.db.__main__ import bring_up
from libs.db.schema import SchemaBehind
from libs.db.settings import StepSettings
from services.mapping import app as mapping
from services.mapping.settings import Settings as MappingSettings

NAMES = databases(roster())


def runtime(name: str) -> str:
    return f"{name}_runtime"


@pytest.fixture(scope="module")
async def cluster(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Mapping[str, str]]:
    """The DSN of each service's own login, in a cluster in which each owner has applied its service's steps."""
    server = Postgres(PostgresPlan.for_tests(tmp_path_factory.mktemp("roles"), free_port()))
    await server.start()
    try:
        for name in NAMES:
            owner = await server.create_database(name)
            # Makes the login; its own database stays empty.
            await server.create_database(runtime(name))
            async with server.admin() as admin:
                await admin.execute(f"GRANT CONNECT ON DATABASE {name} TO {runtime(name)}")
            settings = StepSettings.model_validate({"database_url": owner, "database_runtime_role": runtime(name)})
            for _ in range(2):
                await bring_up(settings, import_module(f"services.{name}.app").STEPS)
        yield {name: server.dsn(name, runtime(name)) for name in NAMES}
    finally:
        await server.stop()


@pytest.mark.parametrize("name", NAMES)
async def test_a_login_reads_and_writes_its_own_tables_and_changes_none(cluster: Mapping[str, str], name: str) -> None:
    connection = await asyncpg.connect(cluster[name])
    tables = [
        row["table"]
        for row in await connection.fetch("SELECT quote_ident(relname) AS table FROM pg_stat_user_tables ORDER BY 1")
    ]
    assert len(tables) > 1
    for table in tables:
        await connection.fetchval(f"SELECT count(*) FROM {table}")
        await connection.execute(f"DELETE FROM {table} WHERE false")
        for change in (f"ALTER TABLE {table} ADD COLUMN mine text", f"DROP TABLE {table}", f"TRUNCATE {table}"):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.execute(change)
    for made in ("CREATE TABLE mine (id int)", "CREATE SCHEMA mine", "CREATE FUNCTION mine() RETURNS int RETURN 1"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute(made)
    await connection.close()


@pytest.mark.parametrize("name", NAMES)
async def test_a_login_does_not_get_into_the_database_of_another_service(cluster: Mapping[str, str], name: str) -> None:
    for other in NAMES:
        if other != name:
            with pytest.raises(asyncpg.InsufficientPrivilegeError, match="CONNECT"):
                await asyncpg.connect(cluster[name].replace(f"/{name}?", f"/{other}?"))


async def test_a_service_with_such_a_login_starts_once_its_steps_are_there(cluster: Mapping[str, str]) -> None:
    def settings(dsn: str) -> MappingSettings:
        return MappingSettings.model_validate(
            {"database_url": dsn, "apply_schema": False, "api_base_url_oauth": "http://nobody.example"}
        )

    async with mapping.build(settings(cluster["mapping"])):
        pass
    elsewhere = cluster["mapping"].replace("/mapping?", f"/{runtime('mapping')}?")
    with pytest.raises(SchemaBehind, match="0001_location_mapping"):
        async with mapping.build(settings(elsewhere)):
            pass
