"""One office for each test, on a database that they share and each finds empty."""

from collections.abc import AsyncIterator

import pytest
from pydantic import SecretStr

from libs.db.pool import Database, DatabaseSettings, connect
from tests.conftest import Auth, BrokerAddress, Databases, MakeToken
from tests.services.migration.office import Office
from tests.services.migration.town import Town
from tests.services.migration.town import town as open_town


@pytest.fixture(scope="session")
async def history(databases: Databases) -> AsyncIterator[Database]:
    dsn = await databases.create("libs/messaging/schema", "services/migration/schema")
    async with connect(DatabaseSettings(dsn=SecretStr(dsn))) as pool:
        yield pool


@pytest.fixture
async def office(history: Database) -> Office:
    await history.execute("DELETE FROM migration_history")
    return Office(history)


@pytest.fixture(scope="package")
async def town(databases: Databases, broker: BrokerAddress, auth: Auth, token: MakeToken) -> AsyncIterator[Town]:
    """Every service in this process, for these tests only: they never rest; each test builds a prison of its own."""
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("AWS_ACCESS_KEY_ID", broker.access_key)
        environment.setenv("AWS_SECRET_ACCESS_KEY", broker.secret_key)
        async with open_town(databases, broker, auth, token) as opened:
            yield opened
