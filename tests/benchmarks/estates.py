"""Estates to measure in: NOMIS generated once for a run, and copied as files for each contestant of each round.

So every contestant starts from the same rows in a cluster of its own, with PostgreSQL as in production: fsync on.
"""

import asyncio
import contextlib
import pstats
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path
from typing import Any

import asyncpg
from pydantic import SecretStr

from infra.local.demo.desk import Desk, open_desk
from infra.local.ports import free_port
from infra.local.postgres import Postgres, PostgresPlan
from infra.local.roster import ServiceSpec, roster
from infra.local.settings import ROOT, EstateSettings
from infra.local.supervisor import Estate
from libs.db import schema
from libs.db.pool import Connection, Database, DatabaseSettings, connect
from services.nomis.estate.estate import Estate as NomisEstate
from services.nomis.estate.load import load
from services.nomis.estate.prisons import register

PRESET = "national"
PROFILES = ROOT / ".local" / "bench" / "profiles"
FUNCTIONS_SHOWN = 40
POSTGRES = "postgres"
COUNTING = (
    "shared_preload_libraries = 'pg_stat_statements'",
    "pg_stat_statements.track = 'all'",
    "pg_stat_statements.track_planning = on",
)
STATEMENTS = """
SELECT d.datname, s.calls, s.rows, s.total_exec_time AS running, s.total_plan_time AS planning, s.query
  FROM pg_stat_statements s JOIN pg_database d ON d.oid = s.dbid
 ORDER BY s.total_exec_time + s.total_plan_time DESC LIMIT $1
"""
SERVICE_SCHEMAS: Mapping[str, tuple[str, ...]] = {
    "nomis": ("services.nomis",),
    "locations": ("libs.messaging", "services.locations"),
    "mapping": ("services.mapping",),
}


def prisons_with(rows: int | None, seed: int) -> list[str] | None:
    """Choose prisons, in the order of the register, that have at least so many locations; None for all there are."""
    if rows is None:
        return None
    found, chosen = 0, []
    for prison in register():
        chosen.append(prison.id)
        found += len(NomisEstate(seed, PRESET, [prison.id]).rows(prison).locations)
        if found >= rows:
            break
    return chosen


async def prepare_nomis(place: Path, rows: int | None, seed: int) -> None:
    """Make a cluster at `place` that holds NOMIS's database with at least so many locations (all when None)."""
    postgres = Postgres(PostgresPlan(directory=place / "postgres", port=free_port()))
    await postgres.start()
    try:
        dsn = await postgres.create_database("nomis")
        async with database(dsn) as nomis, nomis.connection() as connection:
            await schema.apply(connection, files("services.nomis") / "schema")
            await load(connection, NomisEstate(seed, PRESET, prisons_with(rows, seed)))
            await connection.execute("VACUUM (ANALYZE)")
    finally:
        await postgres.stop()


async def copied(prepared: Path, place: Path) -> None:
    """Copy a prepared cluster, owners and modes too."""
    copy = await asyncio.create_subprocess_exec("cp", "-a", str(prepared / "postgres"), str(place / "postgres"))
    if await copy.wait():
        raise OSError(f"could not copy {prepared}")


@contextlib.asynccontextmanager
async def running_estate(
    place: Path, profiled: Sequence[str] = (), **settings: Any
) -> AsyncIterator[tuple[Estate, Desk]]:
    """Run the whole estate, every service a process, on the cluster at `place`; on free ports."""
    specs = tuple(under_profiler(spec, PROFILES) if spec.name in profiled else spec for spec in roster())
    estate = Estate(EstateSettings.on_free_ports(place, log_bytes_max=200_000_000, **settings), specs)
    if POSTGRES in profiled:
        count_statements(place)
    try:
        await estate.start()
        async with open_desk(estate) as desk:
            yield estate, desk
        if POSTGRES in profiled:
            await told_statements(estate.postgres.admin_dsn)
    finally:
        await estate.stop()
        for name in profiled:
            if name != POSTGRES:
                told(PROFILES / f"{name}.prof")


def under_profiler(spec: ServiceSpec, folder: Path) -> ServiceSpec:
    """Have a service run under cProfile, which writes its file when the service stops."""
    folder.mkdir(parents=True, exist_ok=True)
    words = ("-o", str(folder / f"{spec.name}.prof"), "-m", spec.module, *spec.arguments)
    return replace(spec, module="cProfile", arguments=words)


def told(profile: Path) -> None:
    """Write the functions that took most, beside the profile and under the time of day: one for each contestant."""
    at = datetime.now(UTC).strftime("%H%M%S")  # noqa: TID251 - names a file
    with (profile.parent / f"{profile.stem}-{at}.txt").open("w") as table:
        pstats.Stats(str(profile), stream=table).sort_stats("tottime").print_stats(FUNCTIONS_SHOWN)


def count_statements(place: Path) -> None:
    """Have the server at `place` count statements, those inside functions and triggers too."""
    with (place / "postgres" / "data" / "postgresql.auto.conf").open("a") as settings:
        settings.write("".join(f"{line}\n" for line in COUNTING))


async def told_statements(dsn: str) -> None:
    """Write the statements that took most: milliseconds of running, lock waits included, and of planning."""
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute("CREATE EXTENSION pg_stat_statements")
        found = await connection.fetch(STATEMENTS, FUNCTIONS_SHOWN)
    finally:
        await connection.close()
    PROFILES.mkdir(parents=True, exist_ok=True)
    at = datetime.now(UTC).strftime("%H%M%S")  # noqa: TID251 - names a file
    with (PROFILES / f"{POSTGRES}-{at}.txt").open("w") as table:
        table.write(f"{'running':>10} {'planning':>10} {'calls':>9} {'rows':>9} database: statement\n")
        for row in found:
            figures = f"{row['running']:10.1f} {row['planning']:10.1f} {row['calls']:9} {row['rows']:9}"
            table.write(f"{figures} {row['datname']}: {' '.join(row['query'].split())}\n")


def pids(estate: Estate, services: Sequence[str]) -> dict[str, int]:
    """Return the processes of these services, of the database and of the broker."""
    found = estate.endpoints
    ours = {name: found["services"][name]["pid"] for name in services}
    return ours | {"postgres": found["postgres"]["pid"], "broker": found["broker"]["pid"]}


@contextlib.asynccontextmanager
async def bare_databases(place: Path, *names: str) -> AsyncIterator[tuple[Postgres, dict[str, str]]]:
    """Run PostgreSQL alone, with these services' tables; give the server and the DSN of each database."""
    postgres = Postgres(PostgresPlan(directory=place / "postgres", port=free_port()))
    await postgres.start()
    try:
        dsns = {name: await postgres.create_database(name) for name in names}
        for name, dsn in dsns.items():
            async with database(dsn) as opened, opened.connection() as connection:
                for package in SERVICE_SCHEMAS[name]:
                    await schema.apply(connection, files(package) / "schema")
        yield postgres, dsns
    finally:
        await postgres.stop()


@contextlib.asynccontextmanager
async def database(dsn: str, **more: Any) -> AsyncIterator[Database]:
    """Open a database with limits that suit a bulk job."""
    async with connect(DatabaseSettings(dsn=SecretStr(dsn), statement_seconds=600, **more)) as opened:
        yield opened


async def digest(connection: Connection, what: str) -> list[int | str]:
    """Count the rows of a query and digest them, in whatever order they come."""
    row = await connection.fetchrow(
        f"SELECT count(*), coalesce(sum(hashtextextended(t::text, 0)::numeric), 0)::text FROM ({what}) AS t"
    )
    assert row is not None
    return [row[0], row[1]]


async def digests(dsns: Mapping[str, str], contents: Mapping[str, tuple[str, str]]) -> dict[str, list[int | str]]:
    """Digest several queries, each of them (database, SQL) under a name of its own."""
    found = {}
    for name, (where, what) in contents.items():
        connection = await asyncpg.connect(dsns[where])
        try:
            found[name] = await digest(connection, what)
        finally:
            await connection.close()
    return found
