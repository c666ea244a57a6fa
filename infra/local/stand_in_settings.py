"""What the outside decides about a stand-in process."""

from collections.abc import Mapping
from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from libs.web.auth import AuthSettings


class StandInSettings(BaseSettings):
    """Where it listens and who may ask it for tokens; the names are those that the services' settings have."""

    model_config = SettingsConfigDict(frozen=True)

    http_host: str = "127.0.0.1"
    http_port: int
    api_base_url_oauth: str = Field(description="the sign-in server's own address, which is also the issuer it names")
    log_level: str = "INFO"

    @property
    def auth(self) -> AuthSettings:
        """How a stand-in that asks for tokens checks them."""
        return AuthSettings(jwks_url=f"{self.api_base_url_oauth}/.well-known/jwks.json", issuer=self.api_base_url_oauth)


class SignInSettings(StandInSettings):
    """The sign-in server alone holds everybody's secret."""

    sign_in_secrets: Mapping[str, str] = Field(description="secret of each client and person, as JSON")
    sign_in_key_file: Path = Field(description="where the signing key is kept")
