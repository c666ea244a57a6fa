"""What the outside decides; the only door to the environment."""

from pydantic import NonNegativeInt

from libs.worker.settings import WalkerSettings


class Settings(WalkerSettings):
    """Read once, at start."""

    http_port: NonNegativeInt = 8085
