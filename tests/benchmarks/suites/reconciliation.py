"""How long a full run over a migrated estate takes over HTTP, beside one SQL script over copies of the tables.

Each contestant starts from a copy of the same migrated estate, in which some comments of NOMIS were changed behind
everybody's back. Both must find just those; otherwise the run does not count. The run settles nothing.
"""

from collections.abc import Mapping
from contextlib import AsyncExitStack
from datetime import datetime
from pathlib import Path
from typing import Any

import asyncpg

from infra.local.demo import scenario
from tests.benchmarks import comparing
from tests.benchmarks.estates import bare_databases, copied, pids, prepare_nomis, running_estate
from tests.benchmarks.measuring import Benchmark, DoesNotCount, Figures, Goal, Options, Ratio, Round
from tests.benchmarks.processes import watched

QUICK_ROWS = 1_500
OURS = ("nomis", "mapping", "locations", "reconciliation")
PLANTED = 40
PATIENCE_SECONDS = 900.0
# Every so many rooms, spread over the whole estate; as the estate generator loads, so no trigger tells of it.
PLANT = """
UPDATE agency_internal_locations SET comment_text = 'Nobody was told'
 WHERE internal_location_id IN (
       SELECT internal_location_id FROM (
              SELECT internal_location_id, count(*) OVER () AS n,
                     row_number() OVER (ORDER BY internal_location_id) AS place
                FROM agency_internal_locations WHERE internal_location_id = ANY($1::bigint[])) each
        WHERE place % (n / $2) = 0 LIMIT $2)
"""
LINKED = """
SELECT s.nomis_location_id FROM location l JOIN sync_state s ON s.location_id = l.id
 WHERE l.residential_housing_type IS NULL AND NOT l.archived AND l.converted_cell_type IS NULL
   AND s.nomis_location_id IS NOT NULL
"""

REPORTED = """SELECT count(*) FROM mismatch WHERE run_id = $1 AND differences @> '[{"field": "comments"}]'"""


async def prepare(directory: Path, options: Options) -> None:
    """Generate the estate, migrate it once, and change some comments silently."""
    rows = QUICK_ROWS if options.quick else options.rows
    await prepare_nomis(directory / "migrated", rows, options.seed)
    async with running_estate(directory / "migrated", log_level="WARNING") as (_, desk):
        await scenario.migrate(desk, PATIENCE_SECONDS)
        ids = [row[0] for row in await desk.locations_database.fetch(LINKED)]
        async with desk.nomis_database.transaction():
            await desk.nomis_database.execute("SELECT set_config('nomis.audit_module_name', 'MERGE', true)")
            await desk.nomis_database.execute(PLANT, ids, PLANTED)
        for database in (desk.locations_database, desk.nomis_database):
            await database.execute("VACUUM (ANALYZE)")


async def script(this: Round) -> Figures:
    """COPY both sides into one database and join."""
    await copied(this.directory.parent / "migrated", this.directory)
    async with AsyncExitStack() as stack:
        postgres, dsns = await stack.enter_async_context(
            bare_databases(this.directory, "nomis", "locations", "mapping")
        )
        async with watched({"postgres": postgres.pid}) as watch:
            found = await comparing.compared(dsns)
    check("the script", found.comments)
    return {
        "locations": found.locations,
        "mismatches": found.different,
        "seconds": found.seconds,
        "locations/s": found.locations / found.seconds,
        "postgres CPU µs/location": watch.cpu["postgres"] / found.locations * 1e6,
    }


async def services(this: Round) -> Figures:
    """Ask the running estate for a full run, as an operator does."""
    await copied(this.directory.parent / "migrated", this.directory)
    async with running_estate(this.directory, this.options.profiled, log_level="WARNING") as (estate, desk):
        async with watched(pids(estate, OURS)) as watch:
            run = await scenario.reconcile(desk, PATIENCE_SECONDS)
        dsn = estate.endpoints["databases"]["reconciliation"]["dsn"]
        written = await reported(dsn, run["runId"])
    check("the report", written)
    return figures_of(run) | {
        **{f"{name} CPU µs/location": spent / run["compared"] * 1e6 for name, spent in watch.cpu.items()},
        **{f"{name} MB": watch.most(name) for name in OURS},
        "growth MB": watch.growth("reconciliation"),
    }


def figures_of(run: Mapping[str, Any]) -> dict[str, float]:
    """Return counts and rate by the service's own clock; the pause before the second look is part of it."""
    began, ended = (datetime.fromisoformat(run[name]) for name in ("startedAt", "endedAt"))
    seconds = (ended - began).total_seconds()
    return {
        "locations": run["compared"],
        "mismatches": run["mismatches"],
        "seconds": seconds,
        "locations/s": run["compared"] / seconds,
    }


async def reported(dsn: str, run_id: int) -> int:
    """Count what the report says of comments, in its own table."""
    connection = await asyncpg.connect(dsn)
    try:
        return int(await connection.fetchval(REPORTED, run_id))
    finally:
        await connection.close()


def check(who: str, found: int) -> None:
    """Raise DoesNotCount unless just what was planted was found."""
    if found != PLANTED:
        raise DoesNotCount(f"{who} found {found} changed comments, not {PLANTED}")


BENCHMARK = Benchmark(
    title="Reconciliation",
    setting=(
        "a migrated estate (ROWS chooses its size, all prisons unless said); every service a process on one machine, "
        "PostgreSQL with fsync; all fields over HTTP, suspects looked at twice with a pause of two seconds, the report "
        f"written; {PLANTED} planted changed comments must be found, no more and no fewer"
    ),
    contestants={"script": script, "services": services},
    ratios=(Ratio("services ÷ script, seconds", ("services", "seconds"), ("script", "seconds")),),
    goals=(
        Goal("services", "seconds", "at most", 15, absolute=True),
        Goal("services", "reconciliation MB", "at most", 120),
        Goal("services", "growth MB", "at most", 20),
    ),
    prepare=prepare,
)
