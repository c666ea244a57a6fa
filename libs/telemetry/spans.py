"""Hands what `tracing` follows to OpenTelemetry: a span for each request, message, call, publish and statement.

Where no exporter is set a span costs one look at a variable. The ids are those of `tracing`, so that what is exported,
what is logged and what travels are one trace.
"""

import time
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Literal

from libs.telemetry.tracing import TraceContext, current

Kind = Literal["SERVER", "CLIENT", "PRODUCER", "CONSUMER", "INTERNAL"]
Value = str | int | float | bool


@dataclass(frozen=True, slots=True)
class Span:
    """What was done in a span; times are nanoseconds since 1970. Attributes are names and templates, never values."""

    name: str
    kind: Kind
    context: TraceContext
    start: int
    end: int
    failed: bool = False
    attributes: Mapping[str, Value] = field(default_factory=dict)


Sink = Callable[[Span], None]
_SINK: ContextVar[Sink | None] = ContextVar("spans", default=None)


def send_to(sink: Sink | None) -> None:
    """Have the spans of this task, and of those it starts from now on, sent there."""
    _SINK.set(sink)


def wanted() -> bool:
    """Whether anybody looks at spans here."""
    return _SINK.get() is not None


def ended(
    name: str,
    kind: Kind,
    context: TraceContext | None,
    seconds: float,
    attributes: Mapping[str, Value],
    *,
    failed: bool = False,
) -> None:
    """Tell that a span has just ended, which took so long; outside a trace nothing is told."""
    sink = _SINK.get()
    if sink is None or context is None:
        return
    end = time.time_ns()
    sink(Span(name, kind, context, end - round(seconds * 1e9), end, failed, attributes))


def within(name: str, kind: Kind, seconds: float, attributes: Mapping[str, Value], *, failed: bool = False) -> None:
    """Tell the same of a span within the one that runs here."""
    if _SINK.get() is not None and (around := current()) is not None:
        ended(name, kind, around.child(), seconds, attributes, failed=failed)
