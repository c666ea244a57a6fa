"""How soon a difference that somebody made by SQL, behind everybody's back, is found and mended while both sides edit.

Comments of rooms are changed in NOMIS with the triggers silent, and in DPS's own table. Of half of the rooms something
else is edited next, by staff or on a screen: that event alone must bring the mending. The others wait for a full run.
Each comment must end as the planted one on both sides; otherwise the run does not count.
"""

import asyncio
import time
from collections.abc import Iterator, Mapping, Sequence
from itertools import cycle
from pathlib import Path
from random import Random

from infra.local.demo import scenario
from infra.local.demo.desk import Desk, open_desk
from tests.benchmarks.estates import copied, prepare_nomis, running_estate
from tests.benchmarks.measuring import Benchmark, DoesNotCount, Figures, Goal, Options, Round, percentile
from tests.benchmarks.suites.sync import ROOMS, Edit, Room, by_screen, by_staff, compared, settled

ROWS, QUICK_ROWS = 6_000, 1_500
# On each side, for each way to be found.
PLANTED = 20
TRAFFIC_A_SECOND = 10
PATIENCE_SECONDS = 180.0
LOOK_SECONDS = 0.2
IN_NOMIS = (
    "UPDATE agency_internal_locations SET comment_text = 'Planted' WHERE internal_location_id = ANY($1::bigint[])"
)
IN_DPS = "UPDATE location SET comments = 'Planted' WHERE id = ANY($1::uuid[])"
MENDED_IN_NOMIS = """
SELECT internal_location_id FROM agency_internal_locations
 WHERE internal_location_id = ANY($1::bigint[]) AND comment_text = 'Planted'
"""
MENDED_IN_DPS = "SELECT id FROM location WHERE id = ANY($1::uuid[]) AND comments = 'Planted'"
RENAME = "UPDATE agency_internal_locations SET user_desc = $2 WHERE internal_location_id = $1"


async def prepare(directory: Path, options: Options) -> None:
    """Generate some prisons and migrate them once."""
    await prepare_nomis(directory / "equal", QUICK_ROWS if options.quick else ROWS, options.seed)
    async with running_estate(directory / "equal", log_level="WARNING") as (_, desk):
        await scenario.migrate(desk, PATIENCE_SECONDS)


async def services(this: Round) -> Figures:
    """Plant, edit on, and look until all is mended: once by the next event, once by a full run."""
    await copied(this.directory.parent / "equal", this.directory)
    async with running_estate(this.directory, this.options.profiled, log_level="WARNING") as (estate, desk):
        rooms = [Room(*row) for row in await desk.locations_database.fetch(ROOMS)]
        Random(this.seed).shuffle(rooms)
        told, untold, others = rooms[: 2 * PLANTED], rooms[2 * PLANTED : 4 * PLANTED], rooms[4 * PLANTED :]
        # With connections of their own: nobody there waits for whom we ask.
        async with open_desk(estate) as elsewhere:
            edits = [by_screen(elsewhere, this.number), by_staff(elsewhere.staff)]
            traffic = asyncio.create_task(edited_on(others, edits))
            try:
                by_event = await after_events(desk, told)
                by_run = await after_a_run(desk, untold)
            finally:
                traffic.cancel()
                await asyncio.wait([traffic])
        await settled(desk)
        await compared(desk, {name: each["dsn"] for name, each in estate.endpoints["databases"].items()})
    return {
        "planted": len(told) + len(untold),
        **figures_of("after the next event", by_event),
        **figures_of("after a full run was asked for", by_run),
    }


def figures_of(name: str, seconds: Sequence[float]) -> Mapping[str, float]:
    """Give the middle and the slowest."""
    return {f"{name}, p50 s": percentile(seconds, 0.5), f"{name}, slowest s": max(seconds)}


async def edited_on(rooms: Sequence[Room], edits: Sequence[Edit]) -> None:
    """Edit rooms in turn, on either side, until cancelled."""
    either: Iterator[Edit] = cycle(edits)
    for room in cycle(rooms):
        await next(either)(room)
        await asyncio.sleep(1 / TRAFFIC_A_SECOND)


async def planted(desk: Desk, rooms: Sequence[Room]) -> None:
    """Change the first half in NOMIS, where no trigger tells, and the second half in DPS."""
    half = len(rooms) // 2
    async with desk.nomis_database.transaction():
        await desk.nomis_database.execute("SELECT set_config('nomis.audit_module_name', 'MERGE', true)")
        await desk.nomis_database.execute(IN_NOMIS, [room.nomis_id for room in rooms[:half]])
    await desk.locations_database.execute(IN_DPS, [room.dps_id for room in rooms[half:]])


async def after_events(desk: Desk, rooms: Sequence[Room]) -> list[float]:
    """Edit something else of each: staff where NOMIS was changed, a screen where DPS was."""
    await planted(desk, rooms)
    at: dict[Room, float] = {}
    staff = by_staff(desk.staff)
    for place, room in enumerate(rooms):
        if place < len(rooms) // 2:
            await staff(room)
        else:
            await desk.screen(RENAME, room.nomis_id, f"Room {place}")
        at[room] = time.perf_counter()
    return await mended(desk, at)


async def after_a_run(desk: Desk, rooms: Sequence[Room]) -> list[float]:
    """Ask for a full run that has settled what it finds, as the weekly one does."""
    await planted(desk, rooms)
    asked = time.perf_counter()
    await desk.reconciliation.request("PUT", "/locations/reports/reconciliation", ok=(202,))
    return await mended(desk, dict.fromkeys(rooms, asked))


async def mended(desk: Desk, since: Mapping[Room, float]) -> list[float]:
    """Look until each is the same on both sides; give how long each took."""
    took: dict[Room, float] = {}
    until = time.perf_counter() + PATIENCE_SECONDS
    while left := [room for room in since if room not in took]:
        if time.perf_counter() > until:
            raise DoesNotCount(f"{len(left)} of {len(since)} planted differences were not mended, {left[0]} among them")
        nomis = await desk.nomis_database.fetch(MENDED_IN_NOMIS, [room.nomis_id for room in left])
        dps = await desk.locations_database.fetch(MENDED_IN_DPS, [room.dps_id for room in left])
        now, there, here = time.perf_counter(), {row[0] for row in nomis}, {row[0] for row in dps}
        took |= {room: now - since[room] for room in left if room.nomis_id in there and room.dps_id in here}
        await asyncio.sleep(LOOK_SECONDS)
    return list(took.values())


BENCHMARK = Benchmark(
    title="Planted differences",
    setting=(
        f"the whole estate as processes on one machine, PostgreSQL with fsync; {TRAFFIC_A_SECOND} changes a second "
        f"elsewhere; {4 * PLANTED} comments changed by SQL, half of them in NOMIS and half in DPS; both sides "
        "compared at the end"
    ),
    contestants={"services": services},
    goals=(Goal("services", "after the next event, slowest s", "at most", 60),),
    prepare=prepare,
)
