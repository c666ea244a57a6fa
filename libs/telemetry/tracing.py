"""W3C trace context, carried along a change's way: one trace id from the first request to the last write.

A seam, not a tracer: nothing is exported from here. Whoever works under a context has its ids in every log line.
"""

import re
from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from random import getrandbits

import structlog
from structlog.typing import EventDict, WrappedLogger

TRACEPARENT = "traceparent"
TRACESTATE = "tracestate"
# version - trace id - span id - flags; later versions may append fields.
HEADER = re.compile(r"(?P<version>[0-9a-f]{2})-(?P<trace>[0-9a-f]{32})-(?P<span>[0-9a-f]{16})-(?P<flags>[0-9a-f]{2})")
SAMPLED = "01"


@dataclass(frozen=True, slots=True)
class TraceContext:
    """A span: ids in lower-case hex; `state` is the vendors' own, handed on unread; `link` is another trace's id.

    `parent_id` is the span it was begun in, `link_span` the one of the linked trace.
    """

    trace_id: str
    span_id: str
    flags: str = SAMPLED
    state: str | None = None
    link: str | None = None
    parent_id: str | None = None
    link_span: str | None = None

    @classmethod
    def new(cls, link: str | None = None, link_span: str | None = None) -> "TraceContext":
        """Begin a trace, perhaps one that is only linked to an older one."""
        return cls(f"{getrandbits(128) or 1:032x}", _span_id(), link=link, link_span=link_span)

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
        return TraceContext(self.trace_id, _span_id(), self.flags, self.state, parent_id=self.span_id)

    @property
    def traceparent(self) -> str:
        """The header."""
        return f"00-{self.trace_id}-{self.span_id}-{self.flags}"

    @property
    def headers(self) -> dict[str, str]:
        """What a call made in this span sends along."""
        return {TRACEPARENT: self.traceparent, **({TRACESTATE: self.state} if self.state else {})}


def span_of(headers: Mapping[str, str]) -> TraceContext:
    """Begin the span in which a request is answered: a child of the caller's, else of a trace that begins here."""
    told = headers.get(TRACEPARENT)
    carried = None if told is None else TraceContext.read(told, headers.get(TRACESTATE))
    return TraceContext.new() if carried is None else carried.child()


def _span_id() -> str:
    # To tell spans apart, not to keep a secret; zero is no id.
    return f"{getrandbits(64) or 1:016x}"


_CURRENT: ContextVar[TraceContext | None] = ContextVar("trace", default=None)


def current() -> TraceContext | None:
    """Return the span that runs here."""
    return _CURRENT.get()


def begin(context: TraceContext, **ids: str | int) -> None:
    """Work under a span until the end of this task, which must be one of its own; `ids` go into each line of log."""
    _CURRENT.set(context)
    structlog.contextvars.bind_contextvars(**ids)


def add_span(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Add the ids of the span that runs here to a line of log: looked up for each line, as most requests write none."""
    context = _CURRENT.get()
    if context is not None:
        event.setdefault("traceId", context.trace_id)
        event.setdefault("spanId", context.span_id)
        if context.link:
            event.setdefault("link", context.link)
    return event


class bound:  # noqa: N801 - called as a function is; each request pays for it
    """Work under a span; what is logged within says so."""

    __slots__ = ("_before", "_context")

    def __init__(self, context: TraceContext) -> None:
        self._context = context

    def __enter__(self) -> TraceContext:
        self._before = _CURRENT.set(self._context)
        return self._context

    def __exit__(self, *_: object) -> None:
        _CURRENT.reset(self._before)
