"""Where the services are and who we are: from the environment, else from the estate's endpoints file."""

from pathlib import Path

from pydantic import Field, PositiveFloat, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """Read once a command. `API_BASE_URL_…` as the services have it."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore")

    endpoints_file: Path = Field(Path(".local/endpoints.json"), validation_alias="LIP_ENDPOINTS")
    token_url: str | None = Field(None, validation_alias="LIP_TOKEN_URL")
    client_id: str | None = None
    client_secret: SecretStr | None = None
    api_base_url_locations: str | None = None
    api_base_url_nomis: str | None = None
    api_base_url_mapping: str | None = None
    api_base_url_to_nomis: str | None = None
    api_base_url_from_nomis: str | None = None
    api_base_url_migration: str | None = None
    api_base_url_reconciliation: str | None = None
    timeout_seconds: PositiveFloat = Field(30, validation_alias="LIP_TIMEOUT_SECONDS")
    watch_seconds: PositiveFloat = Field(1, validation_alias="LIP_WATCH_SECONDS")
