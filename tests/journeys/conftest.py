"""One estate of real processes on free ports, with a generated NOMIS estate of one prison in it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from pydantic import SecretStr

from infra.local.demo.desk import Desk, open_desk
from infra.local.settings import EstateSettings
from infra.local.supervisor import Estate
from libs.db.pool import DatabaseSettings, connect
from services.nomis.estate.estate import Estate as NomisEstate
from services.nomis.estate.load import load

SEED = 11


@dataclass(frozen=True)
class House:
    """A running estate and a desk at it."""

    estate: Estate
    desk: Desk


async def generated(estate: Estate, *prisons: str) -> None:
    """Load the rows of these prisons into NOMIS."""
    dsn = SecretStr(estate.endpoints["databases"]["nomis"]["dsn"])
    async with connect(DatabaseSettings(dsn=dsn)) as database, database.connection() as connection:
        await load(connection, NomisEstate(SEED, "tiny", prisons))


@asynccontextmanager
async def opened(directory: Path) -> AsyncIterator[House]:
    """Start an estate with three generated prisons, on free ports, and sit down at it."""
    settings = EstateSettings.on_free_ports(
        directory,
        postgres_fsync=False,
        ready_seconds=120,
        restart_first_seconds=0.1,
        restart_longest_seconds=1,
        service_env={"migration": {"STAGES": '{"page": 20, "lease_seconds": 5}', "SWEEP_SECONDS": "1"}},
    )
    estate = Estate(settings)
    try:
        await estate.start()
        await generated(estate, "LEI", "MDI", "ZZGHI")
        async with open_desk(estate) as desk:
            yield House(estate, desk)
    finally:
        await estate.stop()


@pytest.fixture(scope="package")
async def house(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    async with opened(tmp_path_factory.mktemp("journeys")) as house:
        yield house
