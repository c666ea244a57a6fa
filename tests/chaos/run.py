"""One run: an estate migrated, edited from both sides and hurt for a while; then quiet, then the judges."""

import asyncio
import time
from collections import Counter
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from random import Random
from typing import Any

import orjson

from infra.local.broker import BrokerKind
from libs.web.outgoing import RemoteFailure
from services.nomis.estate.edits import ScreenEdits
from tests.chaos.edits import Journal, Screens, Staff, steadily
from tests.chaos.equality import differences, read
from tests.chaos.faults import Faults
from tests.chaos.judging import judged
from tests.chaos.site import WORKERS, Site, hastened, loaded, opened

PRISONS, LATER = ("LEI", "MDI"), "KMI"
# Of which there may be several; NOMIS is one, and the pages keep nothing.
REPLICATED = ("mapping", "locations", *WORKERS)


@dataclass(frozen=True)
class ChaosPlan:
    """How long, how often, how patient."""

    seconds: float
    seed: int
    today: date
    edits_per_second: float = 4
    replicas: int = 1
    broker: BrokerKind = "ministack"
    pause_shortest: float = 1
    pause_longest: float = 5
    visibility_seconds: int = 15
    frozen_seconds: float = 20
    # How long nothing may move before a migration, or the way to being equal, counts as stuck; and that way's end.
    patience_seconds: float = 240
    converge_seconds: float = 1200


@dataclass
class Verdict:
    """What came of it; `ok` is what the exit code says."""

    seconds: float
    seed: int
    replicas: int
    edits: dict[str, int]
    faults: dict[str, int]
    restarts: dict[str, int]
    lost: list[str]
    duplicated: list[str]
    diverged: list[str]
    dead_lettered: dict[str, int]
    conflicts: int
    locations: int
    migration: dict[str, int]
    converged_seconds: float | None

    @property
    def ok(self) -> bool:
        """Whether nothing was lost, duplicated or left apart, and nothing ended with the dead letters."""
        wrong = self.lost or self.duplicated or self.diverged or any(self.dead_lettered.values())
        return not wrong and self.converged_seconds is not None

    def json(self) -> bytes:
        """Write it as the last line of the run."""
        return orjson.dumps({"ok": self.ok, **asdict(self)})


async def run(plan: ChaosPlan, directory: Path, say: Any) -> Verdict:
    """Run it all; `say` is told what goes on."""
    chance = Random(plan.seed)
    messaging = hastened(plan.visibility_seconds, directory)
    replicas = dict.fromkeys(REPLICATED, plan.replicas)
    async with opened(directory, messaging_file=messaging, replicas=replicas, broker=plan.broker) as site:
        estate = site.estate
        await loaded(site, plan.seed, *PRISONS, LATER)
        say("estate up; migrating " + ", ".join(PRISONS))
        for prison in PRISONS:
            await site.migrated(prison, plan.patience_seconds)
        journal = Journal()
        stop = asyncio.Event()
        faults = Faults(
            estate,
            [spec.part for spec in estate.specs if spec.tier == "service"],
            list(site.wires.values()),
            [site.nomis, site.locations, site.mapping, site.migration, site.reconciliation],
            plan.frozen_seconds,
            Random(chance.random()),
        )
        staff = Staff(site.staff, site.locations, PRISONS, journal, Random(chance.random()), plan.today)
        screens = Screens(site.nomis, ScreenEdits(plan.seed, [*PRISONS, LATER], plan.today), journal)
        say(f"{plan.seconds:g} s of edits and faults")
        async with asyncio.TaskGroup() as group:
            group.create_task(steadily(staff.edit, plan.edits_per_second, stop))
            group.create_task(steadily(screens.edit, plan.edits_per_second, stop))
            group.create_task(faults.go_on(stop, plan.pause_shortest, plan.pause_longest))
            later = group.create_task(_migrated_meanwhile(site, plan))
            await asyncio.sleep(plan.seconds)
            stop.set()
            say("quiet; waiting for both sides to be equal")
            quiet = time.monotonic()
        for name in estate.names:
            await estate.wait_ready(name)
        equal = await converge(site, plan.patience_seconds, plan.converge_seconds)
        converged = round(time.monotonic() - quiet, 1) if equal else None
        return await _judged(plan, site, journal, faults.done, later.result(), converged)


async def _migrated_meanwhile(site: Site, plan: ChaosPlan) -> dict[str, int]:
    """A third into the run start a migration, cancel it, and start it again."""
    await asyncio.sleep(plan.seconds / 3)
    for _ in range(20):
        try:
            answer = await site.operator.request("POST", "/migrate/locations", json={"prisonIds": [LATER]}, ok=(202,))
            path = f"/migrate/locations/{answer.json()['migrationId']}/cancel"
            await site.operator.request("POST", path, ok=(202,))
            break
        except RemoteFailure:
            await asyncio.sleep(0.5)
    return await site.migrated(LATER, plan.patience_seconds)


async def converge(site: Site, patience_seconds: float, seconds: float) -> bool:
    """Wait until nothing is under way and both sides are equal.

    False when nothing came nearer for `patience_seconds`, or it went on for `seconds`.
    """
    began = moved = time.monotonic()
    best = None
    while (now := time.monotonic()) - began < seconds and now - moved < patience_seconds:
        waiting = await site.waiting()
        apart = len(differences(await read(site.dsns)))
        if not waiting and not apart:
            return True
        if best is None or (apart, waiting) < best:
            best, moved = (apart, waiting), now
        await asyncio.sleep(1)
    return False


async def _judged(
    plan: ChaosPlan,
    site: Site,
    journal: Journal,
    faults: Counter[str],
    migration: dict[str, int],
    converged: float | None,
) -> Verdict:
    found = await judged(site, journal)
    estate = site.estate
    return Verdict(
        plan.seconds,
        plan.seed,
        plan.replicas,
        dict(sorted(journal.made.items())),
        dict(sorted(faults.items())),
        {name: count for name in estate.names if (count := estate.restarts(name))},
        found.lost,
        found.duplicated,
        found.diverged,
        await site.dead_letters(),
        found.conflicts,
        found.locations,
        migration,
        converged,
    )
