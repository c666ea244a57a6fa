"""London's wall clock, without zone, as the tables keep times."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

LONDON = ZoneInfo("Europe/London")
# Before and after it no zone can be applied.
_FIRST, _LAST = datetime(2, 1, 1, tzinfo=UTC), datetime(9998, 12, 31, tzinfo=UTC)


def in_london(moment: datetime) -> datetime:
    """Return a moment as London's clock shows it; one without zone is London's already."""
    if moment.tzinfo is None:
        return moment
    return min(max(moment, _FIRST), _LAST).astimezone(LONDON).replace(tzinfo=None)
