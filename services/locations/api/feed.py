"""The door for consumers that missed events; the original has none."""

from collections.abc import Sequence
from typing import Annotated, Any

from pydantic import Field

from libs.domain.wire import Wire
from libs.web.routing import Route
from services.locations.api.reads import VIEW
from services.locations.errors import CursorExpired, CursorUnreadable
from services.locations.reading.feed import Feed

CHANGES_MAX = 1000


class FeedQuery(Wire):
    """After which cursor, and how many at most; from the beginning without one."""

    since: Annotated[str, Field(max_length=100)] | None = None
    limit: Annotated[int, Field(ge=1, le=CHANGES_MAX)] = 500


class FeedDoors:
    """The handler."""

    def __init__(self, feed: Feed) -> None:
        self._feed = feed

    async def changes(self, query: FeedQuery) -> dict[str, Any]:
        """List which locations changed or were deleted since a cursor; `next` is the cursor to ask with next time."""
        return await self._feed.page(query.since, query.limit)


def routes(doors: FeedDoors) -> Sequence[Route]:
    """List the doors."""
    refusals = (CursorUnreadable, CursorExpired)
    return (Route("GET", "/locations/changes", doors.changes, VIEW, problems=refusals),)
