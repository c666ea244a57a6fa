"""Switch-over: where each prison stands on its way off NOMIS, its next step, and what blocks it."""

import asyncio
from typing import Any

from aiohttp import web

from libs.domain.prisons import PRISON_ID
from services.staff_ui.edge.doors import Door, Doors
from services.staff_ui.edge.visits import Visit
from services.staff_ui.errors import NotThere
from services.staff_ui.forms.operators import STEP, StepWish
from services.staff_ui.operators.acting import Act, Row, acted, crumbs
from services.staff_ui.views.comparing import MEANINGS, STAGES, STEPS
from services.staff_ui.views.layout import OPERATIONS

READ = frozenset({"ROLE_SWITCH_OVER_LOCATIONS", "ROLE_RECONCILE_LOCATIONS"})
ROLES = frozenset({"ROLE_SWITCH_OVER_LOCATIONS"})
HERE = f"{OPERATIONS}/switch-over"
DOOR = "/switch-over"
TRAIL = ("Switch-over", HERE)


async def every(visit: Visit) -> web.StreamResponse:
    """Show all prisons: stage, next step, what blocks it."""
    found, names = await asyncio.gather(_ask(visit, "GET", DOOR), visit.names.all())
    stage = visit.request.query.get("stage", "")
    prisons = [
        {**each, "name": names.get(each["prisonId"], each["prisonId"]), "next": _forward(each)}
        for each in found
        if stage not in STAGES or each["stage"] == stage
    ]
    counts = {key: sum(each["stage"] == key for each in found) for key in STAGES}
    return visit.render(
        "operators/switch_over.html",
        title="Switch-over",
        crumbs=crumbs(),
        prisons=sorted(prisons, key=lambda each: each["name"]),
        stages=STAGES,
        steps=STEPS,
        counts=counts,
        chosen=stage,
        here=HERE,
    )


async def one(visit: Visit) -> web.StreamResponse:
    """Show a prison: stage, what it rests on, what can follow, and every step it took."""
    prison_id = _prison(visit)
    stands, names = await asyncio.gather(_ask(visit, "GET", f"{DOOR}/{prison_id}"), visit.names.all())
    return visit.render(
        "operators/prison.html",
        title=names.get(prison_id, prison_id),
        crumbs=crumbs(TRAIL),
        stands=stands,
        stages=STAGES,
        steps=STEPS,
        meanings=MEANINGS,
        may_step=visit.may(*ROLES),
        here=f"{HERE}/{prison_id}",
    )


async def step(visit: Visit) -> web.StreamResponse:
    """Take a step, forward or back."""
    prison_id, to = _prison(visit), visit.request.match_info["stage"]
    if to not in STAGES:
        raise NotThere(to)
    names = await visit.names.all()
    back = f"{HERE}/{prison_id}"

    async def carry_out(wish: StepWish) -> web.StreamResponse:
        told = await _ask(visit, "PUT", f"{DOOR}/{prison_id}", json={"toStage": to, "reason": wish.reason})
        return visit.see_other(back, done=f"{names.get(prison_id, prison_id)}: {STAGES[told['stage']]}")

    act = Act(
        STEPS[to],
        StepWish,
        "Take this step",
        back,
        fields=STEP,
        caption=names.get(prison_id, prison_id),
        warning=lambda _: MEANINGS[to],
        facts=[Row("Prison", names.get(prison_id, prison_id)), Row("Becomes", STAGES[to])],
        hard=True,
    )
    return await acted(visit, act, carry_out)


def _forward(prison: dict[str, Any]) -> dict[str, Any] | None:
    return next((each for each in prison["nextSteps"] if each["forward"]), None)


def _prison(visit: Visit) -> str:
    prison_id = visit.request.match_info["prisonId"]
    if not PRISON_ID.fullmatch(prison_id):
        raise NotThere(prison_id)
    return prison_id


async def _ask(visit: Visit, method: str, path: str, **more: Any) -> Any:
    return (await visit.api.ask("reconciliation", method, path, **more)).json()


def doors() -> Doors:
    """List them."""
    prison = f"{HERE}/{{prisonId}}"
    return (
        Door("GET", HERE, every, READ),
        Door("GET", prison, one, READ),
        Door("GET", f"{prison}/{{stage}}", step, ROLES),
        Door("POST", f"{prison}/{{stage}}", step, ROLES),
    )
