"""What operators do to queues, as plain coroutines: look at dead letters, retry them, purge, ask for counts.

Field names follow the wire (`messagesFoundCount` …), so that a service's routes only add paths and roles. A web kit is
not known here. The tools that people have count on the shapes; what they got wrong (counts that were planned and not
counted, the same message twice, bodies that are no JSON) is right here.
"""

import json
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import structlog
from pydantic import BaseModel, Field, PositiveFloat, PositiveInt

from libs.messaging.batching import batches
from libs.messaging.burial import FAILURE_AT, FAILURE_REASON, exhumed, redrives_of
from libs.messaging.queue import BATCH_MAX, BrokerUnavailable, Delivery, Queue, QueueGone

# Attributes whose values say what a message is, and nothing of a person. Of all others only the names are shown.
SHOWN = ("eventType", "eventId", "source", "committedAt", "publishedAt", "traceparent", "correlationId")
# A message that the broker itself moved carries no reason, as nobody ended it.
BROKER_MOVED = "not recorded: every receive was used up and none ended it (worker killed, lease lost, or given back)"
log = structlog.get_logger()


class AdminLimits(BaseModel, frozen=True):
    """Bounds of what an operator may set going."""

    peek_max: PositiveInt = 100
    # Long enough to read them all once; they are given back at the end.
    peek_visibility_seconds: PositiveInt = 60
    # Without a rate: half of what the queue is known to be emptied at, so that live messages get the other half; this
    # where nothing was handled lately.
    redrive_per_second: PositiveFloat = 100
    redrive_share: float = Field(0.5, gt=0, le=1)
    redrive_per_second_max: PositiveFloat = 500
    redrive_visibility_seconds: PositiveInt = 60
    # How often a redrive tells the other replicas how far it is and hears whether one of them was asked to stop it.
    redrive_note_seconds: PositiveFloat = 5
    # One that told nothing for so long ended with its process.
    redrive_silent_seconds: PositiveFloat = 60
    # Retries in vain after which a dead letter stays: a job that retries all would send true poison round for ever.
    redrives_max: PositiveInt = 3
    # How many dead letters are looked through for those that an operator named.
    search_max: PositiveInt = 1000
    # Rounds without a message before the queue counts as empty: a receive may bring none though some are there.
    empty_receives: PositiveInt = 2


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A message in a dead-letter queue, and why it is there; of attributes the names, and values only of `SHOWN`."""

    body: Any = field(repr=False)
    message_id: str
    attribute_names: tuple[str, ...]
    attributes: Mapping[str, str]
    receive_count: int
    sent_at: datetime
    failure_reason: str
    failure_at: str | None
    redrives: int


@dataclass(frozen=True, slots=True)
class Peeked:
    """`found` is the broker's estimate; `messages` are what was seen, each once."""

    found: int
    messages: tuple[DeadLetter, ...]


@dataclass(frozen=True, slots=True)
class QueueHealth:
    """A queue's component of `/health`: its state and the details that dashboards read, counts as strings."""

    up: bool
    details: Mapping[str, str]


async def found_count(queue: Queue) -> int:
    """Count what can be received now."""
    return (await queue.depth()).visible


async def health(queue: Queue, dead: Queue) -> QueueHealth:
    """Describe a queue and its dead-letter queue. Never raises for what the broker answers."""
    details = {"queueName": queue.name, "dlqName": dead.name}
    try:
        depth, redrive = await queue.depth(), await queue.max_receives()
    except (BrokerUnavailable, QueueGone) as error:
        return QueueHealth(up=False, details={**details, "error": f"{type(error).__name__}: {error}"})
    details |= {"messagesOnQueue": str(depth.visible), "messagesInFlight": str(depth.in_flight)}
    if redrive is None:
        return QueueHealth(up=False, details={**details, "dlqStatus": "DOWN", "error": "no redrive policy"})
    try:
        letters = await dead.depth()
    except (BrokerUnavailable, QueueGone) as error:
        return QueueHealth(
            up=False, details={**details, "dlqStatus": "DOWN", "error": f"{type(error).__name__}: {error}"}
        )
    return QueueHealth(up=True, details={**details, "dlqStatus": "UP", "messagesOnDlq": str(letters.visible)})


async def purge(queue: Queue) -> int:
    """Delete everything on a queue; return how many messages there were. Raises PurgeInProgress."""
    found = await found_count(queue)
    if found:
        await queue.purge()
        log.info("queue purged", queue=queue.name, found=found)
    return found


async def peek(dead: Queue, limits: AdminLimits, at_most: int | None = None) -> Peeked:
    """Look at dead letters, each once, and give them back; a look counts as a receive, which nothing punishes here."""
    found = await found_count(dead)
    wanted = min(limits.peek_max if at_most is None else at_most, limits.peek_max)
    seen: dict[str, Delivery] = {}
    try:
        while len(seen) < wanted and await _see(dead, seen, min(BATCH_MAX, wanted - len(seen)), limits):
            pass
    finally:
        await _give_back(dead, seen.values())
    return Peeked(found, tuple(_letter(each) for each in seen.values()))


async def look_through(dead: Queue, limits: AdminLimits) -> list[Delivery]:
    """Look at dead letters, at most `search_max`, each once, and give them back."""
    seen: dict[str, Delivery] = {}
    try:
        while len(seen) < limits.search_max and await _see(dead, seen, BATCH_MAX, limits):
            pass
    finally:
        await _give_back(dead, seen.values())
    return list(seen.values())


async def retry_chosen(dead: Queue, queue: Queue, message_ids: Collection[str], limits: AdminLimits) -> set[str]:
    """Send dead letters back by their ids, however often that was done before; return those that went.

    Copied, then deleted: a crash in between leaves one in both. What was not found is not there, is in somebody's
    hand, or lies behind the first `search_max`.
    """

    async def act(batch: list[Delivery]) -> list[Delivery]:
        refusals = await queue.send([exhumed(each) for each in batch])
        sent = [each for each, refusal in zip(batch, refusals, strict=True) if refusal is None]
        if sent:
            await dead.delete([each.receipt for each in sent])
        return sent

    return await _with_chosen(dead, message_ids, limits, act)


async def delete_chosen(dead: Queue, message_ids: Collection[str], limits: AdminLimits) -> set[str]:
    """Delete dead letters by their ids; return those that went. See `retry_chosen` for what is not found."""

    async def act(batch: list[Delivery]) -> list[Delivery]:
        refusals = await dead.delete([each.receipt for each in batch])
        return [each for each, refusal in zip(batch, refusals, strict=True) if refusal is None]

    return await _with_chosen(dead, message_ids, limits, act)


async def _with_chosen(
    dead: Queue,
    message_ids: Collection[str],
    limits: AdminLimits,
    act: Callable[[list[Delivery]], Awaitable[list[Delivery]]],
) -> set[str]:
    wanted, seen, gone = set(message_ids), dict[str, Delivery](), set[str]()
    try:
        while not wanted <= seen.keys() and len(seen) < limits.search_max:
            if not await _see(dead, seen, BATCH_MAX, limits):
                break
        for batch in batches([each for name, each in seen.items() if name in wanted]):
            gone |= {each.message_id for each in await act(batch)}
    finally:
        await _give_back(dead, [each for name, each in seen.items() if name not in gone])
    return gone


async def _see(dead: Queue, seen: dict[str, Delivery], count: int, limits: AdminLimits) -> bool:
    """Receive some more; tell whether any came that was not seen before."""
    known = len(seen)
    got = await dead.receive(count, wait_seconds=0, visibility_seconds=limits.peek_visibility_seconds)
    seen |= {each.message_id: each for each in got}
    return len(seen) > known


async def _give_back(dead: Queue, deliveries: Collection[Delivery]) -> None:
    for batch in batches(deliveries):
        await dead.change_visibility([(each.receipt, 0) for each in batch])


def _letter(delivery: Delivery) -> DeadLetter:
    try:
        body = json.loads(delivery.body)
    except ValueError:
        body = delivery.body
    return DeadLetter(
        body=body,
        message_id=delivery.message_id,
        attribute_names=tuple(sorted(delivery.attributes)),
        receive_count=delivery.receive_count,
        sent_at=delivery.sent_at,
        attributes={name: delivery.attributes[name] for name in SHOWN if name in delivery.attributes},
        failure_reason=delivery.attributes.get(FAILURE_REASON) or BROKER_MOVED,
        failure_at=delivery.attributes.get(FAILURE_AT),
        redrives=redrives_of(delivery),
    )
