"""Who did what, when, to what: one message to the audit queue for each act, committed with the act.

The shape is the one that the HMPPS audit service reads (`reference/messaging.md` §2.3); details are JSON in a string.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import orjson
from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from libs.db.pool import Connection
from libs.messaging.outbox import Outbox, Outgoing
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


class Auditor:
    """Writes acts into the transaction that carries them out; what is rolled back was never done."""

    def __init__(self, service: str, now: Callable[[], datetime], outbox: Outbox | None = None) -> None:
        self._service = service
        self._now = now
        self._outbox = outbox or Outbox()

    async def note(self, tx: Connection, *acts: Act) -> None:
        """Add acts to the transaction, at any place in it: their order does not matter, so nothing is locked."""
        at, trace = self._now().astimezone(UTC), current()
        await self._outbox.add_many(tx, [self._outgoing(act, at, trace.trace_id if trace else None) for act in acts])

    def _outgoing(self, act: Act, at: datetime, trace_id: str | None) -> Outgoing:
        event = AuditEvent(
            what=act.what,
            when=at,
            who=act.who,
            service=self._service,
            subject_id=act.subject_id,
            subject_type=act.subject_type,
            correlation_id=trace_id,
            details=orjson.dumps(act.details, default=str).decode(),
        )
        body = event.model_dump_json(by_alias=True, exclude_none=True)
        return Outgoing(QUEUE, EVENT_TYPE, body, act.subject_id, ordered=False)
