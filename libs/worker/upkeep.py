"""What is done around a queue while its messages are handled, and its bounds."""

from pydantic import BaseModel, PositiveFloat

from libs.messaging.admin import AdminLimits
from libs.messaging.parking import ReplayLimits


class Upkeep(BaseModel, frozen=True):
    """How often switches and counts are looked at, and what operators may set going."""

    # How soon a replica does what another was told, and what is parked is looked at.
    refresh_seconds: PositiveFloat = 5
    depth_seconds: PositiveFloat = 30
    admin: AdminLimits = AdminLimits()
    replay: ReplayLimits = ReplayLimits()
