"""Conflicts: edits that did not win, and what people decide about them."""

from typing import Any

from aiohttp import web

from libs.domain.prisons import PRISON_ID
from services.staff_ui.edge.doors import MAINTAIN, Door, Doors
from services.staff_ui.edge.visits import Visit
from services.staff_ui.errors import NotThere
from services.staff_ui.forms.fields import Fault
from services.staff_ui.forms.operators import PRISON_FORM
from services.staff_ui.operators.acting import Act, NoAnswers, Row, acted, crumbs, pressed, row_id
from services.staff_ui.views.layout import OPERATIONS
from services.staff_ui.views.location import told, words

ROLES = frozenset({"ROLE_RECONCILE_LOCATIONS"})
HERE = f"{OPERATIONS}/conflicts"
DOOR = "/conflicts"
PAGE = 50
SIDES = frozenset({"DPS", "NOMIS"})
KEPT = ("prisonId", "won", "acknowledged")
TRAIL = ("Conflicts", HERE)


async def listed(visit: Visit) -> web.StreamResponse:
    """List conflicts, by page and filter."""
    query = visit.request.query
    chosen = {each: query[each].strip().upper() for each in KEPT if query.get(each, "").strip()}
    if "acknowledged" in chosen:
        chosen["acknowledged"] = chosen["acknowledged"].lower()
    faults = []
    if "prisonId" in chosen and not PRISON_ID.fullmatch(chosen["prisonId"]):
        faults.append(Fault("prisonId", PRISON_FORM, "prisonId"))
    params = {**chosen, "after": query.get("after", "0"), "size": str(PAGE)}
    found = [] if faults else await _ask(visit, "GET", DOOR, params=params)
    more = {**chosen, "after": str(found[-1]["id"])} if len(found) == PAGE else None
    return visit.render(
        "operators/conflicts.html",
        title="Conflicts",
        crumbs=crumbs(),
        conflicts=[_shown(each) for each in found],
        chosen=chosen,
        more=visit.request.rel_url.with_query(more) if more else None,
        here=HERE,
        errors=faults,
        status=400 if faults else 200,
    )


async def one(visit: Visit) -> web.StreamResponse:
    """Show a conflict: what was agreed, what each side made of it, and what won."""
    conflict = _shown(await _ask(visit, "GET", f"{DOOR}/{row_id(visit, 'conflictId')}"))
    return visit.render(
        "operators/conflict.html",
        title=f"Conflict at {conflict['key']}",
        crumbs=crumbs(TRAIL),
        conflict=conflict,
        may_choose=visit.may(*MAINTAIN) and visit.in_caseload(conflict["key"].partition("-")[0]),
        here=f"{HERE}/{conflict['id']}",
    )


async def acknowledge(visit: Visit) -> web.StreamResponse:
    """Note that somebody saw it."""
    conflict_id = row_id(visit, "conflictId")

    async def carry_out() -> web.StreamResponse:
        seen = await _ask(visit, "PUT", f"{DOOR}/{conflict_id}/acknowledge")
        return visit.see_other(f"{HERE}/{conflict_id}", done=f"Conflict at {seen['key']} acknowledged")

    return await pressed(visit, f"{HERE}/{conflict_id}", carry_out)


async def choose(visit: Visit) -> web.StreamResponse:
    """Give the location the value that a side had."""
    conflict_id, side = row_id(visit, "conflictId"), visit.request.match_info["side"]
    if side not in SIDES:
        raise NotThere(side)
    conflict = _shown(await _ask(visit, "GET", f"{DOOR}/{conflict_id}"))

    async def carry_out(_: NoAnswers) -> web.StreamResponse:
        await _ask(visit, "PUT", f"{DOOR}/{conflict_id}/choose/{side}")
        return visit.see_other(f"{HERE}/{conflict_id}", done=f"{conflict['key']} has the value that {side} had")

    act = Act(
        f"Choose the value that {side} had",
        NoAnswers,
        "Choose this value",
        f"{HERE}/{conflict_id}",
        warning=lambda _: "This is an ordinary edit of the location. Sync takes it to the other side.",
        facts=[
            Row("Location", conflict["key"]),
            Row("Field", conflict["name"]),
            Row("Value", conflict["texts"][side]),
        ],
    )
    return await acted(visit, act, carry_out)


def _shown(conflict: dict[str, Any]) -> dict[str, Any]:
    texts = {
        side: told(conflict["field"], conflict.get(name))
        for side, name in (("DPS", "dps"), ("NOMIS", "nomis"), ("base", "base"))
    }
    return {**conflict, "name": words(conflict["field"]), "texts": texts}


async def _ask(visit: Visit, method: str, path: str, **more: Any) -> Any:
    return (await visit.api.ask("locations", method, path, **more)).json()


def doors() -> Doors:
    """List them."""
    conflict = f"{HERE}/{{conflictId}}"
    return (
        Door("GET", HERE, listed, ROLES),
        Door("GET", conflict, one, ROLES),
        Door("POST", f"{conflict}/acknowledge", acknowledge, ROLES),
        Door("GET", f"{conflict}/choose/{{side}}", choose, ROLES),
        Door("POST", f"{conflict}/choose/{{side}}", choose, ROLES),
    )
