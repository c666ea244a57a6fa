"""How fast the estate is migrated, beside one script that copies tables, and beside one location a message.

Each contestant starts from a copy of the same generated NOMIS. What it wrote is compared, row by row, with what the
script wrote: location, history, sync state and link; the accounts must add up. Otherwise the run does not count.
"""

import asyncio
import shutil
from collections.abc import Collection, Mapping
from contextlib import AsyncExitStack
from datetime import datetime
from pathlib import Path
from typing import Any

import orjson

from infra.local.demo.desk import Desk
from libs.domain.identity import dps_id_for
from libs.domain.nomis import NomisLocationId
from services.locations.records import COLUMNS
from tests.benchmarks import floor
from tests.benchmarks.estates import bare_databases, copied, database, digests, pids, prepare_nomis, running_estate
from tests.benchmarks.measuring import Benchmark, Contestant, DoesNotCount, Figures, Goal, Options, Ratio, Round
from tests.benchmarks.processes import Watch, watched

# At least so many locations; None is the whole estate of the generator, 227 thousand with seed 7.
SIZES: Mapping[str, int | None] = {"all": None, "some": 20_000, "few": 1_500}
QUICK_SIZES: Mapping[str, int | None] = {"all": 6_000, "some": 3_000, "few": 1_000}
RATE = "locations/s"
# As often as a page that an operator watches: each look counts the items of the run.
LOOK_SECONDS = 2.0
PATIENCE_SECONDS = 600.0
OURS = ("nomis", "mapping", "locations", "migration", "to_nomis", "from_nomis")


def contents(contested: Collection[int]) -> dict[str, tuple[str, str]]:
    """Say what is compared: everything, but of rows that claim one path only that one of them got it."""
    rows = f"ARRAY[{', '.join(map(str, sorted(contested)))}]::bigint[]"
    ids = f"ARRAY[{', '.join(repr(str(dps_id_for(NomisLocationId(each)))) for each in sorted(contested))}]::uuid[]"
    return {
        "location": ("locations", f"SELECT {', '.join(COLUMNS)} FROM location WHERE id <> ALL({ids})"),
        "sync state": ("locations", f"SELECT * FROM sync_state WHERE location_id <> ALL({ids})"),
        "history": (
            "locations",
            (
                "SELECT location_id, attribute_name, old_value, new_value, amended_by, amended_date"
                f"  FROM location_history WHERE location_id <> ALL({ids})"
            ),
        ),
        "mapping": (
            "mapping",
            (
                "SELECT dps_location_id, nomis_location_id, mapping_type"
                f"  FROM location_mapping WHERE nomis_location_id <> ALL({rows})"
            ),
        ),
        "contested": ("locations", f"SELECT prison_id, path_hierarchy FROM location WHERE id = ANY({ids})"),
        "contested links": ("mapping", f"SELECT 1 FROM location_mapping WHERE nomis_location_id = ANY({rows})"),
    }


async def prepare(directory: Path, options: Options) -> None:
    """Generate each size once, and let the script say what must come out of it."""
    sizes = dict(QUICK_SIZES if options.quick else SIZES)
    if options.rows:
        sizes["all"] = options.rows
    for size in sorted({size for name, size in OF.items() if not options.among or name in options.among}):
        rows = sizes[size]
        await prepare_nomis(directory / size, rows, options.seed)
        (directory / "first").mkdir()
        _, written = await scripted(directory / size, directory / "first")
        shutil.rmtree(directory / "first")
        (directory / f"{size}.json").write_bytes(orjson.dumps(written))


async def scripted(prepared: Path, place: Path) -> tuple[Figures, dict[str, Any]]:
    """Run the script on a copy; return its figures and what it wrote."""
    await copied(prepared, place)
    async with AsyncExitStack() as stack:
        postgres, dsns = await stack.enter_async_context(bare_databases(place, "nomis", "locations", "mapping"))
        opened = [await stack.enter_async_context(database(dsn)) for dsn in dsns.values()]
        async with watched({"postgres": postgres.pid}) as watch:
            done = await floor.migrate(*opened)
        written: dict[str, Any] = {"claimants": sorted(done.contested), "left out": done.left_out}
        written |= await digests(dsns, contents(done.contested))
    return {
        "locations": done.locations,
        RATE: done.locations / done.seconds,
        "seconds": done.seconds,
        "share of reading": done.read_seconds / done.seconds,
        "share of translating": done.translate_seconds / done.seconds,
        "share of loading": done.load_seconds / done.seconds,
        "postgres CPU µs/location": watch.cpu["postgres"] / done.locations * 1e6,
    }, written


def script(size: str) -> Contestant:
    """Make the contestant that copies tables."""

    async def run(this: Round) -> Figures:
        figures, written = await scripted(this.directory.parent / size, this.directory)
        check(this, size, written)
        return figures

    return run


def services(size: str, **environment: str) -> Contestant:
    """Make the contestant that runs the whole estate, every service a process."""

    async def run(this: Round) -> Figures:
        await copied(this.directory.parent / size, this.directory)
        async with running_estate(this.directory, this.options.profiled, service_env={"migration": environment}) as (
            estate,
            desk,
        ):
            async with watched(pids(estate, OURS)) as watch:
                run = await migrated(desk)
            dsns = {name: each["dsn"] for name, each in estate.endpoints["databases"].items()}
            claimants = expected(this, size)["claimants"]
            written = await digests(dsns, contents(claimants))
        left_out = run["recordsSkipped"] + run["recordsFailed"]
        check(this, size, written | {"claimants": claimants, "left out": left_out})
        return figures_of(run, watch)

    return run


async def migrated(desk: Desk) -> dict[str, Any]:
    """Start a run as an operator does, and look now and then until it is over."""
    started = (await desk.operator.request("POST", "/migrate/locations", json={}, ok=(202,))).json()
    path = f"/migrate/locations/history/{started['migrationId']}"
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            run: dict[str, Any] = (await desk.operator.request("GET", path)).json()
            if run["status"] == "COMPLETED":
                run["reasons"] = (await desk.operator.request("GET", f"{path}/failures")).json()
                return run
            await asyncio.sleep(LOOK_SECONDS)


def figures_of(run: Mapping[str, Any], watch: Watch) -> Figures:
    """Return rates by the service's own clock, CPU for each location, and memory."""
    times = (datetime.fromisoformat(run[name]) for name in ("whenStarted", "whenEnded"))
    began, ended = times
    seconds, migrated_count = (ended - began).total_seconds(), run["recordsMigrated"]
    cpu = {f"{name} CPU µs/location": spent / migrated_count * 1e6 for name, spent in watch.cpu.items()}
    return {
        "locations": migrated_count,
        RATE: migrated_count / seconds,
        "seconds": seconds,
        "all CPU µs/location": sum(cpu.values()),
        **cpu,
        **{f"{name} MB": watch.most(name) for name in OURS},
        "largest MB": max(watch.most(name) for name in OURS),
        "growth MB": max(watch.growth(name) for name in OURS),
    }


def expected(this: Round, size: str) -> dict[str, Any]:
    """Return what the script wrote before the first round."""
    found: dict[str, Any] = orjson.loads((this.directory.parent / f"{size}.json").read_bytes())
    return found


def check(this: Round, size: str, found: Mapping[str, Any]) -> None:
    """Raise DoesNotCount unless everything written is what was expected."""
    wanted = expected(this, size)
    if wrong := [f"{name}: {found[name]}, not {wanted[name]}" for name in wanted if wanted[name] != found[name]]:
        raise DoesNotCount("; ".join(wrong))


OF = {"script": "all", "services": "all", "services, 20,000": "some", "one location a message": "few"}
BENCHMARK = Benchmark(
    title="Migration",
    setting=(
        "the whole estate as processes on one machine, broker (ministack) included, PostgreSQL with fsync; "
        "authentication, rules, history, accounts and logs on; contents compared row by row after each run"
    ),
    contestants={
        "script": script(OF["script"]),
        "services": services(OF["services"]),
        "services, 20,000": services(OF["services, 20,000"]),
        "one location a message": services(OF["one location a message"], STAGES='{"page": 1}'),
    },
    ratios=(
        Ratio("services ÷ script", ("services", RATE), ("script", RATE)),
        Ratio("services ÷ services, 20,000", ("services", RATE), ("services, 20,000", RATE)),
        Ratio("services ÷ one location a message", ("services", RATE), ("one location a message", RATE)),
    ),
    goals=(
        Goal("", "services ÷ script", "at least", 0.5),
        Goal("", "services ÷ services, 20,000", "at least", 0.9),
        Goal("", "services ÷ one location a message", "at least", 20),
        Goal("services", "largest MB", "at most", 150),
        Goal("services", "growth MB", "at most", 40),
        Goal("services", "seconds", "at most", 35, absolute=True),
    ),
    prepare=prepare,
)
