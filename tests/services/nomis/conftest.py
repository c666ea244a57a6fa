"""The stand-in, in this process, on a real PostgreSQL."""

from collections.abc import AsyncIterator

import asyncpg
import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from libs.db.pool import speak_json
from services.nomis import app
from services.nomis.settings import Settings
from tests.conftest import Auth, Databases, MakeToken
from tests.services.nomis.prison import Prison

Client = TestClient[web.Request, web.Application]


@pytest.fixture(scope="session")
async def nomis_dsn(databases: Databases) -> str:
    return await databases.create("services/nomis/schema")


@pytest.fixture(scope="session")
def nomis_settings(nomis_dsn: str, auth: Auth) -> Settings:
    # Who waits for a row here gets it, however busy the machine is.
    return Settings(
        database_url=nomis_dsn,
        api_base_url_oauth=auth.url,
        oauth_issuer=auth.issuer,
        relay_enabled=False,
        lock_milliseconds=60_000,
    )


@pytest.fixture(scope="session")
def sync_headers(token: MakeToken) -> dict[str, str]:
    return {"Authorization": f"Bearer {token({'ROLE_NOMIS_LOCATIONS'}, client_id='to-nomis')}"}


@pytest.fixture(scope="session")
async def running(nomis_settings: Settings, sync_headers: dict[str, str]) -> AsyncIterator[Client]:
    async with (
        app.build(nomis_settings) as built,
        TestClient(TestServer(built), headers=sync_headers) as client,
    ):
        yield client


@pytest.fixture(scope="session")
async def sql(nomis_dsn: str) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
    connection = await asyncpg.connect(nomis_dsn)
    await speak_json(connection)
    yield connection
    await connection.close()


@pytest.fixture
async def prison(sql: "asyncpg.Connection[asyncpg.Record]") -> Prison:
    """The tables, holding KMI only."""
    prison = Prison(sql)
    await prison.reset()
    return prison


@pytest.fixture
def client(running: Client, prison: Prison) -> Client:
    """The API over KMI, asked with the sync role."""
    assert prison.connection is not None
    return running
