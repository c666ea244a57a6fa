"""Where the generator finds NOMIS's database when the command line does not say."""

from pydantic import SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class LoadSettings(BaseSettings):
    """Read from the environment: DATABASE_URL."""

    model_config = SettingsConfigDict(frozen=True)

    database_url: SecretStr = SecretStr("")
