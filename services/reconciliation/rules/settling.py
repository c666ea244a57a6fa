"""What follows from a look at a location that was due: nothing, asking a worker, or parking it."""

from dataclasses import dataclass
from datetime import timedelta

from services.reconciliation.records import INSERTED_ONE_WAY, Finding, Noted, Verdict, Waiting


@dataclass(frozen=True, slots=True)
class Settled:
    """Both sides are equal: forget it."""


@dataclass(frozen=True, slots=True)
class Ask:
    """Ask a worker, and look again after a while."""

    noted: Noted
    after: timedelta


@dataclass(frozen=True, slots=True)
class Wait:
    """Look again after a while without asking again: workers have not come to what they were asked."""

    noted: Noted
    after: timedelta


@dataclass(frozen=True, slots=True)
class Park:
    """Ask nobody any more, until either side changes."""

    noted: Noted
    reason: str


Step = Settled | Ask | Wait | Park


@dataclass(frozen=True, slots=True)
class Decided:
    """What follows for a location that waited; key and prison are for people, who count by them."""

    waiting: Waiting
    step: Step
    key: str = ""
    prison_id: str | None = None


PARKED_ONE_WAY = f"{Finding.MISSING_IN_DPS.value}: {INSERTED_ONE_WAY}"
"""The reason of what is parked only because its prison takes nothing from NOMIS."""
UNCONFIRMED = "equal, but what was sent to NOMIS was not confirmed"


@dataclass(frozen=True, slots=True)
class Rounds:
    """How often workers are asked, and how long they are given."""

    same_max: int
    all_max: int
    first: timedelta


def next_step(noted: Noted, verdict: Verdict, rounds: Rounds, *, behind: bool) -> Step:
    """Decide; `behind` says that messages wait for the workers, and what was asked of them may be among these.

    Three askings about the same pair of states are enough to know that the fourth would change nothing; states that
    keep moving without anybody telling of a change are bounded too. Only what a worker has come to counts: while they
    are behind nobody is asked a second time, and nothing is parked for having been asked too often.
    """
    if verdict.finding is None and not verdict.unconfirmed:
        return Settled()
    same = verdict.digest == noted.digest
    kept = Noted(noted.rounds if same else 0, noted.asked, verdict.digest)
    told = f"{verdict.finding.value}: {verdict.reason}" if verdict.finding else UNCONFIRMED
    if verdict.hopeless:
        return Park(kept, told)
    if behind and (kept.rounds or kept.asked):
        return Wait(kept, rounds.first)
    if kept.rounds >= rounds.same_max:
        return Park(kept, f"cannot settle: {told}")
    if kept.asked >= rounds.all_max:
        return Park(kept, f"cannot settle, keeps changing: {told}")
    asked = Noted(kept.rounds + 1, kept.asked + 1, kept.digest)
    return Ask(asked, rounds.first * 2**kept.rounds)
