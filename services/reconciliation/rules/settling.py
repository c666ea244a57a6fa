"""What follows from a look at a location that was due: nothing, asking a worker, or parking it."""

from dataclasses import dataclass
from datetime import timedelta

from services.reconciliation.records import Noted, Verdict


@dataclass(frozen=True, slots=True)
class Settled:
    """Both sides are equal: forget it."""


@dataclass(frozen=True, slots=True)
class Ask:
    """Ask a worker, and look again after a while."""

    noted: Noted
    after: timedelta


@dataclass(frozen=True, slots=True)
class Park:
    """Ask nobody any more, until either side changes."""

    noted: Noted
    reason: str


Step = Settled | Ask | Park
UNCONFIRMED = "equal, but what was sent to NOMIS was not confirmed"


@dataclass(frozen=True, slots=True)
class Rounds:
    """How often workers are asked, and how long they are given."""

    same_max: int
    all_max: int
    first: timedelta


def next_step(noted: Noted, verdict: Verdict, rounds: Rounds) -> Step:
    """Decide.

    Three askings about the same pair of states are enough to know that the fourth would change nothing; states that
    keep moving without anybody telling of a change are bounded too.
    """
    if verdict.finding is None and not verdict.unconfirmed:
        return Settled()
    same = verdict.digest == noted.digest
    kept = Noted(noted.rounds if same else 0, noted.asked, verdict.digest)
    told = f"{verdict.finding.value}: {verdict.reason}" if verdict.finding else UNCONFIRMED
    if verdict.hopeless:
        return Park(kept, told)
    if kept.rounds >= rounds.same_max:
        return Park(kept, f"cannot settle: {told}")
    if kept.asked >= rounds.all_max:
        return Park(kept, f"cannot settle, keeps changing: {told}")
    asked = Noted(kept.rounds + 1, kept.asked + 1, kept.digest)
    return Ask(asked, rounds.first * 2**kept.rounds)
