"""Processes replaced while both sides edit, one service after the other; then the judges.

One database, one broker. Of each service first the new process starts, then both serve and the old one is started once
more; then it ends. A migration and a full comparison run while their own service is of both kinds. What differs between
old and new is the caller's: a release, in either direction, or the credentials.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from random import Random
from signal import SIGTERM
from typing import Any

import orjson

from infra.local.roster import STAND_INS, ServiceSpec
from services.nomis.estate.edits import ScreenEdits
from tests.chaos.edits import Journal, Screens, Staff, steadily
from tests.chaos.judging import Findings, judged
from tests.chaos.run import LATER, PRISONS, converge
from tests.chaos.site import Site, hastened, loaded, opened

Say = Callable[[str], None]
Change = Callable[[ServiceSpec], ServiceSpec]
Act = Callable[[Site], Awaitable[None]]
SERVER_ERROR = 500


async def nothing(_: Site) -> None:
    """Leave everything as it is."""


@dataclass(frozen=True)
class RollingPlan:
    """What stands at first and what takes its place: `change` gives the new one of a process, or the same to leave it.

    `before` is done once all run and edits flow, `after` when nothing old is left and edits still flow.
    """

    seed: int
    today: date
    first: Sequence[ServiceSpec]
    change: Change
    before: Act = nothing
    after: Act = nothing
    edits_per_second: float = 4
    edits_side_by_side: int = 40
    visibility_seconds: int = 15
    patience_seconds: float = 240
    converge_seconds: float = 1200


@dataclass(frozen=True)
class Rolled:
    """What came of it. `failures` are lines of log of requests that failed, or of failures nobody foresaw."""

    edits: Mapping[str, int]
    findings: Findings
    failures: list[str]
    dead_lettered: Mapping[str, int]
    migration: Mapping[str, int]
    comparison: str
    equal: bool


async def rolled(plan: RollingPlan, directory: Path, say: Say) -> Rolled:
    """Put the new process of each service into the place of the old one, one service after the other."""
    chance = Random(plan.seed)
    messaging = hastened(plan.visibility_seconds, directory)
    async with opened(directory, specs=(*STAND_INS, *plan.first), messaging_file=messaging) as site:
        await loaded(site, plan.seed, *PRISONS, LATER)
        for prison in PRISONS:
            await site.migrated(prison, plan.patience_seconds)
        journal = Journal()
        stop = asyncio.Event()
        staff = Staff(site.staff, site.locations, PRISONS, journal, Random(chance.random()), plan.today)
        screens = Screens(site.nomis, ScreenEdits(plan.seed, [*PRISONS, LATER], plan.today), journal)
        migration: dict[str, int] = {}
        comparison: dict[str, Any] = {}
        async with asyncio.TaskGroup() as group:
            group.create_task(steadily(staff.edit, plan.edits_per_second, stop))
            group.create_task(steadily(screens.edit, plan.edits_per_second, stop))
            await _edited(journal, plan.edits_side_by_side)
            await plan.before(site)
            for old in plan.first:
                new = plan.change(old)
                if new == old:
                    continue
                say(f"{old.name}: old and new side by side")
                await _joined(site, replace(new, number=2))
                site.estate.kill(old.part, SIGTERM)
                await site.estate.wait_ready(old.part)
                if old.name == "migration":
                    migration = await site.migrated(LATER, plan.patience_seconds)
                if old.name == "reconciliation":
                    comparison = await site.compared(plan.patience_seconds)
                await _edited(journal, plan.edits_side_by_side)
                say(f"{old.name}: new only")
                await _left(site, old)
            await plan.after(site)
            await _edited(journal, plan.edits_side_by_side)
            stop.set()
        equal = await converge(site, plan.patience_seconds, plan.converge_seconds)
        return Rolled(
            dict(sorted(journal.made.items())),
            await judged(site, journal),
            list(_failures(site.estate.settings.data_dir / "logs")),
            await site.dead_letters(),
            migration,
            comparison.get("status", ""),
            equal,
        )


async def _edited(journal: Journal, more: int) -> None:
    """Wait until so many more edits were made on each side."""
    goal = {side: _made(journal, side) + more for side in ("staff", "screen")}
    while any(_made(journal, side) < made for side, made in goal.items()):  # noqa: ASYNC110 - a count, not an event
        await asyncio.sleep(0.1)


def _made(journal: Journal, side: str) -> int:
    return sum(count for name, count in journal.made.items() if name.startswith(side))


async def _joined(site: Site, new: ServiceSpec) -> None:
    """Start the new process of a service beside the old one, and let callers reach either."""
    await site.estate.join(new)
    for wire in site.wires_to(new.name):
        wire.targets.append(site.estate.ports[new.part])


async def _left(site: Site, old: ServiceSpec) -> None:
    """Send callers elsewhere first, then end the old one."""
    for wire in site.wires_to(old.name):
        wire.targets.remove(site.estate.ports[old.part])
    await site.estate.leave(old)


def _failures(logs: Path) -> Iterator[str]:
    for file in sorted(logs.glob("*.log*")):
        for line in file.read_text().splitlines():
            told = _told(line)
            if told.get("level") in ("error", "critical") or told.get("status", 0) >= SERVER_ERROR:
                yield f"{file.name}: {line[:1000]}"


def _told(line: str) -> dict[str, Any]:
    """Read a line of ours; what PostgreSQL and the broker say is no JSON."""
    try:
        told = orjson.loads(line)
    except orjson.JSONDecodeError:
        return {}
    return told if isinstance(told, dict) else {}
