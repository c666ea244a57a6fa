"""Where spans go, as OpenTelemetry's own tools read it; the only door to the environment."""

from pydantic import PositiveFloat, PositiveInt
from pydantic_settings import BaseSettings, SettingsConfigDict


class ExportSettings(BaseSettings):
    """Read once, at start. Without an endpoint nothing is exported."""

    model_config = SettingsConfigDict(frozen=True)

    otel_exporter_otlp_endpoint: str | None = None
    otel_bsp_max_queue_size: PositiveInt = 8192
    otel_bsp_max_export_batch_size: PositiveInt = 512
    # Milliseconds, as OpenTelemetry has it.
    otel_bsp_schedule_delay: PositiveInt = 1000
    export_seconds_max: PositiveFloat = 10
