"""How long a failed message stays away: a list of seconds, its last value repeating, with jitter. Pure."""

from collections.abc import Callable
from dataclasses import dataclass

# SQS refuses to hide a message longer than this from the moment it was received.
VISIBILITY_SECONDS_MAX = 43_200


@dataclass(frozen=True, slots=True)
class Backoff:
    """`chance` gives a number in [0, 1); `jitter` 0.2 spreads a wait over ±20 %, so that they do not come in step."""

    seconds: tuple[int, ...]
    jitter: float
    chance: Callable[[], float]

    def wait(self, attempt: int, held_seconds: float = 0) -> int:
        """Return the whole seconds after the given attempt (from 1) of a message held for so long already."""
        planned = self.seconds[min(attempt, len(self.seconds)) - 1]
        return bounded(planned * (1 + self.jitter * (2 * self.chance() - 1)), held_seconds)


def bounded(seconds: float, held_seconds: float = 0) -> int:
    """Round to what the broker accepts: whole seconds, not negative, and not beyond twelve hours from the receive."""
    return max(0, min(round(seconds), int(VISIBILITY_SECONDS_MAX - held_seconds)))


def is_last(attempt: int, max_receives: int | None) -> bool:
    """Tell whether the broker would dead-letter the message at its next receive."""
    return max_receives is not None and attempt >= max_receives
