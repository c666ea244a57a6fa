"""`lip reconcile`: compare both systems, read what was found, have it mended."""

import asyncio
from types import MappingProxyType
from typing import Annotated, Any
from uuid import UUID

import typer
from rich.progress import BarColumn, Progress, TextColumn

from libs.domain.counting import counted
from services.cli import views
from services.cli.calls import Calls
from services.cli.commands.running import Json, carry_out
from services.cli.errors import NotAsWished
from services.cli.settings import Settings

app = typer.Typer(no_args_is_help=True, help="Compare both systems, read what was found, have it mended.")

BASE = "/locations/reports/reconciliation"
REPAIR = "/locations/repair"
PAGE = 1000
MISMATCH_COLUMNS = MappingProxyType(
    {
        "mismatchId": "no.",
        "finding": "finding",
        "key": "key",
        "dpsLocationId": "DPS",
        "nomisLocationId": "NOMIS",
        "reason": "reason",
        "differences": "differences",
    }
)
PARKED_COLUMNS = MappingProxyType(
    {
        "key": "key",
        "side": "side",
        "locationId": "location",
        "reason": "reason",
        "rounds": "rounds",
        "parkedAt": "parked",
    }
)
RUN_COLUMNS = MappingProxyType(
    {
        "runId": "run",
        "prisonId": "prison",
        "status": "status",
        "nomisRows": "in NOMIS",
        "dpsLocations": "in DPS",
        "compared": "compared",
        "mismatches": "mismatches",
        "findings": "findings",
        "requestedBy": "asked for by",
        "endedAt": "ended",
        "failure": "failure",
    }
)
GOES_ON = frozenset({"REQUESTED", "RUNNING"})

RunId = Annotated[int | None, typer.Argument(help="Which run; the newest when left out.")]


@app.command()
def run(
    *,
    prison: Annotated[str | None, typer.Option(help="Only this prison.")] = None,
    settle: Annotated[bool | None, typer.Option(help="Have what differs settled, or only report it.")] = None,
    watch: Annotated[bool, typer.Option(help="Stay until it is over; ends with 1 when something was found.")] = False,
    json: Json = False,
) -> None:
    """Compare all prisons, or one.

    Example: lip reconcile run --prison LEI --no-settle --watch
    """

    async def work(calls: Calls) -> None:
        asked = {"prisonId": prison, "settles": settle}
        told = await calls.ask("reconciliation", "PUT", BASE, params=asked)
        if watch:
            await _watched(calls, told["runId"], as_json=json)
        else:
            views.as_json(told) if json else views.say(f"run {told['runId']} asked for")

    carry_out(work)


@app.command()
def show(
    run_id: RunId = None,
    *,
    finding: Annotated[str | None, typer.Option(help="Only findings of this kind.")] = None,
    most: Annotated[int, typer.Option(help="How many to show.", min=1, max=PAGE)] = 50,
    json: Json = False,
) -> None:
    """Show what a run counted and found.

    Example: lip reconcile show

    Example: lip reconcile show 12 --finding DIFFERENT --json
    """

    async def work(calls: Calls) -> None:
        one = await _run(calls, run_id)
        path = f"{BASE}/{one['runId']}/mismatches"
        found = await calls.ask("reconciliation", "GET", path, params={"size": most, "finding": finding})
        if json:
            views.as_json({**one, "mismatches": found})
        else:
            _show_run(one)
            views.rows(f"Mismatches of run {one['runId']}", found, MISMATCH_COLUMNS)

    carry_out(work)


@app.command()
def history(*, json: Json = False) -> None:
    """List runs, newest first.

    Example: lip reconcile history
    """

    async def work(calls: Calls) -> None:
        found = await calls.ask("reconciliation", "GET", BASE)
        views.as_json(found) if json else views.rows("Runs", found, RUN_COLUMNS)

    carry_out(work)


@app.command()
def repair(
    *,
    dps: Annotated[UUID | None, typer.Option(help="One location, by its DPS id.")] = None,
    nomis: Annotated[int | None, typer.Option(help="One location, by its NOMIS id.")] = None,
    prison: Annotated[str | None, typer.Option(help="All that differs in a prison.")] = None,
    run_id: Annotated[int | None, typer.Option("--run", help="All mismatches of a run.")] = None,
    mismatch: Annotated[
        list[int] | None, typer.Option(help="With --run, only this mismatch; again for more.", min=1)
    ] = None,
    json: Json = False,
) -> None:
    """Have one location, a prison, or all mismatches of a run settled.

    Example: lip reconcile repair --nomis 12345

    Example: lip reconcile repair --run 12 --mismatch 34
    """
    ways = {f"dps/{dps}": dps, f"nomis/{nomis}": nomis, f"prison/{prison}": prison, "": run_id}
    chosen = [path for path, given in ways.items() if given is not None]
    if len(chosen) != 1:
        raise typer.BadParameter("give one of --dps, --nomis, --prison and --run")
    if mismatch and run_id is None:
        raise typer.BadParameter("--mismatch goes with --run")

    async def work(calls: Calls) -> None:
        path = f"{REPAIR}/{chosen[0]}" if chosen[0] else f"{BASE}/{run_id}/repair"
        told = await calls.ask("reconciliation", "PUT", path, json={"mismatchIds": mismatch} if mismatch else None)
        if json:
            views.as_json(told)
        elif "runId" in told:
            views.say(f"run {told['runId']} compares the prison and has settled what differs")
        else:
            views.say(f"{counted(told['locations'], 'location')} to be settled")

    carry_out(work)


@app.command()
def parked(
    *, prison: Annotated[str | None, typer.Option(help="Only of this prison.")] = None, json: Json = False
) -> None:
    """List what nothing could settle, and why.

    Example: lip reconcile parked --prison LEI
    """

    async def work(calls: Calls) -> None:
        found = await calls.ask("reconciliation", "GET", "/locations/settling/parked", params={"prisonId": prison})
        views.as_json(found) if json else views.rows("Parked", found, PARKED_COLUMNS)

    carry_out(work)


async def _run(calls: Calls, run_id: int | None) -> dict[str, Any]:
    if run_id is not None:
        one: dict[str, Any] = await calls.ask("reconciliation", "GET", f"{BASE}/{run_id}")
        return one
    found: list[dict[str, Any]] = await calls.ask("reconciliation", "GET", BASE)
    if not found:
        raise NotAsWished("there was no run yet")
    return found[0]


async def _watched(calls: Calls, run_id: int, *, as_json: bool) -> None:
    one = await _run(calls, run_id)
    with Progress(
        TextColumn("run {task.fields[run]}"),
        BarColumn(),
        TextColumn("{task.completed:,.0f} compared"),
        console=views.console,
        disable=as_json,
    ) as bar:
        task = bar.add_task("", total=await _expected(calls, one), run=run_id)
        while one["status"] in GOES_ON:
            bar.update(task, completed=one["compared"])
            await asyncio.sleep(Settings().watch_seconds)
            one = await _run(calls, run_id)
        bar.update(task, completed=one["compared"], total=one["compared"])
    views.as_json(one) if as_json else _show_run(one)
    if one["status"] != "COMPLETED" or one["mismatches"]:
        found = counted(one["mismatches"], "mismatch", "mismatches")
        raise NotAsWished(f"run {run_id} {one['status']}, {found}: lip reconcile show {run_id}")


async def _expected(calls: Calls, one: dict[str, Any]) -> int | None:
    """Return what the newest completed run over the same prisons compared, as this one counts only as it goes."""
    found: list[dict[str, Any]] = await calls.ask("reconciliation", "GET", BASE)
    same = (each for each in found if each["status"] == "COMPLETED" and each.get("prisonId") == one.get("prisonId"))
    return next((each["compared"] for each in same), None)


def _show_run(one: dict[str, Any]) -> None:
    views.facts(f"Run {one['runId']}", one, RUN_COLUMNS)
