"""`lip prisons`: where each prison stands on its way off NOMIS, and its next step."""

from types import MappingProxyType
from typing import Annotated, Any

import typer

from libs.domain.switch_over import Stage
from services.cli import views
from services.cli.calls import Calls
from services.cli.commands.running import Json, carry_out

app = typer.Typer(no_args_is_help=True, help="See where prisons stand on their way off NOMIS, and take a step.")

BASE = "/switch-over"
STAGE_COLUMNS = MappingProxyType({"prisonId": "prison", "stage": "stage", "since": "since", "authority": "mastered by"})
EVERY_COLUMNS = MappingProxyType({**STAGE_COLUMNS, "toStage": "next step", "refused": "what blocks it"})
ONE_COLUMNS = MappingProxyType(
    {
        **STAGE_COLUMNS,
        "screensOff": "screens off",
        "cleanCheck.runId": "last check",
        "cleanCheck.startedAt": "check began",
        "cleanCheck.compared": "compared",
        "cleanCheck.mismatches": "mismatches",
        "cleanCheck.unsettled": "not settled yet",
    }
)
NEXT_COLUMNS = MappingProxyType({"toStage": "next step", "refused": "what blocks it"})
STEP_COLUMNS = MappingProxyType(
    {"takenAt": "when", "takenBy": "who", "fromStage": "from", "toStage": "to", "reason": "why"}
)

Prison = Annotated[str, typer.Argument(help="A prison, such as LEI.")]


@app.command()
def show(
    prison: Annotated[str | None, typer.Argument(help="One prison; all that hold locations when left out.")] = None,
    *,
    json: Json = False,
) -> None:
    """Show where prisons stand, their next step, and what blocks it; of one also the steps it took.

    Example: lip prisons show

    Example: lip prisons show LEI
    """

    async def work(calls: Calls) -> None:
        found = await calls.ask("reconciliation", "GET", f"{BASE}/{prison}" if prison else BASE)
        if json:
            views.as_json(found)
        elif prison is None:
            views.rows("Prisons", [_with_next(each) for each in found], EVERY_COLUMNS)
        else:
            views.facts(prison, found, ONE_COLUMNS)
            views.rows("Next", found["nextSteps"], NEXT_COLUMNS)
            views.rows("Steps taken", found.get("steps") or [], STEP_COLUMNS)

    carry_out(work)


def _with_next(prison: dict[str, Any]) -> dict[str, Any]:
    """Put the way forward beside where it stands."""
    forward = [step for step in prison["nextSteps"] if step["forward"]]
    return {**prison, **(forward[0] if forward else {})}


@app.command()
def switch(
    prison: Prison,
    stage: Annotated[Stage, typer.Argument(help="The stage to take it to.")],
    *,
    reason: Annotated[str, typer.Option(help="Why; it is kept with the step.")] = "",
    json: Json = False,
) -> None:
    """Take a prison one step on, or back; a step that lacks what it rests on is refused with the reason.

    Example: lip prisons switch LEI SCREENS_OFF --reason "agreed with the governor"
    """

    async def work(calls: Calls) -> None:
        wish = {"toStage": stage, "reason": reason}
        told = await calls.ask("reconciliation", "PUT", f"{BASE}/{prison}", json=wish)
        views.as_json(told) if json else views.say(f"{prison} is {told['stage']}")

    carry_out(work)
