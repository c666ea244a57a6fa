"""What the outside decides about the job that makes the topology; its endpoint is localstack-client's to find."""

from pathlib import Path

from pydantic_settings import BaseSettings, SettingsConfigDict


class TopologySettings(BaseSettings):
    """Region, and the file to make."""

    model_config = SettingsConfigDict(frozen=True)

    aws_region: str = "eu-west-2"
    messaging_file: Path = Path("infra/messaging.json")
