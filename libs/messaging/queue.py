"""What we need of a queue and of a topic, and what they promise. Adapters: `sqs`, `sns`, `memory`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Literal, Protocol

NO_ATTRIBUTES: Mapping[str, str] = MappingProxyType({})
BATCH_MAX = 10
PUBLISH_BYTES_MAX = 262_144
MESSAGE_BYTES_MAX = 1_048_576
ATTRIBUTES_MAX = 10
GROUP_CHARACTERS_MAX = 128
DELAY_SECONDS_MAX = 900
# As AWS has it, a FIFO queue or topic is one whose name ends so.
FIFO = ".fifo"


@dataclass(frozen=True, slots=True)
class Delivery:
    """One receive of one message, still in its envelope. `receipt` belongs to this receive only."""

    receipt: str
    message_id: str
    body: str = field(repr=False)
    attributes: Mapping[str, str]
    receive_count: int
    sent_at: datetime
    group: str | None = None
    sequence: str | None = None


@dataclass(frozen=True, slots=True)
class Parcel:
    """Something to send; `delay_seconds` up to 900, standard queues only.

    `group` keeps order on FIFO queues (required there) and spreads load fairly on standard ones; `deduplication` is
    what a FIFO queue knows a repetition by for five minutes (none: our `eventId`, else the body's digest).
    """

    body: str = field(repr=False)
    attributes: Mapping[str, str] = field(default_factory=lambda: NO_ATTRIBUTES)
    group: str | None = None
    delay_seconds: int = 0
    deduplication: str | None = None


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why one entry of a batch failed; `ours` when sending it again would fail again."""

    code: str
    ours: bool


@dataclass(frozen=True, slots=True)
class Depth:
    """Approximate counts, about a minute old on AWS."""

    visible: int
    in_flight: int
    delayed: int


def is_fifo(name: str) -> bool:
    """Tell a FIFO queue or topic by its id."""
    return name.endswith(FIFO)


def size_of(body: str, attributes: Mapping[str, str]) -> int:
    """Count the bytes that the broker counts: body, and names, types and values of attributes."""
    named = sum(len(name.encode()) + len("String") + len(value.encode()) for name, value in attributes.items())
    return len(body.encode()) + named


class QueueGone(Exception):
    """The queue or topic does not exist (any more)."""


class BrokerUnavailable(Exception):
    """The broker could not be reached or did not answer in time."""


class PurgeInProgress(Exception):
    """The queue was purged less than 60 s ago."""


class MovesMissing(Exception):
    """This broker sends no dead letters back by itself, or not these, or not for us."""


class MoveRunning(Exception):
    """The broker is sending these dead letters back already."""


MoveStatus = Literal["RUNNING", "COMPLETED", "CANCELLED", "FAILED"]


@dataclass(frozen=True, slots=True)
class Move:
    """The broker's own sending back of dead letters, as far as it is; counts are approximate.

    `handle` is the broker's word for a running one.
    """

    status: MoveStatus
    found: int
    moved: int
    per_second: float | None
    started_at: datetime
    handle: str = ""


class Queue(Protocol):
    """A standard queue (at least once, no order promised), or a FIFO one (order within a group).

    Batch calls take at most ten entries and answer for each, in order: None where it went well. HTTP success says
    nothing about entries. Every call may raise QueueGone or BrokerUnavailable.
    """

    @property
    def name(self) -> str:
        """The queue's id in the topology."""

    async def receive(self, count: int, *, wait_seconds: float, visibility_seconds: int) -> list[Delivery]:
        """Return up to `count` (1–10) messages, hidden from others for `visibility_seconds` from the call's start.

        Waits up to `wait_seconds` for the first. Must not be cancelled while open: what it brings would be stranded.
        """

    async def delete(self, receipts: Sequence[str]) -> list[Refusal | None]:
        """Delete what was handled."""

    async def change_visibility(self, seconds_by_receipt: Sequence[tuple[str, int]]) -> list[Refusal | None]:
        """Set when each comes again, counted from now; 0 gives it back at once. Refused once the lease is lost."""

    async def send(self, parcels: Sequence[Parcel]) -> list[Refusal | None]:
        """Send to this queue."""

    async def send_dead(self, parcels: Sequence[Parcel]) -> list[Refusal | None]:
        """Send to this queue's dead-letter queue."""

    async def depth(self) -> Depth:
        """Count what is on the queue."""

    async def max_receives(self) -> int | None:
        """Return how often a message is received before it is dead-lettered; None without redrive."""

    async def purge(self) -> None:
        """Delete everything, what is in flight too. A second call within 60 s is refused with PurgeInProgress."""


class Returning(Protocol):
    """A queue whose broker may send its dead letters back by itself; every replica sees the same of it.

    Calls may raise QueueGone or BrokerUnavailable, and MovesMissing where there is no such thing.
    """

    async def start_return(self, per_second: int) -> str:
        """Begin to send all its dead letters back, as they lie there; return its handle. Raises MoveRunning."""

    async def latest_return(self) -> Move | None:
        """Return the running one, else the last that is remembered."""

    async def cancel_return(self) -> bool:
        """End it; what went back stays there. False when none runs."""


class Tagged(Protocol):
    """A queue's own notes, which outlive every process and are the same for each replica; at most 50."""

    @property
    def name(self) -> str:
        """The queue's id in the topology."""

    async def tags(self) -> Mapping[str, str]:
        """Read them all. Raises as a queue's calls do."""

    async def tag(self, name: str, value: str) -> None:
        """Write one."""

    async def untag(self, name: str) -> None:
        """Remove one; nothing happens when it is not there."""


class WorkQueue(Queue, Returning, Protocol):
    """A queue with dead letters."""


class DeadLetters(Queue, Tagged, Protocol):
    """A dead-letter queue; its tags tell of a redrive."""


class Topic(Protocol):
    """A topic: every subscription whose filter matches gets a copy, at least once."""

    @property
    def name(self) -> str:
        """The topic's id in the topology."""

    async def publish(self, parcels: Sequence[Parcel]) -> list[Refusal | None]:
        """Publish up to ten, 256 KiB together; an answer for each, in order. Raises as a queue's calls do."""

    async def generation(self) -> str | None:
        """Tell one making of this topic from another; None where nobody noted it."""
