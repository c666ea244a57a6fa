"""Exports spans where the environment says so; without an endpoint OpenTelemetry is not even loaded."""

import atexit

from libs.telemetry import spans
from libs.telemetry.settings import ExportSettings


def configure(service: str) -> None:
    """Export spans to `OTEL_EXPORTER_OTLP_ENDPOINT`, if that is set; call it before anything is started."""
    settings = ExportSettings()
    if settings.otel_exporter_otlp_endpoint is not None:
        # Only who exports pays for loading the library.
        from libs.telemetry.otlp import exporter  # noqa: PLC0415

        sink, close = exporter(service, settings)
        atexit.register(close)
        spans.send_to(sink)
