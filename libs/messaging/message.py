"""A message as a handler sees it: the envelope is off, however it travelled."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

PUBLISHED_AT = "publishedAt"
COMMITTED_AT = "committedAt"
CORRELATION_ID = "correlationId"


@dataclass(frozen=True, slots=True)
class Message:
    """One delivery.

    `id` stays the same over redeliveries (our `eventId`, else SNS's id, else SQS's); `type` is the event type, or the
    `Type` of an internal body; `body` the inner JSON text, never logged; `attempt` counts from 1; `sent_at` is aware.
    """

    id: str
    type: str
    body: str = field(repr=False)
    attributes: Mapping[str, str]
    attempt: int
    sent_at: datetime
    queue: str
    group: str | None = None

    @property
    def correlation_id(self) -> str | None:
        """What its sender knows the whole undertaking by, where he says so; else the trace's id serves (`traceId`)."""
        return self.attributes.get(CORRELATION_ID)

    @property
    def told_at(self) -> datetime:
        """When what it tells of was committed, else published, as far as its publisher says; else when it was sent."""
        for name in (COMMITTED_AT, PUBLISHED_AT):
            try:
                told = datetime.fromisoformat(self.attributes[name])
            except (KeyError, ValueError):
                continue
            if told.tzinfo is not None:
                return told
        return self.sent_at
