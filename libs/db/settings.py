"""What a job that applies schema steps is told."""

from pydantic import SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from libs.db.pool import DatabaseSettings
from libs.db.tls import Tls


class StepSettings(BaseSettings):
    """Read once, at start; the login is that of the tables' owner."""

    model_config = SettingsConfigDict(frozen=True)

    database_url: SecretStr
    database_tls: Tls = Tls()
    # Who reads and writes the tables and may not change them: the login that the service itself has.
    database_runtime_role: str | None = None

    @property
    def database(self) -> DatabaseSettings:
        """How to reach the database."""
        return DatabaseSettings(dsn=self.database_url, tls=self.database_tls, pool_max=1, application_name="schema")
