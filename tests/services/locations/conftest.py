"""The locations API, in this process, on a real PostgreSQL."""

from collections.abc import AsyncIterator

import asyncpg
import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from pydantic import SecretStr

from infra.local import prisoner_search
from libs.db.pool import speak_json
from libs.web.auth import AuthSettings
from services.locations import app
from services.locations.settings import Settings
from tests.conftest import Auth, Databases, MakeToken

Client = TestClient[web.Request, web.Application]
TABLES = "location, location_history, sync_state, tombstone, conflict, prison_sync, outbox"


@pytest.fixture(scope="session")
async def locations_dsn(databases: Databases) -> str:
    return await databases.create("libs/messaging/schema", "services/locations/schema")


@pytest.fixture(scope="session")
async def search(auth: Auth, token: MakeToken) -> AsyncIterator[Client]:
    """Prisoner search, asked as whoever puts people into cells."""
    built = prisoner_search.application(AuthSettings(jwks_url=auth.jwks_url, issuer=auth.issuer))
    admin = {"Authorization": f"Bearer {token({'ROLE_PRISONER_ADMIN'})}"}
    async with TestClient(TestServer(built), headers=admin) as client:
        yield client


@pytest.fixture(scope="session")
def locations_settings(locations_dsn: str, auth: Auth, search: Client) -> Settings:
    return Settings(
        database_url=SecretStr(locations_dsn),
        api_base_url_prisoner_search=str(search.make_url("")).rstrip("/"),
        client_id="locations",
        client_secret=SecretStr(auth.secrets["locations"]),
        api_base_url_oauth=auth.url,
        oauth_issuer=auth.issuer,
        relay_enabled=False,
    )


@pytest.fixture(scope="session")
async def running(locations_settings: Settings, token: MakeToken) -> AsyncIterator[Client]:
    async with app.build(locations_settings) as built:
        sync = token({"ROLE_SYNC_LOCATIONS", "ROLE_MIGRATE_LOCATIONS"}, client_id="from-nomis")
        async with TestClient(TestServer(built), headers={"Authorization": f"Bearer {sync}"}) as client:
            yield client


@pytest.fixture
async def database_connection(locations_dsn: str) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
    connection = await asyncpg.connect(locations_dsn)
    yield connection
    await connection.close()


@pytest.fixture
async def store(locations_dsn: str) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
    """A connection that reads and writes JSON as the service's own do: for putting rows in, and for the store."""
    connection = await asyncpg.connect(locations_dsn)
    await speak_json(connection)
    yield connection
    await connection.close()


@pytest.fixture
async def client(running: Client, database_connection: "asyncpg.Connection[asyncpg.Record]") -> Client:
    """The service, asked with the sync and migrate roles, its tables empty."""
    await database_connection.execute(f"TRUNCATE {TABLES} CASCADE")
    return running
