"""What the outside decides; the only door to the environment."""

from pydantic import NonNegativeInt, PositiveInt, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from libs.db.pool import DatabaseSettings
from libs.db.tls import Tls
from libs.web.auth import AuthSettings
from libs.web.limits import HttpLimits


class Settings(BaseSettings):
    """Read once, at start."""

    model_config = SettingsConfigDict(frozen=True)

    database_url: SecretStr
    database_tls: Tls = Tls()
    database_pool_max: PositiveInt = 10
    # False where a job applies schema steps before; then the login need own no table.
    apply_schema: bool = True
    api_base_url_oauth: str
    oauth_issuer: str | None = None
    http_host: str = "127.0.0.1"
    http_port: NonNegativeInt = 8083
    http_limits: HttpLimits = HttpLimits()
    log_level: str = "INFO"
    log_pretty: bool = False
    # Opens the door that deletes every mapping; the role alone is not enough.
    allow_wipe: bool = False
    # Larger pages than this are cut to it, as the original does.
    page_size_max: PositiveInt = 2000
    save_attempts_max: PositiveInt = 5

    @property
    def database(self) -> DatabaseSettings:
        """How to reach the database."""
        return DatabaseSettings(
            dsn=self.database_url,
            tls=self.database_tls,
            pool_max=self.database_pool_max,
            application_name="mapping",
            # Every statement of ours has its index. A sequential scan is only ever chosen by a plan that was made
            # while the table was empty, and a migration fills it faster than the server notices. As there is one
            # way to each row, planning it anew for each call tells nothing and takes longer than the call.
            planner={"enable_seqscan": "off", "plan_cache_mode": "force_generic_plan"},
        )

    @property
    def auth(self) -> AuthSettings:
        """Whose tokens we accept."""
        return AuthSettings(jwks_url=f"{self.api_base_url_oauth}/.well-known/jwks.json", issuer=self.oauth_issuer)
