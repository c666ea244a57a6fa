"""What the outside decides; the only door to the environment."""

from pydantic import NonNegativeInt

from libs.settling.outcome import Us, WalkLimits
from libs.worker.settings import WorkerSettings


class Settings(WorkerSettings):
    """Read once, at start."""

    http_port: NonNegativeInt = 8084
    # Whether this NOMIS takes `If-Match`; the real one does not, the stand-in does.
    nomis_conditional_writes: bool = False
    nomis_api_user: str = Us().nomis_api_user
    sync_user: str = Us().sync_user
    walk: WalkLimits = WalkLimits()
    # How many locations one repair may touch.
    repair_max: NonNegativeInt = 2000
