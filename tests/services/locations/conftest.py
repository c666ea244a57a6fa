"""The locations API, in this process, on a real PostgreSQL."""

from collections.abc import AsyncIterator

import asyncpg
import pytest
from aiohttp.test_utils import TestClient, TestServer
from pydantic import SecretStr

from infra.local import prison_register, prisoner_search
from libs.db.pool import speak_json
from libs.web.auth import AuthSettings
from services.locations import app
from services.locations.settings import Settings
from tests.conftest import Auth, Databases, MakeToken
from tests.services.locations import cases
from tests.services.locations.asking import Asking
from tests.services.locations.f1 import F1
from tests.services.locations.prison import put

Client = cases.Client
TABLES = (
    "location, location_history, sync_state, tombstone, conflict, prison_sync, switch_over_step, outbox, "
    "prison_signed_operation_capacity"
)


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


def prison(prison_id: str, *, female: bool = False, lthse: bool = False) -> prison_register.Prison:
    return {"prisonId": prison_id, "prisonName": f"{prison_id} (HMP)", "female": female, "lthse": lthse}


# Prisons that there are not, so that no test relies on a real one.
PRISONS = {
    each["prisonId"]: each
    for each in (prison("KTI"), prison("LGI"), prison("FEI", female=True), prison("HSI", lthse=True))
}


@pytest.fixture(scope="session")
async def register(auth: Auth) -> AsyncIterator[Client]:
    """The prison register of these tests."""
    built = prison_register.application(AuthSettings(jwks_url=auth.jwks_url, issuer=auth.issuer), PRISONS)
    async with TestClient(TestServer(built)) as client:
        yield client


@pytest.fixture(scope="session")
def locations_settings(locations_dsn: str, auth: Auth, search: Client, register: Client) -> Settings:
    return Settings(
        database_url=SecretStr(locations_dsn),
        api_base_url_prisoner_search=str(search.make_url("")).rstrip("/"),
        api_base_url_prison_api=str(search.make_url("")).rstrip("/"),
        api_base_url_prison_register=str(register.make_url("")).rstrip("/"),
        client_id="locations",
        client_secret=SecretStr(auth.secrets["locations"]),
        api_base_url_oauth=auth.url,
        oauth_issuer=auth.issuer,
        relay_enabled=False,
        # The originals' cases expect it.
        audit_sync=True,
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


@pytest.fixture
async def f1(client: Client, token: MakeToken, store: "asyncpg.Connection[asyncpg.Record]") -> Asking:
    """Fixture F1 in the tables, and somebody to ask."""
    await put(store, F1)
    return Asking(client, token, store)


@pytest.fixture
async def world(
    client: Client, search: Client, store: "asyncpg.Connection[asyncpg.Record]", token: MakeToken
) -> AsyncIterator[cases.World]:
    """The service on fixture F1."""
    made = cases.World(client, search, store, token)
    await made.fresh()
    yield made
    await made.release()
