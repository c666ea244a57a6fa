"""The reads of locations, each with state and totals derived from what is above and below."""

from collections.abc import Sequence
from typing import Annotated, Any
from uuid import UUID

from pydantic import Field

from libs.domain.wire import Wire
from libs.web.routing import Needs, Route
from services.locations.changes.reading import Reading
from services.locations.errors import LocationNotFound

VIEW = Needs.role("ROLE_VIEW_LOCATIONS")
KEYS_MAX = 1000

Keys = Annotated[list[str], Field(max_length=KEYS_MAX)]


class DetailQuery(Wire):
    """Whether what is below, and the history, are shown too."""

    include_children: bool = False
    include_history: bool = False


class ReadDoors:
    """The handlers."""

    def __init__(self, reading: Reading) -> None:
        self._reading = reading

    async def by_id(self, location_id: UUID, query: DetailQuery) -> dict[str, Any]:
        """Show a location."""
        return await self._reading.location(location_id, children=query.include_children, history=query.include_history)

    async def by_key(self, key: str, query: DetailQuery) -> dict[str, Any]:
        """Show the location with this key."""
        return await self._reading.by_key(key, children=query.include_children, history=query.include_history)

    async def by_keys(self, body: Keys) -> list[dict[str, Any]]:
        """Show the locations with these keys, by key; unknown keys are absent, repeated ones shown once."""
        return await self._reading.by_keys(body)


def routes(doors: ReadDoors) -> Sequence[Route]:
    """List the doors."""
    return (
        Route("GET", "/locations/{locationId}", doors.by_id, VIEW, problems=(LocationNotFound,)),
        Route("GET", "/locations/key/{key}", doors.by_key, VIEW, problems=(LocationNotFound,)),
        Route("POST", "/locations/keys", doors.by_keys, VIEW),
    )
