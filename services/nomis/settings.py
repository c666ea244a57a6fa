"""What the outside decides; the only door to the environment."""

from pydantic import BaseModel, NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from libs.db.pool import DatabaseSettings
from libs.db.tls import Tls
from libs.messaging.aws import AwsSettings
from libs.web.auth import AuthSettings
from libs.web.limits import HttpLimits


class RelaySettings(BaseModel, frozen=True):
    """How the queue of trigger events is emptied (reference/nomis.md §3.8)."""

    topic: str = "offender-events"
    # Rows taken in one transaction; they are published ten at a time.
    batch: PositiveInt = 100
    consumers: PositiveInt = 1
    max_retries: NonNegativeInt = 3
    retry_delay_seconds: NonNegativeFloat = 1
    poll_seconds: PositiveFloat = 1
    calls_in_flight_max: PositiveInt = 4
    # How long a published row is kept, to be published again for a broker that forgot.
    kept_seconds: PositiveFloat = 3600
    deleted_at_once_max: PositiveInt = 5000
    # How often the topic is looked at for having been made anew.
    generation_seconds: PositiveFloat = 2
    # The original is called from outside every ten minutes; ours calls itself too.
    housekeeping_seconds: PositiveFloat = 60
    housekeeping_page: PositiveInt = 500
    housekeeping_chunk: PositiveInt = 10
    publish_delay_seconds: NonNegativeFloat = 0
    # How often what waits and what was given up is counted, for `/metrics`.
    count_every_seconds: PositiveFloat = 5


class Settings(BaseSettings):
    """Read once, at start."""

    model_config = SettingsConfigDict(frozen=True, env_nested_delimiter="__")

    database_url: SecretStr
    database_tls: Tls = Tls()
    database_pool_max: PositiveInt = 10
    # False where a job applies schema steps before; then the login need own no table.
    apply_schema: bool = True
    api_base_url_oauth: str
    oauth_issuer: str | None = None
    http_host: str = "127.0.0.1"
    http_port: NonNegativeInt = 8082
    http_limits: HttpLimits = HttpLimits()
    log_level: str = "INFO"
    log_pretty: bool = False
    aws_endpoint_url: str | None = None
    aws_region: str = "eu-west-2"
    aws_topic_prefix: str = ""
    # The database user as whom the API writes; consumers know the author of a row by it.
    api_user: str = "PRISONER_MANAGER_API"
    lock_milliseconds: PositiveInt = 2000
    page_size_max: PositiveInt = 20_000
    # ETag and If-Match, which NOMIS's own API has not.
    conditional_writes: bool = True
    relay_enabled: bool = True
    relay: RelaySettings = RelaySettings()

    @property
    def database(self) -> DatabaseSettings:
        """How to reach the database."""
        return DatabaseSettings(
            dsn=self.database_url,
            tls=self.database_tls,
            pool_max=self.database_pool_max,
            application_name="PRISONER_API",
            # Planning the read of one location takes longer than the read, and there is one plan for all: by the keys.
            planner={"plan_cache_mode": "force_generic_plan", "enable_seqscan": "off"},
        )

    @property
    def auth(self) -> AuthSettings:
        """Whose tokens we accept."""
        return AuthSettings(jwks_url=f"{self.api_base_url_oauth}/.well-known/jwks.json", issuer=self.oauth_issuer)

    @property
    def aws(self) -> AwsSettings:
        """Where the topic is."""
        return AwsSettings(endpoint_url=self.aws_endpoint_url, region=self.aws_region, prefix=self.aws_topic_prefix)
