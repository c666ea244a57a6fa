"""The doors of switch-over for operators: where a prison stands, what its next steps rest on, and the steps."""

from collections.abc import Sequence
from typing import Annotated

from pydantic import Field

from libs.domain.prisons import PRISON_ID
from libs.domain.switch_over import CleanCheck, PrisonStage, PrisonUnknown, Stage, StepRefused
from libs.domain.wire import Wire
from libs.web.auth import Caller
from libs.web.outgoing import RemoteRefused, RemoteUnavailable
from libs.web.routing import Needs, Route
from services.reconciliation.reconcile.switch_over import Standing, SwitchOver

SWITCH_OVER = Needs.role("ROLE_SWITCH_OVER_LOCATIONS", scope="write")
READ = Needs.role("ROLE_SWITCH_OVER_LOCATIONS", "ROLE_RECONCILE_LOCATIONS")
Prison = Annotated[str, Field(pattern=f"^(?:{PRISON_ID.pattern})$", examples=["LEI"])]


class Wish(Wire):
    """The stage an operator wants the prison in, and why; the record keeps both."""

    to_stage: Stage
    reason: str = Field(default="", max_length=1000)


class NextStep(Wire):
    """A step that can follow, on or back; `refused` is why it would not be taken now."""

    to_stage: Stage
    forward: bool
    refused: str | None = None


class PrisonStanding(PrisonStage):
    """Where a prison stands, whether its NOMIS screens are off, the last check, and what can follow.

    In the list of all, `screensOff` and `cleanCheck` are left out of prisons whose next step rests on neither, and the
    steps taken are left out of all.
    """

    screens_off: bool | None = None
    clean_check: CleanCheck | None = None
    next_steps: list[NextStep]


class SwitchOverDoors:
    """The handlers."""

    def __init__(self, switch_over: SwitchOver) -> None:
        self._switch_over = switch_over

    async def every(self) -> list[PrisonStanding]:
        """List every prison that holds locations: where it stands, what can follow, and what blocks it."""
        return [_shown(each) for each in await self._switch_over.every()]

    async def one(self, prison_id: Prison) -> PrisonStanding:
        """Show where a prison stands and what can follow."""
        return _shown(await self._switch_over.one(prison_id))

    async def step(self, prison_id: Prison, body: Wish, caller: Caller) -> PrisonStanding:
        """Take a step, forward or back; asking for the stage it is in finishes a step that was cut short."""
        return _shown(await self._switch_over.step(prison_id, body.to_stage, caller.username, body.reason))


def _shown(standing: Standing) -> PrisonStanding:
    return PrisonStanding(
        **dict(standing.stage),
        screens_off=standing.screens_off,
        clean_check=standing.check,
        next_steps=[
            NextStep(to_stage=to, forward=standing.stage.stage.leads_on(to), refused=refused)
            for to, refused in standing.next_steps.items()
        ],
    )


def routes(doors: SwitchOverDoors) -> Sequence[Route]:
    """List the doors."""
    one = "/switch-over/{prisonId}"
    remote = (RemoteRefused, RemoteUnavailable)
    return (
        Route("GET", "/switch-over", doors.every, READ, problems=remote),
        Route("GET", one, doors.one, READ, problems=remote),
        Route("PUT", one, doors.step, SWITCH_OVER, problems=(StepRefused, PrisonUnknown, *remote)),
    )
