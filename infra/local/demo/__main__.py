"""`python -m infra.local.demo [--once]`: starts an estate of its own, shows the main job, says what was seen."""

import argparse
import asyncio
import json
import signal
import sys
import time
from collections.abc import Awaitable
from typing import Any

from pydantic import SecretStr
from rich.console import Console

from infra.local.__main__ import show
from infra.local.demo.desk import Desk, open_desk, seen
from infra.local.demo.scenario import STEPS, Scenario, a_cell, echoes, migrate, reconcile
from infra.local.settings import ROOT, EstateSettings
from infra.local.supervisor import Estate, purge
from libs.db.pool import DatabaseSettings, connect
from libs.telemetry import logging
from services.nomis.estate.estate import Estate as NomisEstate
from services.nomis.estate.load import load

DATA = ROOT / ".local" / "demo"
SEED, PRESET, PRISONS = 7, "tiny", ("LEI", "MDI", "ZZGHI")
console = Console()


class Report:
    """Prints each step as it ends, and keeps the figures for the last line."""

    def __init__(self) -> None:
        self.figures: dict[str, Any] = {"steps": {}}
        self._began = time.monotonic()

    async def step(self, name: str, doing: Awaitable[str]) -> None:
        """Wait for a step and say what was seen, with its time."""
        began = time.monotonic()
        told = await doing
        took = time.monotonic() - began
        self.figures["steps"][name] = round(took, 3)
        console.print(f"[green]✓[/] {took:7.2f} s  [bold]{name:<28}[/] {told}", highlight=False, soft_wrap=True)

    def ended(self) -> str:
        """Return the last line."""
        self.figures["seconds"] = round(time.monotonic() - self._began, 1)
        return f"DEMO {json.dumps(self.figures)}"


async def generated(estate: Estate, report: Report) -> str:
    """Load a NOMIS estate of two prisons, with every oddity of the real one."""
    dsn = SecretStr(estate.endpoints["databases"]["nomis"]["dsn"])
    async with connect(DatabaseSettings(dsn=dsn)) as database, database.connection() as connection:
        loaded = await load(connection, NomisEstate(SEED, PRESET, PRISONS))
    report.figures["generated"] = loaded.locations
    return f"{loaded.locations} NOMIS locations of {', '.join(PRISONS)}"


async def migrated(desk: Desk, report: Report) -> str:
    """Migrate everything."""
    run = await migrate(desk)
    counts = {name: run[f"records{name.capitalize()}"] for name in ("listed", "migrated", "skipped", "failed")}
    report.figures["migration"] = counts | {"reasons": {r["reason"]: r["count"] for r in run["reasons"]}}
    return ", ".join(f"{count} {name}" for name, count in counts.items())


async def equal(desk: Desk, report: Report, name: str, *, strict: bool = True) -> str:
    """Compare both sides whole."""
    compared, found = await desk.differences()
    report.figures[name] = {"compared": compared, "differences": len(found)}
    if found and strict:
        raise AssertionError("\n".join(found[:20]))
    return f"{compared} NOMIS rows compared field by field through both APIs, {len(found)} differences"


async def reconciled(desk: Desk, report: Report) -> str:
    """Have reconciliation compare both sides whole, as an operator would; it must find what we found: nothing."""
    run = await reconcile(desk)
    report.figures["reconciliation"] = {name: run[name] for name in ("compared", "dpsLocations", "mismatches")}
    if run["mismatches"]:
        raise AssertionError(str(run))
    return f"{run['compared']} pairs compared by reconciliation over HTTP, {run['mismatches']} mismatches"


async def quiet(desk: Desk, report: Report) -> str:
    """Wait until nothing is under way; count events by who made them, and what is in dead-letter queues."""

    async def still() -> bool:
        waiting = await desk.locations_database.fetchval("SELECT count(*) FROM outbox WHERE published_at IS NULL")
        ready = await desk.nomis_database.fetchval("SELECT count(*) FROM xtag_listener_tab WHERE state = 'ready'")
        return not waiting and not ready and sum((await desk.depths()).values()) == 0

    await seen(still, "all queues empty")
    told = await desk.locations_database.fetch(
        "SELECT attributes->>'source' AS source, count(*) AS n FROM outbox GROUP BY 1 ORDER BY 1"
    )
    raised = await desk.nomis_database.fetch(
        """
        SELECT coalesce(payload->>'p_audit_module_name', '') AS module, count(*) AS n
          FROM xtag_listener_tab GROUP BY 1 ORDER BY 1
        """
    )
    report.figures["events"] = {
        "domain": {row["source"]: row["n"] for row in told},
        "offender": {row["module"]: row["n"] for row in raised},
        "exceptions": await desk.nomis_database.fetchval(
            "SELECT count(*) FROM xtag_listener_tab WHERE state = 'exception'"
        ),
    }
    conflicts = await desk.locations_database.fetchval("SELECT count(*) FROM conflict")
    report.figures["conflicts"] = conflicts
    if heard := echoes(report.figures["events"]["domain"], report.figures["events"]["offender"]):
        raise AssertionError("; ".join(heard))
    return f"queues and dead-letter queues empty; events {report.figures['events']}; {conflicts} conflicts"


async def scenario(estate: Estate, report: Report) -> None:
    """Walk through the main job."""
    await report.step("generate", generated(estate, report))
    async with open_desk(estate) as desk:
        await report.step("migrate", migrated(desk, report))
        await report.step("compare", equal(desk, report, "afterMigration", strict=False))
        dps_id, nomis_id = await a_cell(desk)
        run = Scenario(desk, dps_id, nomis_id)
        for name, step in STEPS:
            await report.step(name, step(run))
        await report.step("no echoes, nothing stuck", quiet(desk, report))
        await report.step("compare again", equal(desk, report, "atTheEnd"))
        await report.step("reconcile", reconciled(desk, report))


async def main(*, once: bool) -> int:
    """Start, show, and stop at the end or at Ctrl-C."""
    settings = EstateSettings(data_dir=DATA)
    await purge(settings)
    estate, report = Estate(settings), Report()
    stop = asyncio.Event()
    for sent in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(sent, stop.set)
    try:
        await report.step("start the estate", started(estate))
        await scenario(estate, report)
        if not once:
            show(estate)
            await stop.wait()
    finally:
        await estate.stop()
    console.print(report.ended(), highlight=False, soft_wrap=True)
    return 0


async def started(estate: Estate) -> str:
    """Start every part as a process of its own."""
    await estate.start()
    return f"{len(estate.endpoints['services'])} services, PostgreSQL and the broker are ready"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--once", action="store_true", help="end by itself; exit 0 only if every step was seen")
    logging.configure("demo", "WARNING", pretty=True)
    sys.exit(asyncio.run(main(once=parser.parse_args().once)))
