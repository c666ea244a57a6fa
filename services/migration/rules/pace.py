"""How fast a run goes, and how long it will take."""

from datetime import datetime, timedelta

from libs.domain.wire import Wire


class Pace(Wire):
    """Locations decided a second, and seconds until none is pending; None where nobody can tell."""

    per_second: float | None = None
    seconds_left: int | None = None


def pace(lately: int, pending: int, *, started: datetime, now: datetime, window: timedelta) -> Pace:
    """Return the pace of a run that decided `lately` locations within the last `window`, or since it started."""
    seconds = min(window, now - started).total_seconds()
    if not lately or seconds <= 0:
        return Pace()
    per_second = lately / seconds
    return Pace(per_second=round(per_second, 1), seconds_left=round(pending / per_second))


def average(decided: int, *, started: datetime, ended: datetime) -> Pace:
    """Return the pace of a run that is over."""
    seconds = (ended - started).total_seconds()
    return Pace(per_second=round(decided / seconds, 1) if seconds > 0 else None, seconds_left=0)
