"""Spans go where they are sent, cost nothing where they are not, and are OpenTelemetry's at its border."""

import asyncio
import contextvars

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.resources import Resource

from libs.telemetry import exporting, spans
from libs.telemetry.otlp import exporter, readable
from libs.telemetry.settings import ExportSettings
from libs.telemetry.spans import Span
from libs.telemetry.tracing import TraceContext, bound


def test_a_span_within_another_is_its_child_and_outside_a_trace_there_is_none() -> None:
    told: list[Span] = []

    def play() -> None:
        spans.send_to(told.append)
        spans.within("SELECT", "CLIENT", 0.5, {"db.system.name": "postgresql"})
        with bound(TraceContext.new()) as around:
            spans.within("SELECT", "CLIENT", 0.5, {}, failed=True)
        [span] = told
        assert (span.context.trace_id, span.context.parent_id) == (around.trace_id, around.span_id)
        assert (span.failed, span.end - span.start) == (True, 500_000_000)

    contextvars.copy_context().run(play)


def test_nothing_is_made_where_nobody_looks() -> None:
    def play() -> None:
        spans.send_to(None)
        assert not spans.wanted()
        with bound(TraceContext.new()) as around:
            spans.ended("GET /", "SERVER", around, 1, {})

    contextvars.copy_context().run(play)


def test_without_an_endpoint_nothing_is_exported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OTEL_EXPORTER_OTLP_ENDPOINT", raising=False)

    def play() -> None:
        spans.send_to(None)
        exporting.configure("x")
        assert not spans.wanted()

    contextvars.copy_context().run(play)


def test_a_redriven_message_is_linked_to_the_trace_it_came_from() -> None:
    old = TraceContext.new()
    begun = TraceContext.new(link=old.trace_id, link_span=old.span_id)
    made = readable(Span("process", "CONSUMER", begun, 1, 2), Resource.create({}))
    [link] = made.links
    assert f"{link.context.trace_id:032x}" == old.trace_id
    assert f"{link.context.span_id:016x}" == old.span_id
    assert made.parent is None


async def test_spans_reach_a_collector_in_opentelemetrys_own_form() -> None:
    got: asyncio.Queue[ExportTraceServiceRequest] = asyncio.Queue()

    async def collect(request: web.Request) -> web.Response:
        got.put_nowait(ExportTraceServiceRequest.FromString(await request.read()))
        return web.Response(body=b"", content_type="application/x-protobuf")

    app = web.Application()
    app.router.add_post("/v1/traces", collect)
    async with TestServer(app) as server:
        sink, close = exporter("locations", ExportSettings(otel_exporter_otlp_endpoint=str(server.make_url(""))))
        context = TraceContext.new().child()
        sink(Span("GET /locations/{id}", "SERVER", context, 10, 20, attributes={"http.route": "/locations/{id}"}))
        await asyncio.to_thread(close)
        async with asyncio.timeout(60):
            request = await got.get()
    [resource] = request.resource_spans
    assert ("service.name", "locations") in [
        (each.key, each.value.string_value) for each in resource.resource.attributes
    ]
    [span] = resource.scope_spans[0].spans
    assert (span.trace_id.hex(), span.span_id.hex()) == (context.trace_id, context.span_id)
    assert (span.parent_span_id.hex(), span.name) == (context.parent_id, "GET /locations/{id}")
