"""Stops polling while what the handlers need is away, so that an outage uses up no receives. Pure: time is handed in.

Closed: all is well. Open: nothing is received until its pause is over. Half-open: one message at a time is tried; the
first that is done closes it, one that meets the outage again opens it for twice as long.
"""

from collections import deque
from enum import Enum

from libs.messaging.limits import BreakerLimits


class State(Enum):
    """Where it stands, in electricians' words: open lets nothing through."""

    CLOSED = "CLOSED"
    OPEN = "OPEN"
    HALF_OPEN = "HALF_OPEN"


class Breaker:
    """One queue's; `away` is the name of what did not answer, as the handler told it."""

    def __init__(self, limits: BreakerLimits) -> None:
        self._limits = limits
        self._ends: deque[str | None] = deque(maxlen=limits.window)
        self._pause = limits.first_seconds
        self._until = 0.0
        self._tried = 0
        self.away = ""
        self.state = State.CLOSED
        self.openings = 0

    def fine(self) -> None:
        """Note a message that had its effect."""
        if self.state is State.CLOSED:
            self._ends.append(None)
        elif self.state is State.HALF_OPEN:
            self._close()

    def unclear(self) -> None:
        """Note a message whose end says nothing of what the handlers need; half open, some of these will do, too."""
        if self.state is State.CLOSED:
            self._ends.append(None)
        elif self.state is State.HALF_OPEN:
            self._tried += 1
            if self._tried >= self._limits.failures_min:
                self._close()

    def failed(self, away: str, now: float) -> bool:
        """Note a message that could not be handled for want of another service; tell whether that opens it."""
        if self.state is State.OPEN:
            return False
        if self.state is State.HALF_OPEN:
            self._pause = min(self._limits.longest_seconds, 2 * self._pause)
            self._open(away, now)
            return True
        self._ends.append(away)
        same = sum(each == away for each in self._ends)
        if same < self._limits.failures_min or same < self._limits.share * len(self._ends):
            return False
        self._open(away, now)
        return True

    def wait(self, now: float) -> float:
        """Return how long nothing may be received; 0 where something may, one at a time unless it is closed."""
        if self.state is State.OPEN and now >= self._until:
            self.state = State.HALF_OPEN
            self._tried = 0
        return self._until - now if self.state is State.OPEN else 0

    def _open(self, away: str, now: float) -> None:
        self.state, self.away = State.OPEN, away
        self._until = now + self._pause
        self.openings += 1

    def _close(self) -> None:
        self.state, self.away = State.CLOSED, ""
        self._pause = self._limits.first_seconds
        self._ends.clear()
