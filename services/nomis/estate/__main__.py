"""Loads a generated estate: `python -m services.nomis.estate --seed 7 --prisons LEI,MDI --preset lean`."""

import argparse
import asyncio
from dataclasses import asdict

import asyncpg
import structlog

from libs.telemetry import logging
from services.nomis.estate.estate import Estate
from services.nomis.estate.load import Loaded, load
from services.nomis.estate.presets import PRESETS
from services.nomis.estate.prisons import PrisonUnknown
from services.nomis.estate.settings import LoadSettings

CONNECT_SECONDS_MAX = 10


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m services.nomis.estate", description="Load a generated estate.")
    parser.add_argument("--seed", type=int, default=7, help="the same seed gives the same rows")
    parser.add_argument("--prisons", help="ids with commas between; all agencies when left out")
    parser.add_argument("--preset", choices=sorted(PRESETS), default="national")
    parser.add_argument("--dsn", help="NOMIS's database; DATABASE_URL when left out")
    return parser.parse_args()


async def run(chosen: argparse.Namespace) -> None:
    """Load what was asked for and say how much it was."""
    try:
        estate = Estate(chosen.seed, chosen.preset, chosen.prisons.split(",") if chosen.prisons else None)
    except PrisonUnknown as unknown:
        raise SystemExit(str(unknown)) from None
    dsn = chosen.dsn or LoadSettings().database_url.get_secret_value()
    if not dsn:
        raise SystemExit("say where NOMIS's database is: --dsn or DATABASE_URL")
    log = structlog.get_logger()

    def tell(so_far: Loaded) -> None:
        # Whoever started us may show how far it is.
        log.info(
            "estate-loading", prisons=so_far.prisons, prisons_chosen=len(estate.prisons), locations=so_far.locations
        )

    connection = await asyncpg.connect(dsn, timeout=CONNECT_SECONDS_MAX)
    try:
        loaded = await load(connection, estate, tell)
    except asyncpg.UniqueViolationError:
        raise SystemExit(
            "these locations are loaded already: start with an empty NOMIS, or name other prisons"
        ) from None
    finally:
        await connection.close()
    log.info("estate-loaded", seed=chosen.seed, preset=chosen.preset, **asdict(loaded))


if __name__ == "__main__":
    logging.configure("nomis-estate")
    asyncio.run(run(arguments()))
