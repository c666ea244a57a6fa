"""The time for which the broker hides a message from others, as a state machine. Pure: time is a number handed in."""

from dataclasses import dataclass, field
from enum import Enum

# Twelve hours is the broker's limit, counted from the receive; renewing does not reset it.
HELD_SECONDS_MAX = 43_200 - 300
RENEW_AT = 2 / 3
# When so little of a lease is left, a renewal that failed is not tried again: the message may be another's already.
GIVE_UP_AT = 0.9
RETRIES_IN_A_LEASE = 30


class State(Enum):
    """held → ending (acknowledged or given back, no renewal any more) or lost (perhaps another's by now)."""

    HELD = "held"
    ENDING = "ending"
    LOST = "lost"


@dataclass(slots=True, eq=False)
class Lease:
    """One receive of one message; `received_at` is the start of the call, as the broker counts from no earlier."""

    receipt: str
    received_at: float
    seconds: float
    state: State = field(default=State.HELD, init=False)
    _renewed_at: float = field(init=False)
    _retry_at: float | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        self._renewed_at = self.received_at

    @property
    def deadline(self) -> float:
        """When the broker gives the message to somebody else."""
        return self._renewed_at + self.seconds

    @property
    def due(self) -> float:
        """When to renew it, or to try again."""
        return self._renewed_at + self.seconds * RENEW_AT if self._retry_at is None else self._retry_at

    def renewed(self, called_at: float) -> None:
        """Count from the start of the call that succeeded."""
        self._renewed_at, self._retry_at = called_at, None

    def failed(self, now: float) -> None:
        """Note a renewal that did not get through: again in a moment, or lost when too little is left."""
        if now >= self._renewed_at + self.seconds * GIVE_UP_AT:
            self.lose()
        else:
            self._retry_at = now + self.seconds / RETRIES_IN_A_LEASE

    def lose(self) -> None:
        """Note that the message may be another's; an ending lease is past caring."""
        if self.state is State.HELD:
            self.state = State.LOST

    def end(self) -> bool:
        """Stop renewing; tell whether the message is still ours to acknowledge or give back."""
        if self.state is State.HELD:
            self.state = State.ENDING
        return self.state is State.ENDING


class Leases:
    """All leases of a queue's consumer."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._held: set[Lease] = set()

    def __len__(self) -> int:
        return len(self._held)

    def take(self, receipt: str, received_at: float) -> Lease:
        """Hold a message received by a call that started then."""
        lease = Lease(receipt, received_at, self._seconds)
        self._held.add(lease)
        return lease

    def drop(self, lease: Lease) -> None:
        """Forget it, however it ended; harmless when repeated."""
        self._held.discard(lease)

    def due(self, now: float) -> list[Lease]:
        """Return those to renew now, the most urgent first; those whose time is over are lost instead."""
        for lease in self._held:
            if now >= min(lease.deadline, lease.received_at + HELD_SECONDS_MAX):
                lease.lose()
        due = (lease for lease in self._held if lease.state is State.HELD and lease.due <= now)
        return sorted(due, key=lambda lease: lease.deadline)

    def lost(self) -> list[Lease]:
        """Return those whose handlers must end."""
        return [lease for lease in self._held if lease.state is State.LOST]

    def next_due(self) -> float | None:
        """Return when to look again; None when nothing is held."""
        return min((lease.due for lease in self._held if lease.state is State.HELD), default=None)
