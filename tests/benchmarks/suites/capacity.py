"""How many calls to SQS and SNS a change costs, by direction, and how many an estate makes that does nothing.

Every process counts its calls itself (`messaging_api_requests_total`); they are read before and after. Changes come in
one at a time, each when the one before is long done, which is how a normal day looks; then as many as the estate takes,
where calls carry up to ten messages. `tests/benchmarks/capacity.py` turns them into money.
"""

import asyncio
from collections import Counter
from random import Random

import aiohttp
from prometheus_client.parser import text_string_to_metric_families

from infra.local.demo.desk import Desk
from infra.local.supervisor import Estate
from libs.web.outgoing import api_session
from tests.benchmarks.commits import commits
from tests.benchmarks.estates import copied, running_estate
from tests.benchmarks.measuring import Benchmark, Figures, Round
from tests.benchmarks.suites.sync import (
    ROOMS,
    Edit,
    Room,
    arrived,
    as_fast_as_it_goes,
    by_screen,
    by_staff,
    compared,
    dps_key,
    nomis_key,
    prepare,
    settled,
    staff_of,
)

# NOMIS's relay is in a process of NOMIS's: in production its calls are not ours.
THEIRS = "nomis"
CALLERS = ("locations", "to_nomis", "from_nomis", "migration", "reconciliation", THEIRS)
CALLS = "messaging_api_requests_total"
# What goes on whether anything changes or not: depths, and whether topics and queues are those that were made.
LOOKING = frozenset({"GetQueueAttributes", "GetQueueUrl", "ListQueueTags", "ListTagsForResource"})
ALONE, QUICK_ALONE = 100, 10
ALONE_SECONDS = 0.25
BURST, QUICK_BURST = 1_000, 100
IDLE_SECONDS, QUICK_IDLE_SECONDS = 60.0, 5.0
# The settle check looks at a location eight seconds after its last change, and its calls belong to the change.
CHECKED_SECONDS = 12.0
HOUR = 3600
ESTATE = "the estate"


async def counted(estate: Estate) -> Counter[tuple[str, str]]:
    """Read how often each process has called each operation of the broker since it started."""
    found = estate.endpoints
    calls: Counter[tuple[str, str]] = Counter()
    async with aiohttp.ClientSession() as client:
        secret = found["signIn"]["clients"]["prometheus"]["secret"]
        login = aiohttp.BasicAuth("prometheus", secret)
        form = {"grant_type": "client_credentials"}
        async with client.post(found["signIn"]["tokenUrl"], data=form, auth=login) as answer:
            bearer = {"Authorization": f"Bearer {(await answer.json())['access_token']}"}
        for name in CALLERS:
            async with client.get(f"{found['services'][name]['url']}/metrics", headers=bearer) as answer:
                answer.raise_for_status()
                page = await answer.text()
            for family in text_string_to_metric_families(page):
                for sample in family.samples:
                    if sample.name == CALLS:
                        calls[name, sample.labels["operation"]] += round(sample.value)
    return calls


def told(calls: Counter[tuple[str, str]], what: str, per: float, unit: str) -> dict[str, float]:
    """Write calls as figures by operation, those of NOMIS's relay apart."""
    named: Counter[str] = Counter()
    for (name, operation), count in calls.items():
        named[f"NOMIS's relay, {operation}" if name == THEIRS else operation] += count
    return {f"{what}: {operation}/{unit}": count / per for operation, count in sorted(named.items()) if count}


async def one_at_a_time(rooms: list[Room], edit: Edit) -> None:
    """Make an edit, and the next when the first has long arrived."""
    for room in rooms:
        await edit(room)
        await asyncio.sleep(ALONE_SECONDS)


async def measure(this: Round) -> Figures:
    """Count at rest, then in both directions."""
    await copied(this.directory.parent / "equal", this.directory)
    quick = this.options.quick
    figures: dict[str, float] = {}
    async with running_estate(this.directory, broker="fauxqs") as (estate, desk):
        dsns = {name: each["dsn"] for name, each in estate.endpoints["databases"].items()}
        await settled(desk)
        before = await counted(estate)
        resting = QUICK_IDLE_SECONDS if quick else IDLE_SECONDS
        await asyncio.sleep(resting)
        at_rest = await counted(estate) - before
        figures |= told(at_rest, "at rest", resting / HOUR, "hour")
        async with (
            commits(dsns["locations"], "location", "id", "comments", "local_name") as dps,
            commits(
                dsns["nomis"], "agency_internal_locations", "internal_location_id", "comment_text", "user_desc"
            ) as nomis,
            api_session(staff_of(estate)) as staff,
        ):
            rooms = [Room(*row) for row in await desk.locations_database.fetch(ROOMS)]
            Random(this.seed).shuffle(rooms)
            counts = (QUICK_ALONE, QUICK_BURST) if quick else (ALONE, BURST)
            some, many = rooms[: counts[0]], rooms[counts[0] :][: counts[1]]
            for name, edit, there, key in (
                ("NOMIS → DPS", by_screen(desk, this.number), dps, dps_key),
                ("DPS → NOMIS", by_staff(staff), nomis, nomis_key),
            ):
                for how, chosen in (("one at a time", some), ("at once", many)):
                    await at_peace(desk)
                    before = await counted(estate)
                    there.expect({key(room) for room in chosen})
                    await (one_at_a_time if chosen is some else as_fast_as_it_goes)(chosen, edit)
                    await arrived(there, name)
                    await at_peace(desk)
                    made = await counted(estate) - before
                    calls = Counter({call: count for call, count in made.items() if call[1] not in LOOKING})
                    figures |= told(calls, f"{name}, {how}", len(chosen), "change")
        await compared(desk, dsns)
    return figures


async def at_peace(desk: Desk) -> None:
    """Wait until the settle check has looked at everything too."""
    await settled(desk)
    await asyncio.sleep(CHECKED_SECONDS)
    await settled(desk)


BENCHMARK = Benchmark(
    title="Calls to the broker",
    setting=(
        "the whole estate as processes on one machine, each once, long polls of 20 s on a broker that answers them at "
        f"once (fauxqs); {ALONE} changes one by one, then {BURST} at once; calls counted until the settle check has "
        "looked as well; both sides compared at the end"
    ),
    contestants={ESTATE: measure},
    prepare=prepare,
)
