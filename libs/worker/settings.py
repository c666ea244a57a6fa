"""What the outside decides for any worker that speaks to the three APIs and reads a queue."""

import os
import re
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Self

from pydantic import Field, NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt, SecretStr, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from libs.db.tls import Tls
from libs.messaging.aws import AwsSettings
from libs.messaging.hmpps_names import hmpps_names
from libs.messaging.limits import BreakerLimits, ConsumerLimits, VitalLimits
from libs.messaging.switching import Mode
from libs.messaging.topology import Topology
from libs.settling.outcome import Us, WalkLimits
from libs.web.auth import AuthSettings
from libs.web.gathering import GatherLimits
from libs.web.limits import HttpLimits
from libs.web.outgoing import OutgoingSettings
from libs.worker.upkeep import Upkeep

SWITCH_VARIABLE = "FEATURE_EVENT_"
SWITCH_VALUES: Mapping[str, Mode] = MappingProxyType(
    {"true": "on", "false": "drop", "on": "on", "drop": "drop", "hold": "hold"}
)


class SwitchUnclear(ValueError):
    """A switch in the environment says something that is no mode."""


def feature_defaults(environment: Mapping[str, str], domain: str) -> "SwitchDefaults":
    """See `WorkerSettings.feature_defaults`."""
    found: dict[str, Mode] = {}
    for name, value in sorted(environment.items()):
        if not name.startswith(SWITCH_VARIABLE):
            continue
        mode = SWITCH_VALUES.get(value.strip().lower())
        if mode is None:
            raise SwitchUnclear(f"{name}: one of {', '.join(SWITCH_VALUES)}, not {value}")
        kind = canonical(name.removeprefix(SWITCH_VARIABLE)).removeprefix(f"{domain.upper()}_")
        if found.get(kind, "on") == "on":
            found[kind] = mode
    return SwitchDefaults(found)


def canonical(event_type: str) -> str:
    """Write a type as variables do: `location.inside.prison.created` is LOCATION_INSIDE_PRISON_CREATED."""
    return re.sub("[^A-Z0-9]", "_", event_type.upper())


class SwitchDefaults(Mapping[str, Mode]):
    """Modes by event type, however the type is spelt."""

    def __init__(self, modes: Mapping[str, Mode]) -> None:
        self._modes = dict(modes)

    def __getitem__(self, event_type: str) -> Mode:
        return self._modes[canonical(event_type)]

    def __iter__(self) -> Iterator[str]:
        return iter(self._modes)

    def __len__(self) -> int:
        return len(self._modes)


class WorkerSettings(BaseSettings):
    """Read once, at start. A worker adds what is its own."""

    model_config = SettingsConfigDict(frozen=True)

    api_base_url_oauth: str
    api_base_url_nomis: str
    api_base_url_mapping: str
    api_base_url_locations: str
    oauth_issuer: str | None = None
    client_id: str
    client_secret: SecretStr
    aws_endpoint_url: str | None = None
    aws_tls: Tls = Tls()
    aws_region: str = "eu-west-2"
    # Real names of queues and ARNs of topics, by their ids in the topology; the originals' `HMPPS_SQS_…` are read too.
    aws_names: Mapping[str, str] = {}
    messaging_file: Path = Path("infra/messaging.json")
    http_host: str = "127.0.0.1"
    http_port: NonNegativeInt
    http_limits: HttpLimits = HttpLimits()
    log_level: str = "INFO"
    log_pretty: bool = False
    # One call; a walk makes about ten, so the handler's limit is ten times this.
    remote_seconds: PositiveFloat = 10
    remote_connections_max: PositiveInt = 40
    messages_in_flight_max: PositiveInt = 16
    handler_seconds_max: PositiveFloat = 100
    drain_seconds: NonNegativeFloat = 15
    breaker: BreakerLimits = BreakerLimits()
    vitals: VitalLimits = VitalLimits()
    # As the originals have it: a queue that cannot be read makes `/health` answer 503, not 200 and DEGRADED.
    hmpps_health_compat: bool = False
    # Against AWS a poll waits; the embedded broker's own wait is slow, so there it is asked again and again.
    queue_wait_seconds: NonNegativeInt = Field(20, le=20)
    queue_idle_pause_seconds: NonNegativeFloat = 0
    upkeep: Upkeep = Upkeep()
    # Opens the door that empties a queue; the role alone is not enough.
    allow_purge: bool = False

    @model_validator(mode="after")
    def _polls_wait(self) -> Self:
        """Refuse polls that do not wait where each is paid for, and polls without end or pause anywhere."""
        if self.queue_wait_seconds == 0 and self.aws_endpoint_url is None:
            raise ValueError("queue_wait_seconds: 0 is for a broker given by aws_endpoint_url; AWS bills empty polls")
        if self.queue_wait_seconds == 0 and self.queue_idle_pause_seconds == 0:
            raise ValueError("queue_idle_pause_seconds: must not be 0 where queue_wait_seconds is")
        return self

    def feature_defaults(self, domain: str) -> Mapping[str, Mode]:
        """Read the switches set at start, by type: `FEATURE_EVENT_<TYPE>` and `FEATURE_EVENT_<DOMAIN>_<TYPE>`.

        The names are the originals': `true` or `false` (dropped), and ours: `on`, `drop`, `hold`. Off in one is off.
        Raises SwitchUnclear.
        """
        return feature_defaults(os.environ, domain)  # noqa: TID251 - this is the settings module

    @property
    def auth(self) -> AuthSettings:
        """Whose tokens we accept."""
        return AuthSettings(jwks_url=f"{self.api_base_url_oauth}/.well-known/jwks.json", issuer=self.oauth_issuer)

    @property
    def aws(self) -> AwsSettings:
        """Where the broker is; keys come from the environment as AWS's own tools read it."""
        topology = Topology.load(self.messaging_file)
        named = hmpps_names(os.environ, queues=topology.queues, topics=topology.topics)  # noqa: TID251 - this is the settings module
        return AwsSettings(
            endpoint_url=self.aws_endpoint_url,
            tls=self.aws_tls,
            region=self.aws_region,
            names={**named, **self.aws_names},
        )

    def lesser(self, checks: Collection[str]) -> frozenset[str]:
        """Name which checks of queues may fail without the whole being down."""
        return frozenset() if self.hmpps_health_compat else frozenset(checks)

    def remote(self, base_url: str) -> OutgoingSettings:
        """How to reach another API as ourselves."""
        names = {
            self.api_base_url_nomis: "nomis",
            self.api_base_url_mapping: "mapping",
            self.api_base_url_locations: "locations",
        }
        return OutgoingSettings(
            base_url=base_url,
            name=names.get(base_url, ""),
            timeout_seconds=self.remote_seconds,
            token_url=f"{self.api_base_url_oauth}/oauth/token",
            client_id=self.client_id,
            client_secret=self.client_secret,
            connections_max=self.remote_connections_max,
        )

    def limits(self, queue: str) -> ConsumerLimits:
        """Bound the consumer of a queue, by the topology and by these settings."""
        return ConsumerLimits.of(
            Topology.load(self.messaging_file).queue(queue),
            messages_in_flight_max=self.messages_in_flight_max,
            handler_seconds_max=self.handler_seconds_max,
            wait_seconds=self.queue_wait_seconds,
            idle_pause_seconds=self.queue_idle_pause_seconds,
            drain_seconds=self.drain_seconds,
            breaker=self.breaker,
            vitals=self.vitals,
        )


class WalkerSettings(WorkerSettings):
    """What a worker that runs the merge walk decides besides."""

    # Whether this NOMIS takes `If-Match`; the real one does not, the stand-in does.
    nomis_conditional_writes: bool = False
    # Whether it reads many rows in one call; the real one does not, the stand-in does.
    nomis_bulk_reads: bool = False
    gathering: GatherLimits = GatherLimits()
    nomis_api_user: str = Us().nomis_api_user
    sync_user: str = Us().sync_user
    walk: WalkLimits = WalkLimits()
