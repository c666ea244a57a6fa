"""`lip migrate`: start, watch, steer and judge runs of the migration."""

import asyncio
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Annotated, Any

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn

from libs.domain.counting import counted
from services.cli import views
from services.cli.calls import Calls
from services.cli.commands.running import Json, carry_out
from services.cli.errors import NotAsWished
from services.cli.settings import Settings

app = typer.Typer(no_args_is_help=True, help="Start, watch, steer and judge runs of the migration.")

BASE = "/migrate/locations"
OVER = frozenset({"COMPLETED", "CANCELLED"})
KINDS = MappingProxyType(
    {
        "LOCATIONS": "migration",
        "LOCATIONS_REHEARSAL": "rehearsal",
        "LOCATIONS_VERIFICATION": "verification",
    }
)
RUN_COLUMNS = MappingProxyType(
    {
        "migrationId": "run",
        "kind": "kind",
        "status": "status",
        "recordsListed": "listed",
        "recordsMigrated": "migrated",
        "recordsSkipped": "skipped",
        "recordsFailed": "failed",
        "whenEnded": "ended",
        "startedBy": "by",
    }
)
PRISON_COLUMNS = MappingProxyType(
    {
        "prisonId": "prison",
        "listed": "listed",
        "migrated": "migrated",
        "skipped": "skipped",
        "failed": "failed",
        "pending": "pending",
    }
)
REPORT_COLUMNS = MappingProxyType(
    {
        "prisonId": "prison",
        "verified.listed": "compared",
        "verified.migrated": "equal",
        "differencesTotal": "different",
        "verified.failed": "failed",
        "migrated.failed": "failed to migrate",
    }
)
FAILURE_COLUMNS = MappingProxyType(
    {"state": "state", "reason": "reason", "count": "how many", "nomisLocationIds": "some of them"}
)

Run = Annotated[str | None, typer.Argument(help="Which run; the newest when left out.")]
Prisons = Annotated[list[str] | None, typer.Option("--prison", help="Only this prison; again for more, in this order.")]


@app.command()
def start(
    prison: Prisons = None,
    *,
    rehearse: Annotated[bool, typer.Option(help="Do everything but write.")] = False,
    watch: Annotated[bool, typer.Option(help="Stay and watch it.")] = False,
    json: Json = False,
) -> None:
    """Start a run over the whole estate, or over some prisons.

    Example: lip migrate start --prison LEI --watch

    Example: lip migrate start --rehearse
    """

    async def work(calls: Calls) -> None:
        path = f"{BASE}/rehearsals" if rehearse else BASE
        started = await calls.ask("migration", "POST", path, json={"prisonIds": prison or []})
        if watch:
            await _watched(calls, started["migrationId"], as_json=json)
        elif json:
            views.as_json(started)
        else:
            views.say(f"{started['migrationId']} started, about {counted(started['estimatedCount'], 'location')}")

    carry_out(work)


@app.command()
def watch(run: Run = None, *, json: Json = False) -> None:
    """Watch a run to its end; ends with 1 when locations failed.

    Example: lip migrate watch
    """
    carry_out(lambda calls: _watched(calls, run, as_json=json))


@app.command()
def cancel(run: Run = None, *, json: Json = False) -> None:
    """Stop a run; what is under way is finished, the rest is skipped.

    Example: lip migrate cancel
    """
    _steer(run, "cancel", as_json=json)


@app.command()
def pause(run: Run = None, *, json: Json = False) -> None:
    """Let a run rest.

    Example: lip migrate pause
    """
    _steer(run, "pause", as_json=json)


@app.command()
def resume(run: Run = None, *, json: Json = False) -> None:
    """Let a paused run go on.

    Example: lip migrate resume
    """
    _steer(run, "resume", as_json=json)


@app.command()
def failures(run: Run = None, *, json: Json = False) -> None:
    """Say why locations were skipped or failed, grouped by reason.

    Example: lip migrate failures
    """

    async def work(calls: Calls) -> None:
        run_id = await _run_id(calls, run)
        found = await calls.ask("migration", "GET", f"{BASE}/history/{run_id}/failures")
        views.as_json(found) if json else views.rows(f"Not migrated in {run_id}", found, FAILURE_COLUMNS)

    carry_out(work)


@app.command()
def retry(
    run: Run = None,
    *,
    nomis_id: Annotated[list[int] | None, typer.Option("--id", help="This NOMIS location; again for more.")] = None,
    reason: Annotated[str | None, typer.Option(help="All that failed for this reason.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="All that failed.")] = False,
    json: Json = False,
) -> None:
    """Try failed locations again: some, those of one reason, or all.

    Example: lip migrate retry --all

    Example: lip migrate retry --id 12345 --id 12346
    """

    async def work(calls: Calls) -> None:
        run_id = await _run_id(calls, run)
        wish: dict[str, Any] = {"nomisLocationIds": nomis_id or []}
        wish |= {"reason": reason} if reason else {}
        wish |= {"all": True} if everything else {}
        told = await calls.ask("migration", "POST", f"{BASE}/{run_id}/retry", json=wish)
        views.as_json(told) if json else views.say(
            f"{counted(told['retried'], 'location')} of {run_id} to be tried again"
        )

    carry_out(work)


@app.command()
def verify(
    run: Run = None,
    *,
    prison: Prisons = None,
    watch: Annotated[bool, typer.Option(help="Stay until it is over, and show its report.")] = True,
    json: Json = False,
) -> None:
    """Compare what was migrated with NOMIS, field by field; ends with 1 when something differs or failed.

    Example: lip migrate verify

    Example: lip migrate verify --prison LEI --json
    """

    async def work(calls: Calls) -> None:
        wish: dict[str, Any] = {"prisonIds": prison or []} | ({"migrationId": run} if run else {})
        started = await calls.ask("migration", "POST", f"{BASE}/verifications", json=wish)
        if watch:
            await _followed(calls, started["migrationId"], shows=not json)
            await _reported(calls, started["migrationId"], as_json=json)
        else:
            views.as_json(started) if json else views.say(f"{started['migrationId']} started")

    carry_out(work)


@app.command()
def report(run: Run = None, *, json: Json = False) -> None:
    """Show the sign-off report of a verification, or of the latest one of a migration.

    Example: lip migrate report --json
    """

    async def work(calls: Calls) -> None:
        await _reported(calls, await _run_id(calls, run), as_json=json)

    carry_out(work)


@app.command()
def history(
    *,
    only_failures: Annotated[bool, typer.Option(help="Only runs in which locations failed.")] = False,
    json: Json = False,
) -> None:
    """List runs, newest first.

    Example: lip migrate history --only-failures
    """

    async def work(calls: Calls) -> None:
        found = await calls.ask("migration", "GET", "/history", params={"includeOnlyFailures": only_failures})
        if json:
            views.as_json(found)
        else:
            told = [{**each, "kind": KINDS.get(each["migrationType"], each["migrationType"])} for each in found]
            views.rows("Runs", told, RUN_COLUMNS)

    carry_out(work)


def _steer(run: str | None, wish: str, *, as_json: bool) -> None:
    async def work(calls: Calls) -> None:
        run_id = await _run_id(calls, run)
        await calls.ask("migration", "POST", f"{BASE}/{run_id}/{wish}")
        seen = await calls.ask("migration", "GET", f"{BASE}/history/{run_id}")
        views.as_json(seen) if as_json else views.say(f"{run_id}: {wish} asked for, it is {seen['status']}")

    carry_out(work)


async def _run_id(calls: Calls, run: str | None) -> str:
    if run is not None:
        return run
    found: list[dict[str, Any]] = await calls.ask("migration", "GET", "/history")
    if not found:
        raise NotAsWished("there was no run yet")
    newest: str = found[0]["migrationId"]
    return newest


async def _reported(calls: Calls, run_id: str, *, as_json: bool) -> None:
    told = await calls.ask("migration", "GET", f"{BASE}/history/{run_id}/report")
    if as_json:
        views.as_json(told)
    else:
        views.rows(f"Verification {told['verificationId']}", told["prisons"], REPORT_COLUMNS)
    if not told["clean"]:
        raise NotAsWished(f"{told['verificationId']} is not clean")


async def _watched(calls: Calls, run: str | None, *, as_json: bool) -> None:
    """Look to the end; the last look is what scripts get."""
    seen = await _followed(calls, await _run_id(calls, run), shows=not as_json)
    if as_json:
        views.as_json(seen)
    if seen["failed"]:
        raise NotAsWished(f"{counted(seen['failed'], 'location')} failed: lip migrate failures {seen['migrationId']}")


async def _followed(calls: Calls, run_id: str, *, shows: bool) -> dict[str, Any]:
    """Look until the run is over, for people with a bar and what makes pages wait; return the last look."""
    path = f"{BASE}/history/{run_id}/progress"
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[told]}"),
        console=views.console,
        disable=not shows,
    ) as bar:
        task = bar.add_task("", total=None, told="")
        seen = await calls.ask("migration", "GET", path)
        said: set[str] = set()
        while _show(bar, task, seen)["status"] not in OVER:
            if shows:
                _say_what_waits(seen.get("troubles") or (), said)
            await asyncio.sleep(Settings().watch_seconds)
            seen = await calls.ask("migration", "GET", path)
    if shows:
        views.rows(f"{run_id} {seen['status']}", seen["prisons"], PRISON_COLUMNS)
    return dict(seen)


def _say_what_waits(troubles: Iterable[Mapping[str, Any]], said: set[str]) -> None:
    """Say each reason once; adds to what was said."""
    for each in troubles:
        if each["reason"] not in said:
            said.add(each["reason"])
            views.say(f"{each['pages']:,} pages wait: {each['reason']}")


def _show(bar: Progress, task: TaskID, seen: dict[str, Any]) -> dict[str, Any]:
    done = seen["listed"] - seen["pending"]
    rate, left = seen.get("perSecond"), seen.get("secondsLeft")
    told = f"{seen['failed']:,} failed, {seen['skipped']:,} skipped"
    told += f", {rate:,.0f}/s" if rate else ""
    told += f", {left:,} s left" if left is not None else ""
    resting = " (paused)" if seen["paused"] else ""
    total = max(seen["listed"], seen["estimated"])
    bar.update(task, description=f"{seen['migrationId']}{resting}", total=total, completed=done, told=told)
    return seen
