"""One wide event per message: ids, keys, times and the outcome; never the body."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

import structlog

from libs.messaging.message import Message
from libs.messaging.supervision import frames

End = Literal["done", "ignored", "parked", "retry", "renewed", "failed", "dead", "lost", "released"]
log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Handled:
    """What became of one delivery, for logs, metrics and tests."""

    queue: str
    id: str
    type: str
    attempt: int
    outcome: End
    reason: str
    facts: Mapping[str, str]
    seconds: float
    error: Exception | None = None
    trace_id: str = ""
    # From the commit it tells of to its end; only of what was done.
    journey_seconds: float | None = None


Observe = Callable[[Handled], None]


def ids_of(message: Message) -> dict[str, str | int]:
    """Name a message in whatever is logged while it is handled."""
    ids: dict[str, str | int] = {
        "queue": message.queue,
        "messageId": message.id,
        "eventType": message.type,
        "attempt": message.attempt,
    }
    return ids if message.correlation_id is None else ids | {"correlationId": message.correlation_id}


def logged(handled: Handled) -> None:
    """Write the event; a failure has its place in the code, but not its text, which may quote the message."""
    told = {
        "queue": handled.queue,
        "id": handled.id,
        "type": handled.type,
        "attempt": handled.attempt,
        "outcome": handled.outcome,
        "reason": handled.reason,
        "facts": dict(handled.facts),
        "seconds": round(handled.seconds, 4),
    }
    if handled.trace_id:
        told["traceId"] = handled.trace_id
    if handled.error is not None:
        told |= {"error": type(handled.error).__name__, "frames": frames(handled.error)}
    if handled.outcome == "dead":
        log.error("message", **told)
    elif handled.outcome in {"done", "ignored", "parked"}:
        log.info("message", **told)
    else:
        log.warning("message", **told)
