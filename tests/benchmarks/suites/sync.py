"""How long a change takes to the other side, commit to commit, and how many a second get there; both directions.

Changes come in at a steady rate, each to a location of its own, through NOMIS's tables (as a screen edits them) or
through the staff door. Then as many as the estate takes. At the end every location is compared on both sides, and
nothing may be on a queue or in a dead-letter queue; otherwise the run does not count.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any
from uuid import UUID

import asyncpg
from pydantic import SecretStr

from infra.local.demo import scenario
from infra.local.demo.desk import Desk, seen
from infra.local.supervisor import Estate
from libs.web.outgoing import ApiSession, OutgoingSettings, api_session
from tests.benchmarks.commits import Commits, commits
from tests.benchmarks.estates import copied, pids, prepare_nomis, running_estate
from tests.benchmarks.measuring import (
    Benchmark,
    Contestant,
    DoesNotCount,
    Figures,
    Goal,
    Options,
    Round,
    percentile,
)
from tests.benchmarks.processes import watched

OURS = ("nomis", "mapping", "locations", "to_nomis", "from_nomis")
ROWS, QUICK_ROWS = 6_000, 1_500
A_SECOND = 50
STEADY, QUICK_STEADY = 600, 100
BURST, QUICK_BURST = 1_500, 150
EDITORS = 16
PATIENCE_SECONDS = 180.0
LONG_POLLS = {"QUEUE_WAIT_SECONDS": "20", "QUEUE_IDLE_PAUSE_SECONDS": "0"}
CELLS = """
SELECT l.id, s.nomis_location_id, l.max_capacity
  FROM location l JOIN sync_state s ON s.location_id = l.id JOIN location p ON p.id = l.parent_id AND p.active
 WHERE l.location_type = 'CELL' AND l.residential_housing_type = 'NORMAL_ACCOMMODATION' AND l.active
   AND l.max_capacity BETWEEN 1 AND 3 AND l.working_capacity >= 1 AND l.converted_cell_type IS NULL
 ORDER BY l.id
"""
SCREEN = """
UPDATE agency_internal_locations SET comment_text = 'Seen in round ' || $2
 WHERE internal_location_id = ANY($1::bigint[])
"""
DPS_SIDE = """
SELECT s.nomis_location_id, coalesce(left(l.comments, 240), ''), coalesce(l.max_capacity, 0)
  FROM location l JOIN sync_state s ON s.location_id = l.id
 WHERE l.location_type = 'CELL' AND l.residential_housing_type = 'NORMAL_ACCOMMODATION'
   AND l.converted_cell_type IS NULL
"""
NOMIS_SIDE = """
SELECT internal_location_id, coalesce(comment_text, ''), coalesce(capacity, 0) FROM agency_internal_locations
"""


@dataclass(frozen=True)
class Cell:
    """A cell that both sides hold."""

    dps_id: UUID
    nomis_id: int
    capacity: int


@dataclass(frozen=True)
class Sides:
    """Commits of both sides."""

    dps: Commits
    nomis: Commits


Edit = Callable[[Cell], Awaitable[None]]


async def prepare(directory: Path, options: Options) -> None:
    """Generate some prisons and migrate them once: every contestant starts with both sides equal."""
    await prepare_nomis(directory / "equal", QUICK_ROWS if options.quick else ROWS, options.seed)
    async with running_estate(directory / "equal", log_level="WARNING") as (_, desk):
        await scenario.migrate(desk, PATIENCE_SECONDS)


def over(**settings: Any) -> Contestant:
    """Make the contestant that runs the whole estate on a broker."""

    async def run(this: Round) -> Figures:
        await copied(this.directory.parent / "equal", this.directory)
        async with running_estate(this.directory, this.options.profiled, **settings) as (estate, desk):
            dsns = {name: each["dsn"] for name, each in estate.endpoints["databases"].items()}
            async with (
                commits(dsns["locations"], "location", "id", "comments", "max_capacity") as dps,
                commits(
                    dsns["nomis"], "agency_internal_locations", "internal_location_id", "comment_text", "capacity"
                ) as nomis,
                api_session(staff_of(estate)) as staff,
            ):
                figures = await measured(this, desk, staff, Sides(dps, nomis), pids(estate, OURS))
            await compared(desk, dsns)
        return figures

    return run


def staff_of(estate: Estate) -> OutgoingSettings:
    """Say how the staff door is reached by as many as there are: none of them waits for another's connection."""
    found = estate.endpoints
    return OutgoingSettings(
        base_url=found["services"]["locations"]["url"],
        token_url=found["signIn"]["tokenUrl"],
        client_id="operator",
        client_secret=SecretStr(found["signIn"]["clients"]["operator"]["secret"]),
        connections_max=1_000,
        connect_seconds=PATIENCE_SECONDS,
        timeout_seconds=PATIENCE_SECONDS,
    )


async def measured(this: Round, desk: Desk, staff: ApiSession, sides: Sides, watching: Mapping[str, int]) -> Figures:
    """Go through both directions, each at a steady rate and then as fast as it goes."""
    cells = [Cell(*row) for row in await desk.locations_database.fetch(CELLS)]
    Random(this.seed).shuffle(cells)
    quick = this.options.quick
    counts = (QUICK_STEADY, QUICK_BURST) if quick else (STEADY, BURST)
    steady, burst = (counts[0], min(counts[1], len(cells) - counts[0]))
    figures: dict[str, float] = {}
    for name, edit, here, there, key_here, key_there in (
        ("NOMIS → DPS", by_screen(desk, this.number), sides.nomis, sides.dps, nomis_key, dps_key),
        ("DPS → NOMIS", by_staff(staff), sides.dps, sides.nomis, dps_key, nomis_key),
    ):
        await settled(desk)
        some, many = cells[:steady], cells[steady : steady + burst]
        there.expect({key_there(cell) for cell in some})
        here.at.clear()
        await at_a_rate(some, edit, A_SECOND)
        await arrived(there, name)
        took = sorted((there.at[key_there(cell)] - here.at[key_here(cell)]) * 1000 for cell in some)
        figures |= {f"{name} p50 ms": percentile(took, 0.5), f"{name} p99 ms": percentile(took, 0.99)}
        await settled(desk)
        there.expect({key_there(cell) for cell in many})
        began = time.perf_counter()
        async with watched(watching) as watch:
            await as_fast_as_it_goes(many, edit)
            made = time.perf_counter() - began
            await arrived(there, name)
        figures |= {f"{name} {who} CPU ms/change": spent / len(many) * 1e3 for who, spent in watch.cpu.items()}
        figures |= {
            f"{name} made/s": len(many) / made,
            f"{name} sustained/s": len(many) / (max(there.at[key_there(cell)] for cell in many) - began),
        }
    return figures


def nomis_key(cell: Cell) -> str:
    """Return what NOMIS's commits name a cell by."""
    return str(cell.nomis_id)


def dps_key(cell: Cell) -> str:
    """Return what DPS's commits name a cell by."""
    return str(cell.dps_id)


def by_screen(desk: Desk, number: int) -> Edit:
    """Edit as a NOMIS screen does: SQL in a transaction of its own."""
    lock = asyncio.Lock()

    async def edit(cell: Cell) -> None:
        async with lock:
            await desk.screen(SCREEN, [cell.nomis_id], str(number))

    return edit


def by_staff(staff: ApiSession) -> Edit:
    """Edit as staff do, through their door."""

    async def edit(cell: Cell) -> None:
        body = {"maxCapacity": cell.capacity + 1, "workingCapacity": 1}
        await staff.request("PUT", f"/locations/{cell.dps_id}/capacity", json=body)

    return edit


async def at_a_rate(cells: Sequence[Cell], edit: Edit, a_second: int) -> None:
    """Start an edit every so often, whether the last one has ended or not."""
    began = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for number, cell in enumerate(cells):
            await asyncio.sleep(max(0.0, began + number / a_second - time.perf_counter()))
            group.create_task(_once(edit, cell))


async def as_fast_as_it_goes(cells: Sequence[Cell], edit: Edit) -> None:
    """Let some editors work through the cells."""
    waiting = iter(cells)

    async def editor() -> None:
        for cell in waiting:
            await edit(cell)

    async with asyncio.TaskGroup() as group:
        for _ in range(EDITORS):
            group.create_task(editor())


async def _once(edit: Edit, cell: Cell) -> None:
    await edit(cell)


async def arrived(there: Commits, name: str) -> None:
    """Wait until everything expected is on the other side."""
    try:
        await asyncio.wait_for(there.all_seen.wait(), PATIENCE_SECONDS)
    except TimeoutError:
        raise DoesNotCount(f"{name}: {len(there.wanted)} changes did not arrive") from None


async def settled(desk: Desk) -> None:
    """Wait until nothing is under way."""

    async def still() -> bool:
        waiting = await desk.locations_database.fetchval("SELECT count(*) FROM outbox WHERE published_at IS NULL")
        ready = await desk.nomis_database.fetchval("SELECT count(*) FROM xtag_listener_tab WHERE state = 'ready'")
        return not waiting and not ready and sum((await desk.depths()).values()) == 0

    await seen(still, "nothing on any queue", PATIENCE_SECONDS)


async def compared(desk: Desk, dsns: Mapping[str, str]) -> None:
    """Raise DoesNotCount unless every ordinary cell is the same on both sides and nothing is left behind."""
    await settled(desk)
    nomis_side, dps_side = await rows_of(dsns["nomis"], NOMIS_SIDE), await rows_of(dsns["locations"], DPS_SIDE)
    different = [nomis_id for nomis_id, held in dps_side.items() if nomis_side.get(nomis_id) != held]
    if different:
        raise DoesNotCount(f"{len(different)} cells differ, among them NOMIS {different[:5]}")


async def rows_of(dsn: str, sql: str) -> dict[int, tuple[Any, ...]]:
    """Return rows by their first column."""
    connection = await asyncpg.connect(dsn)
    try:
        return {row[0]: tuple(row)[1:] for row in await connection.fetch(sql)}
    finally:
        await connection.close()


FAST, EMBEDDED = "fauxqs", "ministack, long polls"
DIRECTIONS = ("NOMIS → DPS", "DPS → NOMIS")
BENCHMARK = Benchmark(
    title="Sync",
    setting=(
        f"the whole estate as processes on one machine, PostgreSQL with fsync; {A_SECOND} changes a second, then as "
        "many as go through; commit to commit as seen by one listener of both databases; both sides compared at the end"
    ),
    contestants={
        FAST: over(broker="fauxqs"),
        EMBEDDED: over(broker="ministack", service_env={"to_nomis": LONG_POLLS, "from_nomis": LONG_POLLS}),
    },
    goals=(
        *(Goal(FAST, f"{way} p50 ms", "at most", 15, absolute=True) for way in DIRECTIONS),
        *(Goal(FAST, f"{way} p99 ms", "at most", 40, absolute=True) for way in DIRECTIONS),
        *(Goal(EMBEDDED, f"{way} p50 ms", "at most", 80, absolute=True) for way in DIRECTIONS),
        *(Goal(EMBEDDED, f"{way} p99 ms", "at most", 160, absolute=True) for way in DIRECTIONS),
        *(Goal(FAST, f"{way} sustained/s", "at least", 400, absolute=True) for way in DIRECTIONS),
    ),
    prepare=prepare,
)
