"""Trace context as the W3C writes it; what is no header begins a trace anew and never fails."""

import pytest

from libs.telemetry.tracing import TraceContext, add_span, bound, current

HEADER = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


def test_a_child_has_its_trace_and_a_span_of_its_own() -> None:
    parent = TraceContext.read(HEADER, "vendor=1")
    assert parent is not None
    assert parent.traceparent == HEADER
    child = parent.child()
    assert (child.trace_id, child.flags, child.state) == (parent.trace_id, "01", "vendor=1")
    assert child.span_id != parent.span_id
    assert TraceContext.read(child.traceparent) is not None


@pytest.mark.parametrize(
    "wrong",
    [
        None,
        "",
        "no header",
        HEADER.upper(),
        HEADER + "-more",
        "ff" + HEADER[2:],
        "00-" + "0" * 32 + HEADER[35:],
        HEADER[:36] + "0" * 16 + "-01",
    ],
)
def test_what_is_no_header_is_none(wrong: str | None) -> None:
    assert TraceContext.read(wrong) is None


def test_a_later_version_may_say_more() -> None:
    assert TraceContext.read("01" + HEADER[2:] + "-more") is not None


def test_what_is_logged_under_a_span_says_so() -> None:
    span = TraceContext.new(link="f" * 32)
    with bound(span):
        assert current() is span
        told = add_span(None, "info", {"event": "saved"})
        assert told == {"event": "saved", "traceId": span.trace_id, "spanId": span.span_id, "link": "f" * 32}
    assert current() is None
    assert add_span(None, "info", {"event": "saved"}) == {"event": "saved"}
