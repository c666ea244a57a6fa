"""The whole estate, every process running: minutes, so `make test-long` only."""

from pathlib import Path

import pytest
from pydantic import SecretStr

from infra.local.demo import scenario
from infra.local.demo.desk import open_desk
from infra.local.settings import EstateSettings
from infra.local.supervisor import Estate
from libs.db.pool import DatabaseSettings, connect
from services.nomis.estate.estate import Estate as NomisEstate
from services.nomis.estate.load import load

SEED = 7
SECONDS = 900.0
# Two rows of one prison that DPS would give one path: real data has some, and each second one fails by name.
EXPECTED_REASONS = {"duplicate path"}


@pytest.mark.long
async def test_the_national_estate_is_migrated_and_every_location_accounted_for(tmp_path: Path) -> None:
    estate = Estate(EstateSettings.on_free_ports(tmp_path, log_level="WARNING"))
    try:
        await estate.start()
        dsn = SecretStr(estate.endpoints["databases"]["nomis"]["dsn"])
        async with connect(DatabaseSettings(dsn=dsn)) as database, database.connection() as connection:
            loaded = await load(connection, NomisEstate(SEED, "national"))
        async with open_desk(estate) as desk:
            run = await scenario.migrate(desk, SECONDS)
            assert run["recordsListed"] == loaded.locations > 200_000
            failed = {each["reason"] for each in run["reasons"] if each["state"] == "failed"}
            assert failed <= EXPECTED_REASONS
            assert await desk.locations_database.fetchval("SELECT count(*) FROM location") == run["recordsMigrated"]
    finally:
        await estate.stop()
