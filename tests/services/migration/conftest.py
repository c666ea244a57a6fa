"""One office for each test, on a database of its own."""

from collections.abc import AsyncIterator

import pytest
from pydantic import SecretStr

from libs.db.pool import DatabaseSettings, connect
from tests.conftest import MakeDatabase
from tests.services.migration.office import Office


@pytest.fixture
async def office(database: MakeDatabase) -> AsyncIterator[Office]:
    dsn = await database("services/migration/schema")
    async with connect(DatabaseSettings(dsn=SecretStr(dsn))) as pool:
        yield Office(pool)
