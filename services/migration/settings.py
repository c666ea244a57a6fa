"""What the outside decides; the only door to the environment."""

from pathlib import Path

from pydantic import NonNegativeInt, PositiveFloat, PositiveInt, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from libs.db.pool import DatabaseSettings
from libs.web.auth import AuthSettings
from libs.web.outgoing import OutgoingSettings


class Settings(BaseSettings):
    """Read once, at start."""

    model_config = SettingsConfigDict(frozen=True)

    database_url: SecretStr
    database_pool_max: PositiveInt = 10
    api_base_url_oauth: str
    api_base_url_nomis: str
    api_base_url_mapping: str
    api_base_url_locations: str
    oauth_issuer: str | None = None
    client_id: str
    client_secret: SecretStr
    aws_endpoint_url: str | None = None
    aws_region: str = "eu-west-2"
    messaging_file: Path = Path("infra/messaging.json")
    http_host: str = "127.0.0.1"
    http_port: NonNegativeInt = 8086
    log_level: str = "INFO"
    log_pretty: bool = False
    # Opens the door that deletes the history of ended runs; the role alone is not enough.
    allow_wipe: bool = False
    # A bulk call carries five hundred locations.
    remote_seconds: PositiveFloat = 60
    pages_in_flight: PositiveInt = 4
    page_size: PositiveInt = 500
    ids_page_size: PositiveInt = 10_000
    page_lease_seconds: PositiveFloat = 120
    sweep_seconds: PositiveFloat = 10
    failures_sample: PositiveInt = 20

    @property
    def database(self) -> DatabaseSettings:
        """How to reach the database."""
        return DatabaseSettings(dsn=self.database_url, pool_max=self.database_pool_max, application_name="migration")

    @property
    def auth(self) -> AuthSettings:
        """Whose tokens we accept."""
        return AuthSettings(jwks_url=f"{self.api_base_url_oauth}/.well-known/jwks.json", issuer=self.oauth_issuer)

    def remote(self, base_url: str) -> OutgoingSettings:
        """How to reach another API as ourselves."""
        return OutgoingSettings(
            base_url=base_url,
            timeout_seconds=self.remote_seconds,
            token_url=f"{self.api_base_url_oauth}/oauth/token",
            client_id=self.client_id,
            client_secret=self.client_secret,
        )
