"""Takes a prison from stage to stage for an operator: NOMIS's screens, the clean check, and the step itself.

The stage is kept by the locations API, which enforces it in each write of sync and refuses a step that does not follow.
Screens go off before the step that says so and come on after the step that says so, so no stage ever promises more than
is so; a step that was cut short is finished by asking for it again.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from libs.domain.switch_over import STEPS, CleanCheck, PrisonStage, Stage, StageMove, StepRefused, refusal
from services.reconciliation.ports import Prisons, Screens
from services.reconciliation.rules.settling import PARKED_ONE_WAY
from services.reconciliation.store.due import DueStore
from services.reconciliation.store.runs import RunStore

PRISONS_AT_ONCE = 8
"""How many prisons are looked at side by side when all are asked for."""


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a prison stands, what the next steps rest on, and why each would be refused now (None: it would not)."""

    stage: PrisonStage
    # None: nobody asked, as nothing rests on it.
    screens_off: bool | None
    check: CleanCheck | None
    next_steps: dict[Stage, str | None]


@dataclass(frozen=True, slots=True)
class SwitchOver:
    """Steps are taken one at a time; two operators at once are told apart by the stage they started from."""

    prisons: Prisons
    screens: Screens
    runs: RunStore
    due: DueStore
    service: str
    now: Callable[[], datetime]

    async def every(self) -> list[Standing]:
        """Return where every prison stands that holds locations or ever took a step."""
        stands = await self.prisons.stages(holding=True)
        room = asyncio.Semaphore(PRISONS_AT_ONCE)

        async def standing(stage: PrisonStage) -> Standing:
            # Most prisons: nothing went off yet, and the first step rests on nothing.
            if stage.stage is Stage.BOTH_WAYS:
                return self._standing(stage, None, None)
            async with room:
                return await self._looked_at(stage)

        return list(await asyncio.gather(*(standing(each) for each in stands)))

    async def one(self, prison_id: str) -> Standing:
        """Return where a prison stands."""
        return await self._looked_at(await self.prisons.stage(prison_id))

    async def _looked_at(self, stands: PrisonStage) -> Standing:
        screens_off = await self.screens.switch(self.service, stands.prison_id)
        return self._standing(stands, screens_off, await self._check(stands.prison_id))

    def _standing(self, stands: PrisonStage, screens_off: bool | None, check: CleanCheck | None) -> Standing:
        steps = {
            to: self._refused(stands, screens_off, self._move(stands, to, "-", "", check))
            for to in sorted(STEPS[stands.stage])
        }
        return Standing(stands, screens_off, check, steps)

    async def step(self, prison_id: str, to: Stage, by: str, reason: str) -> Standing:
        """Take a step, or finish one that was cut short. Raises StepRefused."""
        stands = await self.prisons.stage(prison_id)
        screens_off = await self.screens.switch(self.service, prison_id)
        if stands.stage is not to:
            move = self._move(stands, to, by, reason, await self._check(prison_id))
            if refused := self._refused(stands, screens_off, move):
                raise StepRefused(f"{prison_id}: {refused}")
            if to is Stage.SCREENS_OFF and not screens_off:
                await self.screens.set_switch(self.service, prison_id, on=True)
            await self.prisons.take_step(prison_id, move)
        if to is not Stage.ONE_WAY:
            # What was inserted while nothing was taken from NOMIS is taken now, without waiting for another event.
            await self.due.resume(prison_id, PARKED_ONE_WAY, self.now())
        wanted_off = to is not Stage.BOTH_WAYS
        if wanted_off is not await self.screens.switch(self.service, prison_id):
            await self.screens.set_switch(self.service, prison_id, on=wanted_off)
        return await self.one(prison_id)

    async def _check(self, prison_id: str) -> CleanCheck | None:
        """Return the last check, with what is due or parked counted as not settled."""
        check = await self.runs.last_check(prison_id)
        if check is None:
            return None
        due, parked = await self.due.waiting(prison_id)
        return check.model_copy(update={"unsettled": check.unsettled + due + parked})

    @staticmethod
    def _move(stands: PrisonStage, to: Stage, by: str, reason: str, check: CleanCheck | None) -> StageMove:
        forward = to in {Stage.RECONCILED, Stage.ONE_WAY}
        return StageMove(
            from_stage=stands.stage, to_stage=to, taken_by=by, reason=reason, clean_check=check if forward else None
        )

    @staticmethod
    def _refused(stands: PrisonStage, screens_off: bool | None, move: StageMove) -> str | None:
        if refused := refusal(move, stands.stage, stands.since):
            return refused
        if move.to_stage in {Stage.RECONCILED, Stage.ONE_WAY} and not screens_off:
            return "NOMIS's screens are on again"
        return None
