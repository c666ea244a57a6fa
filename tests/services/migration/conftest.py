"""One office for each test, on a database that they share and each finds empty."""

from collections.abc import AsyncIterator

import pytest
from pydantic import SecretStr

from libs.db.pool import Database, DatabaseSettings, connect
from tests.conftest import Databases
from tests.services.migration.office import Office


@pytest.fixture(scope="session")
async def history(databases: Databases) -> AsyncIterator[Database]:
    dsn = await databases.create("services/migration/schema")
    async with connect(DatabaseSettings(dsn=SecretStr(dsn))) as pool:
        yield pool


@pytest.fixture
async def office(history: Database) -> Office:
    await history.execute("DELETE FROM migration_history")
    return Office(history)
