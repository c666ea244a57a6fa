"""What the outside decides; the only door to the environment."""

from pydantic import NonNegativeInt, PositiveFloat, PositiveInt

from libs.worker.settings import WalkerSettings


class Settings(WalkerSettings):
    """Read once, at start."""

    http_port: NonNegativeInt = 8084
    # How many locations one repair may touch.
    repair_max: PositiveInt = 2000
    # A whole prison, one walk after the other.
    repair_seconds_max: PositiveFloat = 600
