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
from libs.domain.events import LocationEventType, OffenderEventType
from libs.web.outgoing import ApiSession, OutgoingSettings, api_session
from libs.worker.settings import canonical
from tests.benchmarks.commits import Commits, commits
from tests.benchmarks.estates import copied, pids, prepare_nomis, running_estate
from tests.benchmarks.measuring import (
    Benchmark,
    Contestant,
    DoesNotCount,
    Figures,
    Goal,
    Options,
    Ratio,
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
# Rooms: a change of one is one event and one walk, where a cell's capacity moves the totals of all above it as well.
ROOMS = """
SELECT l.id, s.nomis_location_id FROM location l JOIN sync_state s ON s.location_id = l.id
 WHERE l.residential_housing_type IS NULL AND l.active AND NOT l.archived AND l.parent_id IS NOT NULL
 ORDER BY l.id
"""
SCREEN = "UPDATE agency_internal_locations SET comment_text = $2 WHERE internal_location_id = $1"
DPS_SIDE = """
SELECT s.nomis_location_id, btrim(coalesce(left(l.comments, 240), '')), btrim(coalesce(left(l.local_name, 40), ''))
  FROM location l JOIN sync_state s ON s.location_id = l.id WHERE l.residential_housing_type IS NULL
"""
NOMIS_SIDE = """
SELECT internal_location_id, btrim(coalesce(comment_text, '')), btrim(coalesce(user_desc, ''))
  FROM agency_internal_locations
"""


@dataclass(frozen=True)
class Room:
    """A room that both sides hold."""

    dps_id: UUID
    nomis_id: int


@dataclass(frozen=True)
class Sides:
    """Commits of both sides."""

    dps: Commits
    nomis: Commits


Edit = Callable[[Room], Awaitable[None]]


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
                commits(dsns["locations"], "location", "id", "comments", "local_name") as dps,
                commits(
                    dsns["nomis"], "agency_internal_locations", "internal_location_id", "comment_text", "user_desc"
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
    rooms = [Room(*row) for row in await desk.locations_database.fetch(ROOMS)]
    Random(this.seed).shuffle(rooms)
    quick = this.options.quick
    counts = (QUICK_STEADY, QUICK_BURST) if quick else (STEADY, BURST)
    steady, burst = (counts[0], min(counts[1], len(rooms) - counts[0]))
    figures: dict[str, float] = {}
    for name, edit, here, there, key_here, key_there in (
        ("NOMIS → DPS", by_screen(desk, this.number), sides.nomis, sides.dps, nomis_key, dps_key),
        ("DPS → NOMIS", by_staff(staff), sides.dps, sides.nomis, dps_key, nomis_key),
    ):
        await settled(desk)
        some, many = rooms[:steady], rooms[steady : steady + burst]
        there.expect({key_there(room) for room in some})
        here.at.clear()
        await at_a_rate(some, edit, A_SECOND)
        await arrived(there, name)
        took = sorted((there.at[key_there(room)] - here.at[key_here(room)]) * 1000 for room in some)
        figures |= {f"{name} p50 ms": percentile(took, 0.5), f"{name} p99 ms": percentile(took, 0.99)}
        await settled(desk)
        there.expect({key_there(room) for room in many})
        began = time.perf_counter()
        async with watched(watching) as watch:
            await as_fast_as_it_goes(many, edit)
            made = time.perf_counter() - began
            await arrived(there, name)
        figures |= {f"{name} {who} CPU ms/change": spent / len(many) * 1e3 for who, spent in watch.cpu.items()}
        figures |= {
            f"{name} made/s": len(many) / made,
            f"{name} sustained/s": len(many) / (max(there.at[key_there(room)] for room in many) - began),
        }
    return figures


def nomis_key(room: Room) -> str:
    """Return what NOMIS's commits name a room by."""
    return str(room.nomis_id)


def dps_key(room: Room) -> str:
    """Return what DPS's commits name a room by."""
    return str(room.dps_id)


def by_screen(desk: Desk, number: int) -> Edit:
    """Edit as a NOMIS screen does: SQL in a transaction of its own."""
    lock = asyncio.Lock()

    async def edit(room: Room) -> None:
        async with lock:
            await desk.screen(SCREEN, room.nomis_id, f"Seen in round {number}")

    return edit


def by_staff(staff: ApiSession) -> Edit:
    """Edit as staff do, through their door."""

    async def edit(room: Room) -> None:
        body = {"localName": f"Room of {room.nomis_id}"}
        await staff.request("PUT", f"/locations/{room.dps_id}/change-local-name", json=body)

    return edit


async def at_a_rate(rooms: Sequence[Room], edit: Edit, a_second: int) -> None:
    """Start an edit every so often, whether the last one has ended or not."""
    began = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for number, room in enumerate(rooms):
            await asyncio.sleep(max(0.0, began + number / a_second - time.perf_counter()))
            group.create_task(_once(edit, room))


async def as_fast_as_it_goes(rooms: Sequence[Room], edit: Edit) -> None:
    """Let some editors work through the rooms."""
    waiting = iter(rooms)

    async def editor() -> None:
        for room in waiting:
            await edit(room)

    async with asyncio.TaskGroup() as group:
        for _ in range(EDITORS):
            group.create_task(editor())


async def _once(edit: Edit, room: Room) -> None:
    await edit(room)


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
    """Raise DoesNotCount unless every room is the same on both sides and nothing is left behind."""
    await settled(desk)
    nomis_side, dps_side = await rows_of(dsns["nomis"], NOMIS_SIDE), await rows_of(dsns["locations"], DPS_SIDE)
    different = [nomis_id for nomis_id, held in dps_side.items() if nomis_side.get(nomis_id) != held]
    if different:
        raise DoesNotCount(f"{len(different)} rooms differ, among them NOMIS {different[:5]}")


async def rows_of(dsn: str, sql: str) -> dict[int, tuple[Any, ...]]:
    """Return rows by their first column."""
    connection = await asyncpg.connect(dsn)
    try:
        return {row[0]: tuple(row)[1:] for row in await connection.fetch(sql)}
    finally:
        await connection.close()


FAST, EMBEDDED = "fauxqs", "ministack, long polls"
UNCHECKED = "fauxqs, settle check off"
# Reconciliation drops every event it is told of, by the switches that operators have.
NOTHING_NOTED = {f"FEATURE_EVENT_{canonical(kind)}": "drop" for kind in (*LocationEventType, *OffenderEventType)}
DIRECTIONS = ("NOMIS → DPS", "DPS → NOMIS")
BENCHMARK = Benchmark(
    title="Sync",
    setting=(
        f"the whole estate as processes on one machine, PostgreSQL with fsync; {A_SECOND} changes a second, then as "
        "many as go through; commit to commit as seen by one listener of both databases; both sides compared at the end"
    ),
    contestants={
        FAST: over(broker="fauxqs"),
        UNCHECKED: over(broker="fauxqs", service_env={"reconciliation": NOTHING_NOTED}),
        EMBEDDED: over(broker="ministack", service_env={"to_nomis": LONG_POLLS, "from_nomis": LONG_POLLS}),
    },
    ratios=tuple(
        Ratio(f"{way} {figure}, settle check on ÷ off", (FAST, f"{way} {figure}"), (UNCHECKED, f"{way} {figure}"))
        for way in DIRECTIONS
        for figure in ("sustained/s", "p99 ms")
    ),
    goals=(
        *(Goal("", f"{way} sustained/s, settle check on ÷ off", "at least", 0.9) for way in DIRECTIONS),
        *(Goal("", f"{way} p99 ms, settle check on ÷ off", "at most", 1.1) for way in DIRECTIONS),
        *(Goal(FAST, f"{way} p50 ms", "at most", 15, absolute=True) for way in DIRECTIONS),
        *(Goal(FAST, f"{way} p99 ms", "at most", 40, absolute=True) for way in DIRECTIONS),
        *(Goal(EMBEDDED, f"{way} p50 ms", "at most", 80, absolute=True) for way in DIRECTIONS),
        *(Goal(EMBEDDED, f"{way} p99 ms", "at most", 160, absolute=True) for way in DIRECTIONS),
        *(Goal(FAST, f"{way} sustained/s", "at least", 400, absolute=True) for way in DIRECTIONS),
    ),
    prepare=prepare,
)
