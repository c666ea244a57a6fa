"""What the outside decides; the only door to the environment."""

from pathlib import Path

from pydantic import BaseModel, NonNegativeInt, PositiveFloat, PositiveInt, SecretStr, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict
from yarl import URL

from libs.web.auth import AuthSettings
from libs.web.limits import HttpLimits, RateLimits, StreamLimits
from libs.web.outgoing import OutgoingSettings

SECRET_LENGTH_MIN = 32
# Sealed, a token of many roles takes more than one header line is usually given.
# A browser whose stream has ended comes again by itself and is asked anew who it is.
LIMITS = HttpLimits(
    body_bytes_max=1024 * 1024,
    field_bytes_max=32 * 1024,
    request_seconds_max=30,
    streams=StreamLimits(stream_seconds_max=60),
    # Of one person; each page asks the APIs several times.
    rates=RateLimits(requests_per_second=50, burst=200),
)


class SessionLimits(BaseModel, frozen=True):
    """How long a person stays signed in; as a setting it is JSON: `SESSION_LIMITS={"idle_seconds_max": 600}`."""

    # Without a click. Each click begins it anew ...
    idle_seconds_max: PositiveFloat = 30 * 60
    # ... but never beyond this, nor beyond the token's own end.
    seconds_max: PositiveFloat = 8 * 60 * 60
    # The cookie is written anew when it is older than this.
    renew_seconds: PositiveFloat = 60
    # From leaving for the sign-in server until coming back.
    sign_in_seconds_max: PositiveFloat = 10 * 60
    signed_out_remembered_max: PositiveInt = 10_000


class Settings(BaseSettings):
    """Read once, at start."""

    model_config = SettingsConfigDict(frozen=True)

    # Where browsers find us; https makes cookies secure and sends HSTS.
    public_url: str = "http://127.0.0.1:8088"
    hsts_seconds: NonNegativeInt = 365 * 24 * 60 * 60

    api_base_url_oauth: str
    oauth_issuer: str | None = None
    # Where browsers find the sign-in server, if not where we do.
    oauth_authorize_url: str | None = None
    # Where a browser goes after signing out here, so that it is signed out there too.
    oauth_sign_out_url: str | None = None
    # Ask for an ID token and insist that it has our nonce; for a server that speaks OpenID Connect.
    oauth_openid: bool = True
    client_id: str
    client_secret: SecretStr

    # Comma-separated: the first seals, the others still open what they sealed.
    session_secrets: SecretStr
    session_limits: SessionLimits = SessionLimits()

    api_base_url_locations: str
    api_base_url_reconciliation: str
    api_base_url_migration: str
    api_base_url_to_nomis: str
    api_base_url_from_nomis: str
    api_base_url_prison_register: str
    api_seconds_max: PositiveFloat = 10
    # Of reads that found nobody: a person waits meanwhile.
    api_retries: NonNegativeInt = 1
    # Whether NOMIS holds the same: a page is shown without an answer that takes longer.
    look_seconds_max: PositiveFloat = 3
    # How often what open pages show is asked for, once for all who watch it.
    watch_seconds: PositiveFloat = 1.5
    # From the first to the last byte of a spreadsheet.
    download_seconds_max: PositiveFloat = 300
    prisons_cache_seconds: PositiveFloat = 600

    # What npm installed: the look of the pages (`infra/node/package.json`).
    node_modules: Path = Path("infra/node/node_modules")

    http_host: str = "127.0.0.1"
    http_port: NonNegativeInt = 8088
    http_limits: HttpLimits = LIMITS
    log_level: str = "INFO"
    log_pretty: bool = False

    @field_validator("session_secrets")
    @classmethod
    def _long_enough(cls, secrets: SecretStr) -> SecretStr:
        if any(len(secret) < SECRET_LENGTH_MIN for secret in secrets.get_secret_value().split(",")):
            raise ValueError(f"each secret has at least {SECRET_LENGTH_MIN} characters")
        return secrets

    @property
    def public(self) -> URL:
        """Our own address."""
        return URL(self.public_url)

    @property
    def auth(self) -> AuthSettings:
        """Whose tokens we accept."""
        return AuthSettings(jwks_url=f"{self.api_base_url_oauth}/.well-known/jwks.json", issuer=self.oauth_issuer)

    def api(self, name: str) -> OutgoingSettings:
        """Return how to reach one API; the token comes with each request."""
        return OutgoingSettings(
            base_url=getattr(self, f"api_base_url_{name}"),
            timeout_seconds=self.api_seconds_max,
            retries=self.api_retries,
        )
