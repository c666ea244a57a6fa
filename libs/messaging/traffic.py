"""What became of messages lately, minute by minute: for people who watch, where no metrics store is at hand.

Kept in memory, by one process and of that process alone: a restart forgets it, and another replica has its own. The
whole story is in the metrics.
"""

from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from libs.messaging.records import End, Handled, Observe

MINUTES = 60
MINUTE = timedelta(minutes=1)
# Of how many journeys the median is taken.
JOURNEYS = 500
# Over how much of the past "now" is told.
LATELY = 5
FINISHED = frozenset[End]({"done", "ignored"})


@dataclass(slots=True)
class Minute:
    """One minute's endings."""

    at: datetime
    ends: Counter[End] = field(default_factory=Counter)

    @property
    def finished(self) -> int:
        """Messages that need nothing more."""
        return sum(self.ends[each] for each in FINISHED)


class Traffic:
    """The last hour of one queue, as one process saw it."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._since = now()
        self._minutes: deque[Minute] = deque(maxlen=MINUTES)
        self._journeys: deque[tuple[datetime, float]] = deque(maxlen=JOURNEYS)
        self._handlings: deque[tuple[datetime, float]] = deque(maxlen=JOURNEYS)

    def note(self, handled: Handled) -> None:
        """Count how a message ended."""
        now = self._now()
        at = now.replace(second=0, microsecond=0)
        if not self._minutes or self._minutes[-1].at < at:
            self._minutes.append(Minute(at))
        self._minutes[-1].ends[handled.outcome] += 1
        if handled.journey_seconds is not None:
            self._journeys.append((now, handled.journey_seconds))
        if handled.outcome == "done":
            self._handlings.append((now, handled.seconds))

    def observing(self, observe: Observe) -> Observe:
        """Return what counts each message beside another observer."""

        def both(handled: Handled) -> None:
            observe(handled)
            self.note(handled)

        return both

    def drain_per_second(self, at_once: int) -> float | None:
        """Estimate how fast this process empties a backlog, so many at once, by how long messages took lately."""
        since = self._now() - MINUTE * LATELY
        lately = [seconds for at, seconds in self._handlings if at >= since]
        total = sum(lately)
        return len(lately) * at_once / total if total else None

    def told(self) -> dict[str, Any]:
        """Tell the rate now, how long changes take to arrive, and the endings of every minute of the last hour."""
        now = self._now()
        this = now.replace(second=0, microsecond=0)
        known = {minute.at: minute for minute in self._minutes}
        minutes = [known.get(at, Minute(at)) for at in (this - MINUTE * back for back in reversed(range(MINUTES)))]
        seconds = min(LATELY * 60, max(1.0, (now - self._since).total_seconds()))
        recent = self._recent(now)
        return {
            "since": self._since.isoformat(),
            "perSecond": round(self._finished_since(minutes, now) / seconds, 2),
            "lagSeconds": {"median": recent[len(recent) // 2], "worst": recent[-1]} if recent else None,
            "minutes": [
                {"at": each.at.isoformat(), "finished": each.finished, "ends": dict(each.ends)} for each in minutes
            ],
        }

    def _recent(self, now: datetime) -> list[float]:
        since = now - MINUTE * LATELY
        return sorted(round(seconds, 2) for at, seconds in self._journeys if at >= since)

    @staticmethod
    def _finished_since(minutes: list[Minute], now: datetime) -> int:
        since = now - MINUTE * LATELY
        return sum(each.finished for each in minutes if each.at > since)
