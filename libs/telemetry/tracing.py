"""W3C trace context, carried along a change's way: one trace id from the first request to the last write.

A seam, not a tracer: nothing is exported from here. Whoever works under a context has its ids in every log line.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from secrets import token_hex

import structlog

TRACEPARENT = "traceparent"
TRACESTATE = "tracestate"
# version - trace id - span id - flags; later versions may append fields.
HEADER = re.compile(r"(?P<version>[0-9a-f]{2})-(?P<trace>[0-9a-f]{32})-(?P<span>[0-9a-f]{16})-(?P<flags>[0-9a-f]{2})")
SAMPLED = "01"


@dataclass(frozen=True, slots=True)
class TraceContext:
    """A span: ids in lower-case hex; `state` is the vendors' own, handed on unread; `link` is another trace's id."""

    trace_id: str
    span_id: str
    flags: str = SAMPLED
    state: str | None = None
    link: str | None = None

    @classmethod
    def new(cls, link: str | None = None) -> "TraceContext":
        """Begin a trace, perhaps one that is only linked to an older one."""
        return cls(token_hex(16), token_hex(8), link=link)

    @classmethod
    def read(cls, traceparent: str | None, tracestate: str | None = None) -> "TraceContext | None":
        """Read a header; None for what is none (as the W3C demands: begin anew, never fail)."""
        found = HEADER.match(traceparent or "")
        if found is None or found["version"] == "ff" or not int(found["trace"], 16) or not int(found["span"], 16):
            return None
        if found["version"] == "00" and found.end() != len(traceparent or ""):
            return None
        return cls(found["trace"], found["span"], found["flags"], tracestate or None)

    def child(self) -> "TraceContext":
        """Begin a span in the same trace: every hop has one of its own."""
        return TraceContext(self.trace_id, token_hex(8), self.flags, self.state)

    @property
    def traceparent(self) -> str:
        """The header."""
        return f"00-{self.trace_id}-{self.span_id}-{self.flags}"


_CURRENT: ContextVar[TraceContext | None] = ContextVar("trace", default=None)


def current() -> TraceContext | None:
    """Return the span that runs here."""
    return _CURRENT.get()


@contextmanager
def bound(context: TraceContext) -> Iterator[TraceContext]:
    """Work under a span; what is logged within says so."""
    before = _CURRENT.set(context)
    told = {"traceId": context.trace_id, "spanId": context.span_id} | ({"link": context.link} if context.link else {})
    try:
        with structlog.contextvars.bound_contextvars(**told):
            yield context
    finally:
        _CURRENT.reset(before)
