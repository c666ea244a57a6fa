"""SQS and SNS in memory for simulations: the promises of the real ones, faults from a seed, time that can jump."""

import asyncio
import json
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from random import Random
from typing import Any, Protocol
from uuid import UUID

from libs.messaging.backoff import VISIBILITY_SECONDS_MAX
from libs.messaging.checking import deduplication_id, fault_of
from libs.messaging.filtering import matches
from libs.messaging.memory_moves import MemoryMoves
from libs.messaging.queue import (
    BATCH_MAX,
    MESSAGE_BYTES_MAX,
    PUBLISH_BYTES_MAX,
    BrokerUnavailable,
    Delivery,
    Depth,
    Move,
    MovesMissing,
    Parcel,
    PurgeInProgress,
    QueueGone,
    Refusal,
    is_fifo,
)
from libs.messaging.sqs import dead_letter_of, parked_of
from libs.messaging.topology import SubscriptionPlan, Topology

EPOCH = datetime(2026, 1, 1, tzinfo=UTC)
PURGE_SECONDS = 60
DEDUPLICATION_SECONDS = 300


class Faults(Protocol):
    """Asked before and after each call, and for each entry of a batch."""

    def unreachable(self, call: str) -> bool:
        """Whether the call fails and has no effect."""

    def answer_lost(self, call: str) -> bool:
        """Whether the call has its effect and the caller does not hear of it."""

    def refused(self, call: str) -> bool:
        """Whether this entry of a batch fails, through no fault of the sender."""

    def twice(self) -> bool:
        """Whether this message is delivered once more although it was deleted."""


class NoFaults:
    """All goes well."""

    def unreachable(self, call: str) -> bool:  # noqa: ARG002 - the port's signature
        """See `Faults`."""
        return False

    def answer_lost(self, call: str) -> bool:  # noqa: ARG002 - the port's signature
        """See `Faults`."""
        return False

    def refused(self, call: str) -> bool:  # noqa: ARG002 - the port's signature
        """See `Faults`."""
        return False

    def twice(self) -> bool:
        """See `Faults`."""
        return False


@dataclass(frozen=True, slots=True)
class SeededFaults:
    """Each kind at one rate, by chance from a seed."""

    chance: Random
    rate: float

    def unreachable(self, call: str) -> bool:  # noqa: ARG002 - the port's signature
        """See `Faults`."""
        return self._strikes()

    def answer_lost(self, call: str) -> bool:  # noqa: ARG002 - the port's signature
        """See `Faults`."""
        return self._strikes()

    def refused(self, call: str) -> bool:  # noqa: ARG002 - the port's signature
        """See `Faults`."""
        return self._strikes()

    def twice(self) -> bool:
        """See `Faults`."""
        return self._strikes()

    def _strikes(self) -> bool:
        return self.chance.random() < self.rate


@dataclass(slots=True)
class Stored:
    """A message on a queue."""

    message_id: str
    parcel: Parcel = field(repr=False)
    sent_at: float
    visible_at: float
    receives: int = 0
    sequence: int = 0
    received_at: float = 0

    @property
    def receipt(self) -> str:
        """Belongs to the latest receive."""
        return f"{self.message_id}:{self.receives}"


class MemoryBroker:
    """Every queue and topic of a topology. Its clock is the loop's, plus what was jumped."""

    def __init__(
        self,
        topology: Topology,
        faults: Faults | None = None,
        now: Callable[[], float] | None = None,
        *,
        moves: bool = False,
    ) -> None:
        # Whether it sends dead letters back by itself, as AWS does and no emulator of ours.
        self.moves = moves
        self.faults = faults or NoFaults()
        self._now = now or (lambda: asyncio.get_running_loop().time())
        self._jumped = 0.0
        self._ids = count(1)
        self._queues: dict[str, MemoryQueue] = {}
        for name, plan in topology.queues.items():
            dead = MemoryQueue(self, dead_letter_of(name), None, None)
            aside = MemoryQueue(self, parked_of(name), None, None)
            queue = MemoryQueue(self, name, dead, plan.max_receive_count)
            self._queues |= {dead.name: dead, aside.name: aside, name: queue}
        self._topics = {name: MemoryTopic(self, name) for name in topology.topics}
        for name, plan in topology.queues.items():
            for subscription in plan.subscriptions:
                self._topics[subscription.topic].subscribe(subscription, self._queues[name])

    def queue(self, name: str) -> "MemoryQueue":
        """Give a queue. Raises QueueGone."""
        if name not in self._queues:
            raise QueueGone(name)
        return self._queues[name]

    def topic(self, name: str) -> "MemoryTopic":
        """Give a topic. Raises QueueGone."""
        if name not in self._topics:
            raise QueueGone(name)
        return self._topics[name]

    def now(self) -> float:
        """Tell the broker's time."""
        return self._now() + self._jumped

    def jump(self, seconds: float) -> None:
        """Let time pass at once; who waits for a message looks again."""
        self._jumped += seconds
        for queue in self._queues.values():
            queue.changed.set()

    def new_id(self) -> str:
        """Give an id that a run from the same seed gives again."""
        return str(UUID(int=next(self._ids)))

    def call(self, call: str) -> None:
        """Fail before the effect, if that is to be."""
        if self.faults.unreachable(call):
            raise BrokerUnavailable(call)

    def answer(self, call: str) -> None:
        """Fail after the effect, if that is to be."""
        if self.faults.answer_lost(call):
            raise BrokerUnavailable(call)


class MemoryQueue:
    """See `Queue`."""

    def __init__(self, broker: MemoryBroker, name: str, dead: "MemoryQueue | None", max_receives: int | None) -> None:
        self._broker = broker
        self._name = name
        self._dead = dead
        self._max_receives = max_receives
        self._messages: dict[str, Stored] = {}
        self._purged_at: float | None = None
        self._fifo = is_fifo(name)
        self._sequences = count(1)
        # When a FIFO queue last took something under a deduplication id.
        self._taken_at: dict[str, float] = {}
        self._tags: dict[str, str] = {}
        self._moves = MemoryMoves(self._dead_visible, self._return_one, lambda: EPOCH + timedelta(seconds=broker.now()))
        self.changed = asyncio.Event()

    @property
    def name(self) -> str:
        """See `Queue`."""
        return self._name

    async def receive(self, count: int, *, wait_seconds: float, visibility_seconds: int) -> list[Delivery]:
        """See `Queue`."""
        assert 1 <= count <= BATCH_MAX, "the broker refuses other counts"
        self._broker.call("receive")
        until = self._broker.now() + wait_seconds
        while True:
            self.changed.clear()
            taken = self._take(count, visibility_seconds)
            if taken or self._broker.now() >= until:
                break
            await self._change(until)
        self._broker.answer("receive")
        return taken

    async def delete(self, receipts: Sequence[str]) -> list[Refusal | None]:
        """See `Queue`."""
        return await self._each("delete", receipts, self._delete)

    async def change_visibility(self, seconds_by_receipt: Sequence[tuple[str, int]]) -> list[Refusal | None]:
        """See `Queue`."""
        return await self._each("change visibility", seconds_by_receipt, self._hide)

    async def send(self, parcels: Sequence[Parcel]) -> list[Refusal | None]:
        """See `Queue`."""
        return await self._each("send", parcels, self.put)

    async def send_dead(self, parcels: Sequence[Parcel]) -> list[Refusal | None]:
        """See `Queue`."""
        if self._dead is None:
            raise QueueGone(dead_letter_of(self._name))
        return await self._each("send dead", parcels, self._dead.put)

    async def depth(self) -> Depth:
        """See `Queue`."""
        self._broker.call("depth")
        now, held = self._broker.now(), list(self._messages.values())
        hidden = [each for each in held if each.visible_at > now]
        delayed = sum(not each.receives for each in hidden)
        return Depth(visible=len(held) - len(hidden), in_flight=len(hidden) - delayed, delayed=delayed)

    async def max_receives(self) -> int | None:
        """See `Queue`."""
        self._broker.call("max receives")
        return self._max_receives

    async def purge(self) -> None:
        """See `Queue`."""
        self._broker.call("purge")
        now = self._broker.now()
        if self._purged_at is not None and now - self._purged_at < PURGE_SECONDS:
            raise PurgeInProgress(self._name)
        self._purged_at = now
        self._messages.clear()

    async def start_return(self, per_second: int) -> str:
        """See `Returning`."""
        return self._own_moves("start return").start(per_second)

    async def latest_return(self) -> Move | None:
        """See `Returning`."""
        return self._own_moves("latest return").latest

    async def cancel_return(self) -> bool:
        """See `Returning`."""
        return self._own_moves("cancel return").cancel()

    def _own_moves(self, call: str) -> MemoryMoves:
        self._broker.call(call)
        if not self._broker.moves or self._dead is None:
            raise MovesMissing(self._name)
        return self._moves

    def _dead_visible(self) -> int:
        assert self._dead is not None
        return len([each for each in self._dead._messages.values() if each.visible_at <= self._broker.now()])  # noqa: SLF001 - its twin

    def _return_one(self) -> bool:
        """Move one dead letter as it is; it is a new message here."""
        assert self._dead is not None
        now, dead = self._broker.now(), self._dead._messages  # noqa: SLF001 - its twin
        waiting = next((each for each in dead.values() if each.visible_at <= now), None)
        if waiting is None:
            return False
        del dead[waiting.message_id]
        self._store(Stored(self._broker.new_id(), waiting.parcel, now, now))
        return True

    async def tags(self) -> Mapping[str, str]:
        """See `Tagged`."""
        self._broker.call("tags")
        return dict(self._tags)

    async def tag(self, name: str, value: str) -> None:
        """See `Tagged`."""
        self._broker.call("tag")
        self._tags[name] = value

    async def untag(self, name: str) -> None:
        """See `Tagged`."""
        self._broker.call("tag")
        self._tags.pop(name, None)

    def put(self, parcel: Parcel) -> Refusal | None:
        """Store a message, as a call or a subscription does."""
        if fault := fault_of(parcel, MESSAGE_BYTES_MAX, fifo=self._fifo):
            return fault
        now = self._broker.now()
        if self._fifo and self._repeated(deduplication_id(parcel), now):
            return None
        self._store(Stored(self._broker.new_id(), parcel, now, now + parcel.delay_seconds))
        return None

    def _repeated(self, deduplication: str, now: float) -> bool:
        """Tell whether a FIFO queue was sent this before; the later one is answered with success and dropped."""
        known = self._taken_at.get(deduplication)
        if known is not None and now - known < DEDUPLICATION_SECONDS:
            return True
        self._taken_at[deduplication] = now
        return False

    def _store(self, stored: Stored) -> None:
        stored.sequence = next(self._sequences)
        self._messages[stored.message_id] = stored
        self.changed.set()

    def _take(self, count: int, visibility_seconds: int) -> list[Delivery]:
        now = self._broker.now()
        taken: list[Delivery] = []
        blocked = self._groups_in_flight(now)
        for stored in list(self._messages.values()):
            if stored.visible_at > now or len(taken) == count or stored.parcel.group in blocked:
                continue
            if self._max_receives is not None and stored.receives >= self._max_receives:
                self._bury(stored, now)
                continue
            stored.receives += 1
            stored.received_at = now
            stored.visible_at = now + visibility_seconds
            taken.append(_delivery(stored, self._name))
        return taken

    def _groups_in_flight(self, now: float) -> frozenset[str | None]:
        """Return the groups of which a FIFO queue gives out nothing more for now."""
        if not self._fifo:
            return frozenset()
        return frozenset(each.parcel.group for each in self._messages.values() if each.visible_at > now)

    def _bury(self, stored: Stored, now: float) -> None:
        del self._messages[stored.message_id]
        assert self._dead is not None
        self._dead._store(Stored(stored.message_id, stored.parcel, stored.sent_at, now, stored.receives))  # noqa: SLF001 - its twin

    def _delete(self, receipt: str) -> Refusal | None:
        message_id, colon, _ = receipt.partition(":")
        if not colon:
            return Refusal("ReceiptHandleIsInvalid", ours=True)
        stored = self._messages.get(message_id)
        # A receipt of an earlier receive is answered with success and deletes nothing, as AWS may.
        if stored is not None and stored.receipt == receipt and not self._broker.faults.twice():
            del self._messages[stored.message_id]
            # Its group may go on.
            self.changed.set()
        return None

    def _hide(self, entry: tuple[str, int]) -> Refusal | None:
        receipt, seconds = entry
        stored = self._messages.get(receipt.partition(":")[0])
        now = self._broker.now()
        if stored is None or stored.receipt != receipt or stored.visible_at <= now:
            return Refusal("MessageNotInflight", ours=True)
        # The twelve hours run from the receive, however often it was renewed.
        if now + seconds > stored.received_at + VISIBILITY_SECONDS_MAX:
            return Refusal("InvalidParameterValue", ours=True)
        stored.visible_at = now + seconds
        self.changed.set()
        return None

    async def _each(
        self, call: str, entries: Sequence[Any], act: Callable[[Any], Refusal | None]
    ) -> list[Refusal | None]:
        assert 1 <= len(entries) <= BATCH_MAX, "the broker refuses other batches"
        self._broker.call(call)
        refused = Refusal("ServiceUnavailable", ours=False)
        outcomes = [refused if self._broker.faults.refused(call) else act(entry) for entry in entries]
        self._broker.answer(call)
        return outcomes

    async def _change(self, until: float) -> None:
        """Wait for a message, or until one that is hidden shows."""
        now = self._broker.now()
        shows = min((each.visible_at for each in self._messages.values() if each.visible_at > now), default=until)
        try:
            async with asyncio.timeout(min(shows, until) - now):
                await self.changed.wait()
        except TimeoutError:
            return


class MemoryTopic:
    """See `Topic`."""

    def __init__(self, broker: MemoryBroker, name: str) -> None:
        self._broker = broker
        self._name = name
        self._subscriptions: list[tuple[SubscriptionPlan, MemoryQueue]] = []
        self.made = broker.new_id()
        self.published: deque[Parcel] = deque(maxlen=10_000)

    @property
    def name(self) -> str:
        """See `Topic`."""
        return self._name

    def subscribe(self, plan: SubscriptionPlan, queue: MemoryQueue) -> None:
        """Send what the filter lets through to that queue, too."""
        self._subscriptions.append((plan, queue))

    async def publish(self, parcels: Sequence[Parcel]) -> list[Refusal | None]:
        """See `Topic`."""
        assert 1 <= len(parcels) <= BATCH_MAX, "the broker refuses other batches"
        self._broker.call("publish")
        refused = Refusal("InternalError", ours=False)
        outcomes = [refused if self._broker.faults.refused("publish") else self._fan_out(each) for each in parcels]
        self._broker.answer("publish")
        return outcomes

    async def generation(self) -> str | None:
        """See `Topic`."""
        self._broker.call("generation")
        return self.made

    def _fan_out(self, parcel: Parcel) -> Refusal | None:
        if fault := fault_of(parcel, PUBLISH_BYTES_MAX, fifo=is_fifo(self._name)):
            return fault
        self.published.append(parcel)
        message_id = self._broker.new_id()
        for plan, queue in self._subscriptions:
            if matches(plan.filter, parcel.attributes):
                queue.put(parcel if plan.raw else self._enveloped(parcel, message_id))
        return None

    def _enveloped(self, parcel: Parcel, message_id: str) -> Parcel:
        at = EPOCH + timedelta(seconds=self._broker.now())
        envelope: dict[str, Any] = {
            "Type": "Notification",
            "MessageId": message_id,
            "TopicArn": f"arn:aws:sns:eu-west-2:000000000000:{self._name}",
            "Message": parcel.body,
            "Timestamp": at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        }
        if parcel.attributes:
            given: Mapping[str, str] = parcel.attributes
            envelope["MessageAttributes"] = {name: {"Type": "String", "Value": value} for name, value in given.items()}
        return Parcel(json.dumps(envelope), group=parcel.group, deduplication=deduplication_id(parcel))


def _delivery(stored: Stored, queue: str) -> Delivery:
    return Delivery(
        receipt=stored.receipt,
        message_id=stored.message_id,
        body=stored.parcel.body,
        attributes=stored.parcel.attributes,
        receive_count=stored.receives,
        sent_at=EPOCH + timedelta(seconds=stored.sent_at),
        group=stored.parcel.group,
        sequence=str(stored.sequence) if is_fifo(queue) else None,
    )
