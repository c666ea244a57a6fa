"""The stages in which a prison leaves NOMIS (`design.md` §5, Switch-over), and what each step rests on. Pure.

both ways → screens off (NOMIS's agency switch) → reconciled clean → one way; back from each, and both ways again from
one way by way of screens off.
"""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType

from pydantic import Field

from libs.domain.counting import counted
from libs.domain.sync import Side
from libs.domain.wire import Wire


class Stage(StrEnum):
    """How far a prison has switched over."""

    BOTH_WAYS = "BOTH_WAYS"
    SCREENS_OFF = "SCREENS_OFF"
    RECONCILED = "RECONCILED"
    ONE_WAY = "ONE_WAY"

    def leads_on(self, to: "Stage") -> bool:
        """Whether a step to there is one forward, further off NOMIS."""
        order = [*Stage]
        return order.index(to) > order.index(self)


STEPS: Mapping[Stage, frozenset[Stage]] = MappingProxyType(
    {
        Stage.BOTH_WAYS: frozenset({Stage.SCREENS_OFF}),
        Stage.SCREENS_OFF: frozenset({Stage.RECONCILED, Stage.BOTH_WAYS}),
        Stage.RECONCILED: frozenset({Stage.ONE_WAY, Stage.SCREENS_OFF}),
        Stage.ONE_WAY: frozenset({Stage.SCREENS_OFF}),
    }
)
"""Where each stage leads. A clean check of a prison that was one way is none of one that is not: it is made anew."""


class StepRefused(Exception):
    """A step that does not follow, or lacks what it rests on; the text says which."""


class PrisonUnknown(Exception):
    """NOMIS knows no prison of this id, so nothing of it can be switched."""

    def __init__(self, prison_id: str) -> None:
        super().__init__(f"NOMIS knows no prison {prison_id}")


FORWARD = frozenset({(Stage.SCREENS_OFF, Stage.RECONCILED), (Stage.RECONCILED, Stage.ONE_WAY)})
"""The steps that rest on a clean check."""


class CleanCheck(Wire):
    """The reconciliation run that a step rests on."""

    run_id: int
    started_at: datetime
    ended_at: datetime
    compared: int = Field(ge=0)
    mismatches: int = Field(ge=0)
    unsettled: int = Field(default=0, ge=0)


class StageMove(Wire):
    """Body of `PUT /sync/prisons/{prisonId}/stage`: a step, from where the caller believes the prison to be."""

    from_stage: Stage
    to_stage: Stage
    taken_by: str = Field(min_length=1, max_length=80)
    reason: str = Field(default="", max_length=1000)
    clean_check: CleanCheck | None = None


class Step(Wire):
    """A step that was taken."""

    step_id: int
    from_stage: Stage
    to_stage: Stage
    taken_at: datetime
    taken_by: str
    reason: str
    clean_check: CleanCheck | None = None


class PrisonStage(Wire):
    """Where a prison stands; without a step yet it is both ways, mastered by DPS."""

    prison_id: str
    stage: Stage = Stage.BOTH_WAYS
    since: datetime | None = None
    authority: Side = Side.DPS
    one_way: bool = False
    steps: tuple[Step, ...] = ()


def refusal(move: StageMove, stage: Stage, since: datetime | None) -> str | None:
    """Return why a step is not taken; None when it is."""
    if move.from_stage is not stage:
        return f"the prison is {stage}, not {move.from_stage}"
    if move.to_stage not in STEPS[stage]:
        led = ", ".join(sorted(STEPS[stage]))
        return f"{stage} does not lead to {move.to_stage}; it leads to {led}"
    if (stage, move.to_stage) not in FORWARD:
        return None
    return _unclean(move.clean_check, None if stage is Stage.RECONCILED else since)


def _unclean(check: CleanCheck | None, since: datetime | None) -> str | None:
    """Return what is wrong with the check that a step forward rests on; `since` is when the screens went off."""
    if check is None:
        return "cleanCheck: the step rests on a clean check"
    if check.mismatches or check.unsettled:
        found = counted(check.mismatches, "mismatch", "mismatches")
        return f"run {check.run_id} is not clean: {found}, {check.unsettled:,} not settled yet"
    if not check.compared:
        return f"run {check.run_id} compared nothing"
    if since is not None and check.started_at < since:
        return f"run {check.run_id} began before the screens were off"
    return None
