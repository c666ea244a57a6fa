"""The mapping service, in this process, on a real PostgreSQL."""

from collections.abc import AsyncIterator

import asyncpg
import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from services.mapping import app
from services.mapping.settings import Settings
from tests.conftest import Auth, Databases, MakeToken

Client = TestClient[web.Request, web.Application]


@pytest.fixture(scope="session")
async def mapping_dsn(databases: Databases) -> str:
    return await databases.create("services/mapping/schema")


@pytest.fixture(scope="session")
def mapping_settings(mapping_dsn: str, auth: Auth) -> Settings:
    return Settings(database_url=mapping_dsn, api_base_url_oauth=auth.url, oauth_issuer=auth.issuer, allow_wipe=True)


@pytest.fixture(scope="session")
async def running(mapping_settings: Settings, token: MakeToken) -> AsyncIterator[Client]:
    async with app.build(mapping_settings) as built:
        sync = token({"ROLE_NOMIS_LOCATIONS"}, client_id="to-nomis")
        async with TestClient(TestServer(built), headers={"Authorization": f"Bearer {sync}"}) as client:
            yield client


@pytest.fixture
async def client(running: Client, mapping_dsn: str) -> Client:
    """The service, asked with the sync role, its table empty."""
    connection = await asyncpg.connect(mapping_dsn)
    await connection.execute("TRUNCATE location_mapping")
    await connection.close()
    return running


@pytest.fixture(scope="session")
def admin(token: MakeToken) -> dict[str, str]:
    return {"Authorization": f"Bearer {token({'ROLE_MIGRATION_ADMIN'})}"}


@pytest.fixture(scope="session")
def reader(token: MakeToken) -> dict[str, str]:
    return {"Authorization": f"Bearer {token({'ROLE_NOMIS_DPS_MAPPING__LOCATIONS__R'})}"}
