"""The doors of switch-over: where each prison stands, and the step to the next stage or back.

Reconciliation takes the steps for operators: it knows NOMIS's agency switches and the clean checks.
"""

from collections.abc import Sequence
from typing import Annotated

from pydantic import Field

from libs.domain.prisons import PRISON_ID
from libs.domain.switch_over import PrisonStage, StageMove, StepRefused
from libs.domain.wire import Wire
from libs.web.routing import Needs, Route
from services.locations.changes.switch_over import SwitchOver
from services.locations.errors import LocationBusy

SYNC = Needs.role("ROLE_SYNC_LOCATIONS", scope="write")
SYNC_OR_VIEW = Needs.role("ROLE_SYNC_LOCATIONS", "ROLE_VIEW_LOCATIONS")
Prison = Annotated[str, Field(pattern=f"^(?:{PRISON_ID.pattern})$", examples=["LEI"])]


class PrisonsQuery(Wire):
    """Which prisons: those that ever took a step; with `holding` also those that hold locations and took none."""

    holding: bool = False


class SwitchOverDoors:
    """The handlers."""

    def __init__(self, switch_over: SwitchOver) -> None:
        self._switch_over = switch_over

    async def every(self, query: PrisonsQuery) -> list[PrisonStage]:
        """List where prisons stand; one that never took a step is both ways."""
        return await self._switch_over.every(holding=query.holding)

    async def one(self, prison_id: Prison) -> PrisonStage:
        """Show where a prison stands, and every step it took."""
        return await self._switch_over.one(prison_id)

    async def move(self, prison_id: Prison, body: StageMove) -> PrisonStage:
        """Take a step; one that does not follow, or lacks what it rests on, is refused with the reason."""
        return await self._switch_over.move(prison_id, body)


def routes(doors: SwitchOverDoors) -> Sequence[Route]:
    """List the doors."""
    one = "/sync/prisons/{prisonId}"
    return (
        Route("GET", "/sync/prisons", doors.every, SYNC_OR_VIEW),
        Route("GET", one, doors.one, SYNC_OR_VIEW),
        Route("PUT", f"{one}/stage", doors.move, SYNC, problems=(StepRefused, LocationBusy)),
    )
