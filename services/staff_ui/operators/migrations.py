"""Migrations: start, watch, steer, look into what failed, verify, sign off."""

import asyncio
from typing import Any

from aiohttp import web
from yarl import URL

from libs.domain.counting import counted
from libs.web.routing import Events
from services.staff_ui.edge.doors import Door, Doors
from services.staff_ui.edge.visits import Visit
from services.staff_ui.errors import NotThere
from services.staff_ui.forms.operators import START, StartWish
from services.staff_ui.operators.acting import Act, NoAnswers, Row, acted, crumbs, none_chosen, pressed
from services.staff_ui.operators.following import Told, follow
from services.staff_ui.views.layout import OPERATIONS
from services.staff_ui.views.migrations import KINDS, status_tag, watched
from services.staff_ui.views.words import moment, number

ROLES = frozenset({"ROLE_MIGRATE_LOCATIONS"})
HERE = f"{OPERATIONS}/migrations"
DOOR = "/migrate/locations"
PAGE = 50
STEERING = frozenset({"pause", "resume"})
TRAIL = ("Migrations", HERE)
# Progress and, of the whole page, the run and what it left out, as the migration's doors answer them.
Looked = tuple[Any, Any, Any]


async def history(visit: Visit) -> web.StreamResponse:
    """List runs of all kinds, newest first."""
    kinds = "&".join(f"migrationTypes={kind}" for kind in KINDS)
    found = await _ask(visit, "GET", f"{DOOR}/history?{kinds}")
    runs = [
        {**run, "kind": KINDS.get(run["migrationType"], ""), "tag": status_tag(run["status"], paused=run["paused"])}
        for run in found
    ]
    return visit.render("operators/migrations.html", title="Migrations", crumbs=crumbs(), runs=runs, here=HERE)


async def start(visit: Visit) -> web.StreamResponse:
    """Start a rehearsal or a migration."""
    names = await visit.names.all()

    async def carry_out(wish: StartWish) -> web.StreamResponse:
        door = f"{DOOR}/rehearsals" if wish.kind == "rehearsals" else DOOR
        begun = await _ask(visit, "POST", door, json={"prisonIds": wish.prisons})
        started = "Rehearsal started" if wish.kind == "rehearsals" else "Migration started"
        return visit.see_other(f"{HERE}/{begun['migrationId']}", done=started)

    def warning(wish: StartWish) -> str:
        unknown = [each for each in wish.prisons if each not in names]
        told = f"The prison register does not know {', '.join(unknown)}. " if unknown else ""
        if wish.kind == "rehearsals":
            return f"{told}A rehearsal reads everything and writes nothing."
        return f"{told}A migration creates locations in DPS. What is there already is left as it is."

    act = Act("Start a migration", StartWish, "Start", HERE, fields=START, warning=warning)
    return await acted(visit, act, carry_out)


async def one(visit: Visit) -> web.StreamResponse:
    """Show a run: how far it is, what it left out and why, and what can be done about it."""
    run_id = _run_id(visit)
    progress, run, failures = await _whole(visit, run_id)
    return visit.render(
        "operators/migration/page.html",
        title=f"{KINDS[run['migrationType']]} of {moment(run_id)}",
        crumbs=crumbs(TRAIL),
        **_context(run_id, progress, run, failures),
    )


async def live(visit: Visit) -> Events:
    """Tell how far a run is, as it goes, and at its end the rest of its page."""
    run_id = _run_id(visit)

    async def ask() -> Looked:
        progress = await _ask(visit, "GET", f"{DOOR}/history/{run_id}/progress")
        return (progress, None, None) if watched(progress).active else await _whole(visit, run_id)

    def tell(looked: Looked) -> Told:
        seen = watched(looked[0])
        context = _context(run_id, *looked)
        parts = ("progress", "acts") if seen.active else ("facts", "progress", "acts", "left_out")
        return Told(
            {each: visit.part(f"operators/migration/{each}.html", **context) for each in parts}, not seen.active
        )

    return await follow(visit, f"migration {run_id}", ask, tell)


async def steer(visit: Visit) -> web.StreamResponse:
    """Pause or resume a run."""
    run_id, wish = _run_id(visit), visit.request.match_info["wish"]
    if wish not in STEERING:
        raise NotThere(wish)

    async def carry_out() -> web.StreamResponse:
        await _ask(visit, "POST", f"{DOOR}/{run_id}/{wish}", ok=(200, 202))
        return visit.see_other(f"{HERE}/{run_id}", done="Paused" if wish == "pause" else "Resumed")

    return await pressed(visit, f"{HERE}/{run_id}", carry_out)


async def cancel(visit: Visit) -> web.StreamResponse:
    """Cancel a run."""
    run_id = _run_id(visit)

    async def carry_out(_: NoAnswers) -> web.StreamResponse:
        await _ask(visit, "POST", f"{DOOR}/{run_id}/cancel", ok=(200, 202))
        return visit.see_other(f"{HERE}/{run_id}", done="Cancel asked for")

    act = Act(
        "Cancel this run",
        NoAnswers,
        "Cancel the run",
        f"{HERE}/{run_id}",
        warning=lambda _: "What is under way is finished, the rest is skipped. A cancelled run cannot go on.",
        facts=[Row("Run", moment(run_id))],
        hard=True,
    )
    return await acted(visit, act, carry_out)


async def items(visit: Visit, *, unticked: bool = False) -> web.StreamResponse:
    """List what was skipped or failed for one reason, by page; say so where nothing was ticked."""
    run_id, query = _run_id(visit), visit.request.query
    params = {"state": query.get("state", "failed"), "after": query.get("after", "0"), "size": str(PAGE)}
    if reason := query.get("reason"):
        params["reason"] = reason
    found = await _ask(visit, "GET", f"{DOOR}/history/{run_id}/items", params=params)
    more = {**params, "after": str(found[-1]["nomisLocationId"])} if len(found) == PAGE else None
    here = URL(f"{HERE}/{run_id}")
    faults = [none_chosen("location", "id", [each["nomisLocationId"] for each in found])] if unticked else []
    return visit.render(
        "operators/migration/items.html",
        title=f"Locations that {'failed' if params['state'] == 'failed' else 'were skipped'}",
        crumbs=crumbs(TRAIL, (moment(run_id), f"{HERE}/{run_id}")),
        items=found,
        reason=reason,
        can_retry=params["state"] == "failed",
        retry=URL(f"{here}/retry").with_query(params),
        more=URL(f"{here}/items").with_query(more) if more else None,
        errors=faults,
        status=400 if faults else 200,
    )


async def retry(visit: Visit) -> web.StreamResponse:
    """Try failed locations again: those that are ticked, those of one reason or, after a look at it, all."""
    if "all" in visit.form:
        return await _retry_all(visit)
    run_id, reason = _run_id(visit), visit.form.get("reason")
    chosen = [int(each) for each in visit.form.getall("id", []) if each.isascii() and each.lstrip("-").isdecimal()]
    if not (chosen or reason):
        return await items(visit, unticked=True)
    wish: dict[str, Any] = {"reason": reason} if reason else {"nomisLocationIds": chosen}
    return await pressed(visit, f"{HERE}/{run_id}", lambda: _retried(visit, run_id, wish))


async def _retry_all(visit: Visit) -> web.StreamResponse:
    run_id = _run_id(visit)
    failures = await _ask(visit, "GET", f"{DOOR}/history/{run_id}/failures")
    failed = sum(each["count"] for each in failures if each["state"] == "failed")
    act = Act(
        "Try all that failed again",
        NoAnswers,
        "Try all again",
        f"{HERE}/{run_id}",
        warning=lambda _: "Mend first what they failed of, or they will fail again.",
        facts=[Row("Run", moment(run_id)), Row("Failed locations", number(failed))],
        keep={"all": ["yes"]},
    )
    return await acted(visit, act, lambda _: _retried(visit, run_id, {"all": True}))


async def _retried(visit: Visit, run_id: str, wish: dict[str, Any]) -> web.StreamResponse:
    told = await _ask(visit, "POST", f"{DOOR}/{run_id}/retry", json=wish, ok=(200, 202))
    return visit.see_other(f"{HERE}/{run_id}", done=f"{counted(told['retried'], 'location')} to be tried again")


async def verify(visit: Visit) -> web.StreamResponse:
    """Compare what a run migrated with NOMIS."""
    run_id = _run_id(visit)

    async def carry_out() -> web.StreamResponse:
        begun = await _ask(visit, "POST", f"{DOOR}/verifications", json={"migrationId": run_id})
        return visit.see_other(f"{HERE}/{begun['migrationId']}", done="Verification started")

    return await pressed(visit, f"{HERE}/{run_id}", carry_out)


async def report(visit: Visit) -> web.StreamResponse:
    """Show the sign-off report of a verification, to be printed and signed."""
    run_id = _run_id(visit)
    told, names = await asyncio.gather(_ask(visit, "GET", f"{DOOR}/history/{run_id}/report"), visit.names.known())
    return visit.render(
        "operators/sign_off.html",
        title=f"Sign-off report of verification {moment(told['verificationId'])}",
        crumbs=crumbs(TRAIL, (moment(run_id), f"{HERE}/{run_id}")),
        report=told,
        names=names,
    )


def _run_id(visit: Visit) -> str:
    run_id = visit.request.match_info["runId"]
    if not all(each.isascii() and (each.isalnum() or each in "-:") for each in run_id):
        raise NotThere(run_id)
    return run_id


async def _whole(visit: Visit, run_id: str) -> Looked:
    found = await asyncio.gather(
        _ask(visit, "GET", f"{DOOR}/history/{run_id}/progress"),
        _ask(visit, "GET", f"{DOOR}/history/{run_id}"),
        _ask(visit, "GET", f"{DOOR}/history/{run_id}/failures"),
    )
    return found[0], found[1], found[2]


def _context(run_id: str, progress: Any, run: Any, failures: Any) -> dict[str, Any]:
    """Return what the page and its parts are written of."""
    kind = progress["migrationType"]
    return {
        "run": run,
        "seen": watched(progress),
        "failures": failures,
        "here": f"{HERE}/{run_id}",
        "is_verification": kind == "LOCATIONS_VERIFICATION",
        "is_migration": kind == "LOCATIONS",
    }


async def _ask(visit: Visit, method: str, path: str, **more: Any) -> Any:
    answer = await visit.api.ask("migration", method, path, **{"ok": (200, 201, 202), **more})
    return answer.json() if answer.body else None


def doors() -> Doors:
    """List them."""
    run = f"{HERE}/{{runId}}"
    return (
        Door("GET", HERE, history, ROLES),
        Door("GET", f"{HERE}/start", start, ROLES),
        Door("POST", f"{HERE}/start", start, ROLES),
        Door("GET", run, one, ROLES),
        Door("GET", f"{run}/live", live, ROLES),
        Door("GET", f"{run}/cancel", cancel, ROLES),
        Door("POST", f"{run}/cancel", cancel, ROLES),
        Door("POST", f"{run}/steer/{{wish}}", steer, ROLES),
        Door("GET", f"{run}/items", items, ROLES),
        Door("POST", f"{run}/retry", retry, ROLES),
        Door("POST", f"{run}/verify", verify, ROLES),
        Door("GET", f"{run}/report", report, ROLES),
    )
