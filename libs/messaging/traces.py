"""A trace's way through messages: into attributes where there is room, and out of them at the consumer. Pure."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from libs.messaging.burial import has_died
from libs.messaging.message import Message
from libs.messaging.queue import ATTRIBUTES_MAX
from libs.telemetry.tracing import TRACEPARENT, TRACESTATE, TraceContext

NO_TRACING = "noTracing"
# An older message (a backlog) begins a trace of its own, linked to the one it came from, and so does a dead letter that
# was sent back, however soon: its first trace ended with its death.
FRESH = timedelta(minutes=15)


def with_trace(attributes: Mapping[str, str], context: TraceContext | None) -> dict[str, str]:
    """Add the trace as far as the ten attributes allow: the vendors' state goes first, then the trace itself."""
    plain = {name: value for name, value in attributes.items() if name not in {TRACEPARENT, TRACESTATE}}
    if context is None or len(plain) >= ATTRIBUTES_MAX:
        return plain
    plain[TRACEPARENT] = context.traceparent
    if context.state and len(plain) < ATTRIBUTES_MAX:
        plain[TRACESTATE] = context.state
    return plain


def trace_of(attributes: Mapping[str, str]) -> TraceContext | None:
    """Read what the attributes carry."""
    return TraceContext.read(attributes.get(TRACEPARENT), attributes.get(TRACESTATE))


def span_for(message: Message, now: datetime, *, propagate: bool = True) -> TraceContext:
    """Begin the span in which a message is handled: a child of its trace, or linked to it when that is over.

    Not `propagate`: a trace of its own, whatever the message carries.
    """
    carried = trace_of(message.attributes)
    if carried is None or not propagate or message.attributes.get(NO_TRACING) == "true":
        return TraceContext.new()
    if now - message.told_at > FRESH or has_died(message.attributes):
        return TraceContext.new(link=carried.trace_id, link_span=carried.span_id)
    return carried.child()
