"""The OpenTelemetry end of `spans`: batched, in a thread of its own, bounded; what does not fit is dropped."""

from collections.abc import Callable
from types import MappingProxyType

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Link, SpanContext, SpanKind, Status, StatusCode, TraceFlags

from libs.telemetry.settings import ExportSettings
from libs.telemetry.spans import Sink, Span
from libs.telemetry.tracing import TraceContext

KINDS = MappingProxyType({kind.name: kind for kind in SpanKind})


def exporter(service: str, settings: ExportSettings) -> tuple[Sink, Callable[[], None]]:
    """Return where spans go, and what sends the last of them."""
    endpoint = f"{(settings.otel_exporter_otlp_endpoint or '').rstrip('/')}/v1/traces"
    processor = BatchSpanProcessor(
        OTLPSpanExporter(endpoint=endpoint, timeout=settings.export_seconds_max),
        max_queue_size=settings.otel_bsp_max_queue_size,
        max_export_batch_size=settings.otel_bsp_max_export_batch_size,
        schedule_delay_millis=settings.otel_bsp_schedule_delay,
    )
    resource = Resource.create({"service.name": service})

    def sink(span: Span) -> None:
        processor.on_end(readable(span, resource))

    return sink, processor.shutdown


def readable(span: Span, resource: Resource) -> ReadableSpan:
    """Return the span as OpenTelemetry has it."""
    context = span.context
    parent = _context(context.trace_id, context.parent_id, context) if context.parent_id else None
    linked = [Link(_context(context.link, context.link_span or "1".zfill(16), context))] if context.link else []
    return ReadableSpan(
        name=span.name,
        context=_context(context.trace_id, context.span_id, context),
        parent=parent,
        resource=resource,
        attributes=dict(span.attributes),
        links=linked,
        kind=KINDS[span.kind],
        status=Status(StatusCode.ERROR if span.failed else StatusCode.UNSET),
        start_time=span.start,
        end_time=span.end,
    )


def _context(trace_id: str, span_id: str, context: TraceContext) -> SpanContext:
    return SpanContext(
        int(trace_id, 16), int(span_id, 16), is_remote=False, trace_flags=TraceFlags(int(context.flags, 16))
    )
