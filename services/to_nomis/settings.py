"""What the outside decides; the only door to the environment."""

from pydantic import NonNegativeInt, PositiveInt

from libs.worker.settings import WalkerSettings


class Settings(WalkerSettings):
    """Read once, at start."""

    http_port: NonNegativeInt = 8084
    # How many locations one repair may touch.
    repair_max: PositiveInt = 2000
