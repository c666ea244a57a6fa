"""Who did what, when, to what: one message to the audit queue for each act, committed with the act.

What is done to the broker itself commits nowhere; it is noted before it is done.

The shape is the one that the HMPPS audit service reads (`reference/messaging.md` §2.3); details are JSON in a string.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Protocol
from uuid import uuid4

import orjson
from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from libs.db.pool import Connection
from libs.messaging.batching import batches
from libs.messaging.outbox import Outbox, Outgoing
from libs.messaging.queue import Parcel, Queue
from libs.telemetry.tracing import current

QUEUE = "audit"
EVENT_TYPE = "hmpps-audit-event"


class AuditEvent(BaseModel):
    """Body of an audit message."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, frozen=True)

    what: str = Field(description="The act, as LOCATION_AMENDED")
    when: datetime = Field(description="An instant, in UTC")
    who: str = Field(description="The user or client who asked for it")
    service: str
    subject_id: str
    subject_type: str
    correlation_id: str | None = Field(None, description="Id of the trace in which it was done")
    details: str = Field(description="JSON, in a string", repr=False)


@dataclass(frozen=True, slots=True)
class Act:
    """What somebody did. Details are flat and small: an audit message holds 256 KiB."""

    what: str
    who: str
    subject_id: str
    subject_type: str
    details: Mapping[str, Any] = field(repr=False)


class ActNotNoted(Exception):
    """The audit queue refused an act, which therefore was not done."""

    def __init__(self, what: str, code: str) -> None:
        super().__init__(f"{what} cannot be noted for the audit: {code}")


class Notes(Protocol):
    """Takes note of acts that are about to be done."""

    async def note(self, *acts: Act) -> None:
        """Return once they are noted. Raises ActNotNoted, BrokerUnavailable, QueueGone."""


class Auditor:
    """Writes acts into the transaction that carries them out; what is rolled back was never done."""

    def __init__(self, service: str, now: Callable[[], datetime], outbox: Outbox | None = None) -> None:
        self._service = service
        self._now = now
        self._outbox = outbox or Outbox()

    async def note(self, tx: Connection, *acts: Act) -> None:
        """Add acts to the transaction, at any place in it: their order does not matter, so nothing is locked."""
        at = self._now()
        await self._outbox.add_many(tx, [self._outgoing(act, at) for act in acts])

    def _outgoing(self, act: Act, at: datetime) -> Outgoing:
        return Outgoing(QUEUE, EVENT_TYPE, _body(act, self._service, at), act.subject_id, ordered=False)


class QueueAuditor:
    """Sends acts straight to the audit queue, for those that no transaction holds. It is a `Notes`.

    An act is noted first and done then; what cannot be noted is not done. So one may be noted whose doing failed.
    """

    def __init__(self, service: str, now: Callable[[], datetime], queue: Queue) -> None:
        self._service = service
        self._now = now
        self._queue = queue

    async def note(self, *acts: Act) -> None:
        """See `Notes`."""
        at = self._now()
        for batch in batches(acts):
            refusals = await self._queue.send([self._parcel(act, at) for act in batch])
            for act, refusal in zip(batch, refusals, strict=True):
                if refusal is not None:
                    raise ActNotNoted(act.what, refusal.code)

    def _parcel(self, act: Act, at: datetime) -> Parcel:
        told = {"eventType": EVENT_TYPE, "eventId": str(uuid4())}
        return Parcel(_body(act, self._service, at), told, group=act.subject_id)


def _body(act: Act, service: str, at: datetime) -> str:
    trace = current()
    event = AuditEvent(
        what=act.what,
        when=at.astimezone(UTC),
        who=act.who,
        service=service,
        subject_id=act.subject_id,
        subject_type=act.subject_type,
        correlation_id=trace.trace_id if trace else None,
        details=orjson.dumps(act.details, default=str).decode(),
    )
    return event.model_dump_json(by_alias=True, exclude_none=True)
