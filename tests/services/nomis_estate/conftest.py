"""A national estate made once, and a NOMIS database with two small prisons in it."""

from collections.abc import AsyncIterator

import asyncpg
import pytest

from services.nomis.estate.estate import Estate
from services.nomis.estate.load import load
from tests.conftest import Databases, MakeDatabase
from tests.services.nomis_estate.rows import Everything

PRISONS = ("LEI", "MDI")


@pytest.fixture(scope="package")
def everything() -> Everything:
    """Make a national estate; no test changes it. Its millions of objects go before other tests' loops are held up."""
    return Everything.of(list(Estate(7, "national")))


@pytest.fixture
async def empty_nomis(database: MakeDatabase) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
    connection = await asyncpg.connect(await database("services/nomis/schema"))
    yield connection
    await connection.close()


@pytest.fixture(scope="session")
async def nomis(databases: Databases) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
    """Loaded once for all."""
    connection = await asyncpg.connect(await databases.create("services/nomis/schema"))
    await load(connection, Estate(7, "tiny", (*PRISONS, "ALI", "TRN")))
    yield connection
    await connection.close()


@pytest.fixture
async def screens(
    nomis: "asyncpg.Connection[asyncpg.Record]",
) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
    """For tests that change rows: what they do is taken back."""
    changes = nomis.transaction()
    await changes.start()
    yield nomis
    await changes.rollback()
