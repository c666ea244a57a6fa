"""Schema steps are applied once, in order, all or nothing, by one replica."""

import asyncio
from pathlib import Path

import asyncpg
import pytest

from libs.db.schema import TABLE_SECONDS_MAX, SchemaBehind, SchemaStepChanged, apply, lacking, ready
from tests.conftest import MakeDatabase


@pytest.fixture
def steps(tmp_path: Path) -> Path:
    (tmp_path / "0002_second.sql").write_text("ALTER TABLE thing ADD COLUMN name text")
    (tmp_path / "0001_first.sql").write_text(
        "CREATE TABLE thing (id int); CREATE INDEX ON thing (id)", encoding="utf-8"
    )
    (tmp_path / "notes.txt").write_text("not a step")
    return tmp_path


async def test_steps_are_applied_once_and_in_order(database: MakeDatabase, steps: Path) -> None:
    connection = await asyncpg.connect(await database())
    assert await apply(connection, steps) == ["0001_first.sql", "0002_second.sql"]
    assert await apply(connection, steps) == []
    (steps / "0003_third.sql").write_text("DROP TABLE thing", encoding="utf-8")
    assert await apply(connection, steps) == ["0003_third.sql"]
    await connection.close()


async def test_replicas_that_start_together_apply_each_step_once(database: MakeDatabase, steps: Path) -> None:
    dsn = await database()
    replicas = [await asyncpg.connect(dsn) for _ in range(4)]
    applied = await asyncio.gather(*(apply(replica, steps) for replica in replicas))
    assert sorted(map(len, applied)) == [0, 0, 0, 2]
    for replica in replicas:
        await replica.close()


async def test_a_step_that_fails_takes_the_others_back_with_it(database: MakeDatabase, steps: Path) -> None:
    connection = await asyncpg.connect(await database())
    (steps / "0003_third.sql").write_text("SELECT 1/0", encoding="utf-8")
    with pytest.raises(asyncpg.DivisionByZeroError):
        await apply(connection, steps)
    assert await connection.fetchval("SELECT to_regclass('thing')") is None
    await connection.close()


async def test_an_edited_step_is_refused(database: MakeDatabase, steps: Path) -> None:
    connection = await asyncpg.connect(await database())
    await apply(connection, steps)
    (steps / "0001_first.sql").write_text("CREATE TABLE thing (id bigint)", encoding="utf-8")
    with pytest.raises(SchemaStepChanged, match="0001_first"):
        await apply(connection, steps)
    await connection.close()


async def test_who_may_not_apply_steps_is_told_which_are_missing(database: MakeDatabase) -> None:
    connection = await asyncpg.connect(await database())
    with pytest.raises(SchemaBehind, match="0001_location_mapping"):
        await ready(connection, ["services.mapping"], may_apply=False)
    assert await connection.fetchval("SELECT to_regclass('location_mapping')") is None
    await ready(connection, ["services.mapping"], may_apply=True)
    await ready(connection, ["services.mapping"], may_apply=False)
    await connection.close()


async def test_a_release_starts_on_the_tables_of_the_one_after_it(database: MakeDatabase, steps: Path) -> None:
    connection = await asyncpg.connect(await database())
    await apply(connection, steps)
    (steps / "0002_second.sql").unlink()
    assert await lacking(connection, steps) == []
    await connection.close()


async def test_a_step_does_not_wait_long_for_a_table_that_is_in_use(database: MakeDatabase, steps: Path) -> None:
    connection = await asyncpg.connect(await database())
    await apply(connection, steps)
    waits = f"DO $$ BEGIN ASSERT current_setting('lock_timeout') = '{TABLE_SECONDS_MAX}s'; END $$"
    (steps / "0003_third.sql").write_text(waits, encoding="utf-8")
    assert await apply(connection, steps) == ["0003_third.sql"]
    await connection.close()
