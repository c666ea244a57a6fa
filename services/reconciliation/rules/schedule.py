"""When the weekly run is due, by London's clock."""

from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

LONDON = ZoneInfo("Europe/London")


def due(now: datetime, *, weekday: int, at: time, late_max: timedelta) -> datetime | None:
    """Return the time of the schedule whose run should have begun, unless it is too late for it; Monday is 0."""
    here = now.astimezone(LONDON)
    last = here.replace(hour=at.hour, minute=at.minute, second=0, microsecond=0)
    last -= timedelta(days=(here.weekday() - weekday) % 7)
    if last > here:
        last -= timedelta(days=7)
    return last if here - last <= late_max else None
