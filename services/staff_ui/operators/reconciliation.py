"""Reconciliation: runs and what they found, both sides beside each other, repair, and what nothing could settle."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import Any

from aiohttp import web
from yarl import URL

from libs.domain.counting import counted
from libs.web.routing import Events
from services.staff_ui.edge.doors import Door, Doors
from services.staff_ui.edge.visits import Visit
from services.staff_ui.errors import NotThere
from services.staff_ui.forms.operators import COMPARE, RunWish
from services.staff_ui.operators.acting import Act, NoAnswers, Row, acted, crumbs, none_chosen, pressed, row_id
from services.staff_ui.operators.following import Told, follow
from services.staff_ui.views.comparing import FINDINGS, RUN_STATUSES, lines
from services.staff_ui.views.layout import OPERATIONS
from services.staff_ui.views.words import number

ROLES = frozenset({"ROLE_RECONCILE_LOCATIONS"})
HERE = f"{OPERATIONS}/reconciliation"
DOOR = "/locations/reports/reconciliation"
REPAIR = "/locations/repair"
PAGE = 20
PARKED_PAGE = 50
GOES_ON = frozenset({"REQUESTED", "RUNNING"})
SIDES = frozenset({"dps", "nomis"})
TRAIL = ("Reconciliation", HERE)


async def history(visit: Visit) -> web.StreamResponse:
    """List runs, and how much waits to be settled."""
    looked = await _listed(visit)
    return visit.render(
        "operators/reconciliation/page.html", title="Reconciliation", crumbs=crumbs(), **_list_context(looked)
    )


async def live(visit: Visit) -> Events:
    """Tell of new runs, how far those are that go on, and how much waits to be settled."""

    def tell(looked: Sequence[Any]) -> Told:
        return Told({"runs": visit.part("operators/reconciliation/runs.html", **_list_context(looked))})

    return await follow(visit, "comparisons", lambda: _listed(visit), tell)


async def _listed(visit: Visit) -> Sequence[Any]:
    return await asyncio.gather(_ask(visit, "GET", DOOR), _ask(visit, "GET", "/locations/settling"))


def _list_context(looked: Sequence[Any]) -> dict[str, Any]:
    return {"runs": looked[0], "settling": looked[1], "statuses": RUN_STATUSES, "here": HERE}


async def start(visit: Visit) -> web.StreamResponse:
    """Ask for a run over all prisons, or over one."""

    async def carry_out(wish: RunWish) -> web.StreamResponse:
        params = {"settles": "true" if wish.settle == "settle" else "false"}
        if wish.prison:
            params["prisonId"] = wish.prison
        told = await _ask(visit, "PUT", DOOR, params=params)
        return visit.see_other(f"{HERE}/{told['runId']}", done=f"Comparison {told['runId']} started")

    act = Act("Compare both systems", RunWish, "Start", HERE, fields=COMPARE)
    return await acted(visit, act, carry_out)


async def one(visit: Visit, *, unticked: bool = False) -> web.StreamResponse:
    """Show a run and, by page, what it found, with both sides beside each other; say so where nothing was ticked."""
    run_id = row_id(visit, "runId")
    run, found = await _run(visit, run_id)
    faults = [none_chosen("location", "mismatch", [each["mismatchId"] for each in found])] if unticked else []
    return visit.render(
        "operators/reconciliation/run.html",
        title=f"Comparison {run_id}",
        crumbs=crumbs(TRAIL),
        **_run_context(visit, run, found),
        errors=faults,
        status=400 if faults else 200,
    )


async def live_one(visit: Visit) -> Events:
    """Tell how far a run is and, at its end, what it found."""
    run_id = row_id(visit, "runId")

    def tell(looked: tuple[Any, Any]) -> Told:
        context = _run_context(visit, *looked)
        parts = {"facts": visit.part("operators/reconciliation/facts.html", **context)}
        if not context["active"]:
            parts["found"] = visit.part("operators/reconciliation/found.html", **context)
        return Told(parts, not context["active"])

    return await follow(visit, f"comparison {run_id}", lambda: _run(visit, run_id), tell)


async def _run(visit: Visit, run_id: int) -> tuple[Any, Any]:
    """Return a run and one page of what it found."""
    query = visit.request.query
    finding = query.get("finding", "")
    params = {"after": query.get("after", "0"), "size": str(PAGE)} | (
        {"finding": finding} if finding in FINDINGS else {}
    )
    return await asyncio.gather(
        _ask(visit, "GET", f"{DOOR}/{run_id}"), _ask(visit, "GET", f"{DOOR}/{run_id}/mismatches", params=params)
    )


def _run_context(visit: Visit, run: Any, found: Any) -> dict[str, Any]:
    """Return what the page of a run and its parts are written of."""
    query = visit.request.query
    finding, after = query.get("finding", ""), query.get("after", "0")
    kept = {"finding": finding} if finding in FINDINGS else {}
    here = URL(f"{HERE}/{run['runId']}")
    more = {**kept, "after": str(found[-1]["mismatchId"])} if len(found) == PAGE else None
    return {
        "run": run,
        "active": run["status"] in GOES_ON,
        "stands": RUN_STATUSES.get(run["status"], (run["status"], "")),
        "findings": FINDINGS,
        "finding": finding,
        "mismatches": [{**each, "lines": lines(each["differences"])} for each in found],
        "more": here.with_query(more) if more else None,
        "first": here.with_query(kept) if after != "0" else None,
        "here": here,
        "repair": URL(f"{here}/repair").with_query({"after": after, **kept}),
    }


async def as_csv(visit: Visit) -> web.StreamResponse:
    """Hand on all mismatches of a run for a spreadsheet, as they come: they may be many."""
    run_id = row_id(visit, "runId")
    pieces = visit.api.pieces("reconciliation", f"{DOOR}/{run_id}/mismatches.csv", visit.download_seconds_max)
    # A refusal is a page as any other; what fails later breaks the download off.
    first = await anext(pieces, b"")

    async def body() -> AsyncGenerator[bytes, None]:
        async with aclosing(pieces):
            yield first
            async for piece in pieces:
                yield piece

    named = {"Content-Disposition": f'attachment; filename="reconciliation-{run_id}.csv"'}
    return web.Response(body=body(), content_type="text/csv", charset="utf-8", headers=named)


async def repair(visit: Visit) -> web.StreamResponse:
    """Have the ticked mismatches settled, or, after a look at what that means, all of the run."""
    if "all" in visit.form:
        return await _repair_all(visit)
    run_id = row_id(visit, "runId")
    chosen = [int(each) for each in visit.form.getall("mismatch", []) if each.isascii() and each.isdecimal()]
    if not chosen:
        return await one(visit, unticked=True)
    return await pressed(visit, f"{HERE}/{run_id}", lambda: _repaired(visit, run_id, {"mismatchIds": chosen}))


async def _repair_all(visit: Visit) -> web.StreamResponse:
    run_id = row_id(visit, "runId")
    run = await _ask(visit, "GET", f"{DOOR}/{run_id}")
    act = Act(
        "Repair all of the run",
        NoAnswers,
        "Repair all",
        f"{HERE}/{run_id}",
        warning=lambda _: "A worker merges both sides of each location and writes the outcome to DPS and to NOMIS.",
        facts=[
            Row("Comparison", str(run_id)),
            Row("Prison", run["prisonId"] or "All"),
            Row("Mismatches", number(run["mismatches"])),
        ],
        hard=True,
        keep={"all": ["yes"]},
    )
    return await acted(visit, act, lambda _: _repaired(visit, run_id, {}))


async def _repaired(visit: Visit, run_id: int, wish: dict[str, Any]) -> web.StreamResponse:
    told = await _ask(visit, "PUT", f"{DOOR}/{run_id}/repair", json=wish)
    done = f"{counted(told['locations'], 'location')} to be looked at and settled"
    return visit.see_other(f"{HERE}/{run_id}", done=done)


async def location(visit: Visit) -> web.StreamResponse:
    """Show one location as both sides have it now."""
    side, wanted = _side(visit)
    both = await _ask(visit, "GET", f"/locations/comparison/{side}/{wanted}")
    return visit.render(
        "operators/reconciliation/location.html",
        title=both["key"] or "Location",
        crumbs=crumbs(TRAIL),
        both=both,
        lines=lines(both["fields"]),
        finding=FINDINGS.get(both["finding"] or "", ""),
        here=visit.request.path,
    )


async def repair_one(visit: Visit) -> web.StreamResponse:
    """Have one location settled."""
    side, wanted = _side(visit)
    back = f"{HERE}/location/{side}/{wanted}"

    async def carry_out() -> web.StreamResponse:
        await _ask(visit, "PUT", f"{REPAIR}/{side}/{wanted}")
        return visit.see_other(back, done="A worker looks at both sides and settles what differs")

    return await pressed(visit, back, carry_out)


async def parked(visit: Visit) -> web.StreamResponse:
    """List what nothing could settle, and why."""
    after = visit.request.query.get("after", "")
    params = {"after": after, "size": str(PARKED_PAGE)}
    found = await _ask(visit, "GET", "/locations/settling/parked", params=params)
    more = {"after": found[-1]["at"]} if len(found) == PARKED_PAGE else None
    return visit.render(
        "operators/reconciliation/parked.html",
        title="What nothing could settle",
        crumbs=crumbs(TRAIL),
        parked=found,
        more=visit.request.rel_url.with_query(more) if more else None,
        here=HERE,
    )


def _side(visit: Visit) -> tuple[str, str]:
    side, wanted = visit.request.match_info["side"], visit.request.match_info["locationId"]
    if side not in SIDES or not all(each.isascii() and (each.isalnum() or each == "-") for each in wanted):
        raise NotThere(wanted)
    return side, wanted


async def _ask(visit: Visit, method: str, path: str, **more: Any) -> Any:
    answer = await visit.api.ask("reconciliation", method, path, **{"ok": (200, 202), **more})
    return answer.json() if answer.body else None


def doors() -> Doors:
    """List them."""
    run = f"{HERE}/{{runId:[0-9]+}}"
    place = f"{HERE}/location/{{side}}/{{locationId}}"
    return (
        Door("GET", HERE, history, ROLES),
        Door("GET", f"{HERE}/live", live, ROLES),
        Door("GET", f"{HERE}/start", start, ROLES),
        Door("POST", f"{HERE}/start", start, ROLES),
        Door("GET", f"{HERE}/parked", parked, ROLES),
        Door("GET", place, location, ROLES),
        Door("POST", place, repair_one, ROLES),
        Door("GET", run, one, ROLES),
        Door("GET", f"{run}/live", live_one, ROLES),
        Door("GET", f"{run}/mismatches.csv", as_csv, ROLES),
        Door("POST", f"{run}/repair", repair, ROLES),
    )
