"""Puts messages beside the change they tell of, in the caller's transaction; the relay sends what committed.

Each insert first takes a transaction-scoped lock on its key, so that ids of one key ascend in the order of commits.
Take it late in the transaction, and in one call: two calls with different keys can meet another's in the other order,
and PostgreSQL then ends one of the two.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from uuid import UUID, uuid4

from libs.db.pool import Connection
from libs.messaging.queue import ATTRIBUTES_MAX, NO_ATTRIBUTES, PUBLISH_BYTES_MAX, size_of
from libs.messaging.traces import with_trace
from libs.telemetry.tracing import current

CHANNEL = "outbox"
# A transaction with more keys takes one lock for all: PostgreSQL's table of locks is finite.
KEYS_LOCKED_MAX = 64
BULK_LOCK = 7_265_010
# Held by the relay while it sleeps; whoever fails to share it knows that a hint is welcome.
ASLEEP_LOCK = 7_265_011
# What the relay adds to the caller's attributes.
RESERVED = frozenset({"eventType", "eventId", "publishedAt", "committedAt"})

LOCK_KEYS = (
    "SELECT pg_advisory_xact_lock_shared($1), (SELECT count(pg_advisory_xact_lock(k)) FROM unnest($2::bigint[]) k)"
)
LOCK_ALL = "SELECT pg_advisory_xact_lock($1)"
# Sends a hint with it, unless the relay is awake and will look by itself.
INSERT = """
WITH put AS (
INSERT INTO outbox (event_id, topic, key, event_type, body, attributes)
SELECT row.event_id, row.topic, row.key, row.event_type, row.body, row.attributes::jsonb
FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[])
    WITH ORDINALITY AS row(event_id, topic, key, event_type, body, attributes, place)
ORDER BY row.place
)
SELECT pg_notify($7, '') WHERE NOT pg_try_advisory_xact_lock_shared($8)
"""


class Unsendable(ValueError):
    """A message that the topic would refuse; better that the transaction fails than that the relay is stuck."""


@dataclass(frozen=True, slots=True)
class Outgoing:
    """What to publish. Messages of one key leave in the order in which they committed, if `ordered`."""

    topic: str
    type: str
    body: str | bytes = field(repr=False)
    key: str
    attributes: Mapping[str, str] = field(default_factory=lambda: NO_ATTRIBUTES)
    ordered: bool = True


class Outbox:
    """Stateless; `new_id` gives the `eventId` by which consumers know a repetition."""

    def __init__(self, new_id: Callable[[], UUID] = uuid4) -> None:
        self._new_id = new_id

    async def add(self, tx: Connection, outgoing: Outgoing) -> None:
        """Add one message to the transaction. Raises Unsendable."""
        await self.add_many(tx, (outgoing,))

    async def add_many(self, tx: Connection, outgoing: Sequence[Outgoing]) -> None:
        """Add messages to the transaction, in this order. Raises Unsendable."""
        if not outgoing:
            return
        bodies = [checked(message) for message in outgoing]
        # Under which trace it was written; the relay leaves it out where ten attributes are not enough.
        trace = with_trace({}, current())
        if ordered := {(message.topic, message.key) for message in outgoing if message.ordered}:
            await _lock(tx, ordered)
        # The messages of a cascade carry the same attributes: written once.
        carried = {_items(message) for message in outgoing}
        told = {items: json.dumps({**dict(items), **trace}) for items in carried}
        await tx.execute(
            INSERT,
            [self._new_id() for _ in outgoing],
            [message.topic for message in outgoing],
            [message.key for message in outgoing],
            [message.type for message in outgoing],
            bodies,
            [told[_items(message)] for message in outgoing],
            CHANNEL,
            ASLEEP_LOCK,
        )


def lock_of(topic: str, key: str) -> int:
    """Return the number under which a key of a topic is locked."""
    return int.from_bytes(blake2b(f"{topic}\0{key}".encode(), digest_size=8).digest(), signed=True)


def checked(message: Outgoing) -> str:
    """Return the body as text. Raises Unsendable, naming the rule and never the content."""
    body = message.body if isinstance(message.body, str) else message.body.decode()
    taken = RESERVED & message.attributes.keys()
    if taken:
        raise Unsendable(f"attributes {sorted(taken)}: the outbox writes these itself")
    if len(message.attributes) + len(RESERVED) > ATTRIBUTES_MAX:
        raise Unsendable(f"attributes: {len(message.attributes)}, at most {ATTRIBUTES_MAX - len(RESERVED)}")
    if not body or not all(message.attributes.values()):
        raise Unsendable("body, attributes: empty text is refused by the topic")
    # Leaves room for what the relay adds.
    if size_of(body, message.attributes) > PUBLISH_BYTES_MAX - len(message.type) - 1024:
        raise Unsendable(f"body: larger than {PUBLISH_BYTES_MAX} bytes with its attributes")
    return body


def _items(message: Outgoing) -> tuple[tuple[str, str], ...]:
    return tuple(message.attributes.items())


async def _lock(tx: Connection, keys: set[tuple[str, str]]) -> None:
    if len(keys) > KEYS_LOCKED_MAX:
        await tx.execute(LOCK_ALL, BULK_LOCK)
    else:
        await tx.execute(LOCK_KEYS, BULK_LOCK, sorted(lock_of(*key) for key in keys))
