"""What the outside decides; the only door to the environment."""

import os
from collections.abc import Mapping
from pathlib import Path

from pydantic import NonNegativeInt, PositiveFloat, PositiveInt, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from libs.db.pool import DatabaseSettings
from libs.db.tls import Tls
from libs.messaging.audit import QUEUE
from libs.messaging.aws import AwsSettings
from libs.messaging.hmpps_names import hmpps_names
from libs.web.auth import AuthSettings
from libs.web.limits import HttpLimits
from libs.web.outgoing import OutgoingSettings


class Settings(BaseSettings):
    """Read once, at start."""

    model_config = SettingsConfigDict(frozen=True)

    database_url: SecretStr
    database_tls: Tls = Tls()
    database_pool_max: PositiveInt = 20
    # False where a job applies schema steps before; then the login need own no table.
    apply_schema: bool = True
    api_base_url_oauth: str
    api_base_url_prisoner_search: str
    api_base_url_prison_register: str
    api_base_url_prison_api: str
    client_id: str
    client_secret: SecretStr
    oauth_issuer: str | None = None
    aws_endpoint_url: str | None = None
    aws_tls: Tls = Tls()
    aws_region: str = "eu-west-2"
    # Real names of queues and ARNs of topics, by their ids in the topology.
    aws_names: Mapping[str, str] = {}
    relay_enabled: bool = True
    prisoner_search_seconds: PositiveFloat = 20
    prison_register_seconds: PositiveFloat = 20
    prison_api_seconds: PositiveFloat = 20
    http_host: str = "127.0.0.1"
    http_port: NonNegativeInt = 8081
    # A page of a migration is five hundred locations with their history.
    http_limits: HttpLimits = HttpLimits(body_bytes_max=20 * 1024 * 1024)
    log_level: str = "INFO"
    log_pretty: bool = False
    # Sends `amended` where consumers know no finer types.
    events_as_epoch: bool = False
    # Audits what comes from NOMIS as well, under the name that NOMIS gave; NOMIS itself keeps who did it.
    audit_sync: bool = False
    # Groups of cells by prison, as JSON; without it those that come with the service.
    location_groups_file: Path | None = None

    @property
    def database(self) -> DatabaseSettings:
        """How to reach the database."""
        return DatabaseSettings(
            dsn=self.database_url,
            tls=self.database_tls,
            pool_max=self.database_pool_max,
            application_name="locations",
            # Plans are made while a migration fills empty tables; every statement of ours has its index. Planning the
            # read of a location's relatives anew for each call takes six times as long as the read.
            planner={"enable_seqscan": "off", "plan_cache_mode": "force_generic_plan"},
        )

    @property
    def prisoner_search(self) -> OutgoingSettings:
        """How to reach prisoner search as ourselves."""
        return self._as_ourselves(self.api_base_url_prisoner_search, self.prisoner_search_seconds)

    @property
    def prison_api(self) -> OutgoingSettings:
        """How to reach prison-api as ourselves."""
        return self._as_ourselves(self.api_base_url_prison_api, self.prison_api_seconds)

    def _as_ourselves(self, base_url: str, seconds: float) -> OutgoingSettings:
        return OutgoingSettings(
            base_url=base_url,
            timeout_seconds=seconds,
            token_url=f"{self.api_base_url_oauth}/oauth/token",
            client_id=self.client_id,
            client_secret=self.client_secret,
        )

    @property
    def prison_register(self) -> OutgoingSettings:
        """How to reach the prison register, which is open."""
        return OutgoingSettings(
            base_url=self.api_base_url_prison_register, timeout_seconds=self.prison_register_seconds
        )

    @property
    def aws(self) -> AwsSettings:
        """Where the broker is; keys come from the environment as AWS's own tools read it."""
        named = hmpps_names(os.environ, queues=[QUEUE], topics=["domain-events"])  # noqa: TID251 - this is the settings module
        return AwsSettings(
            endpoint_url=self.aws_endpoint_url,
            tls=self.aws_tls,
            region=self.aws_region,
            names={**named, **self.aws_names},
        )

    @property
    def auth(self) -> AuthSettings:
        """Whose tokens we accept."""
        return AuthSettings(jwks_url=f"{self.api_base_url_oauth}/.well-known/jwks.json", issuer=self.oauth_issuer)
