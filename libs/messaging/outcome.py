"""The four ways a message ends: done, ignored, retry later, unprocessable. Standard library only, for pure code."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from types import MappingProxyType

NO_FACTS: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Done:
    """The effect is there; `note` names the event for logs, `facts` carry ids and keys only."""

    note: str = ""
    facts: Mapping[str, str] = field(default_factory=lambda: NO_FACTS)


@dataclass(frozen=True, slots=True)
class Ignored:
    """Nothing to do, and why; counted and logged, then deleted."""

    reason: str
    facts: Mapping[str, str] = field(default_factory=lambda: NO_FACTS)


Outcome = Done | Ignored


class RetryLater(Exception):
    """Give the message back; it comes again after `delay`, or after the queue's own backoff.

    `away` names what did not answer, where that is why: no fault of the message, which is then never dead-lettered.
    """

    def __init__(self, reason: str, delay: timedelta | None = None, *, away: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.delay = delay
        self.away = away


class Unprocessable(Exception):
    """No repetition would help: to the dead-letter queue at once, with this reason."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason
