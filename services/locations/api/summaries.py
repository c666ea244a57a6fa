"""The doors of the screens that walk a prison from the top (`reference/locations-api.md` §2.4, rows 30, 32 and 33)."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import orjson

from libs.domain.wire import Wire
from libs.web.outgoing import RemoteRefused, RemoteUnavailable
from libs.web.routing import JsonBytes, Reply, Route
from services.locations.api.reads import VIEW, Prison
from services.locations.api.tags import list_tag
from services.locations.errors import LocationNotFound
from services.locations.reading.locations import Reading
from services.locations.reading.prisons import Prisons


class SummaryQuery(Wire):
    """Below which location; the prison's top level without. `latestHistory` is taken and changes nothing."""

    parent_location_id: UUID | None = None
    parent_path_hierarchy: str | None = None
    latest_history: bool = False


class ParentQuery(Wire):
    """Below which location; in the whole prison without."""

    parent_location_id: UUID | None = None


class TreeQuery(Wire):
    """Whether what is temporarily out of use is shown too."""

    include_inactive: bool = False


class SummaryDoors:
    """The handlers."""

    def __init__(self, prisons: Prisons, reading: Reading) -> None:
        self._prisons = prisons
        self._reading = reading

    async def summary(self, prison_id: Prison, query: SummaryQuery) -> dict[str, Any]:
        """Show the residential locations right below one, or at the top of the prison, with their totals."""
        if query.parent_location_id is None and query.parent_path_hierarchy is None:
            return await self._prisons.top(prison_id)
        return await self._prisons.below(prison_id, query.parent_location_id, query.parent_path_hierarchy)

    async def tree(self, prison_id: Prison, query: TreeQuery) -> Reply[JsonBytes]:
        """Show the whole hierarchy of a prison at once, each location with its totals and with what is below it."""
        shown = await self._reading.hierarchy(prison_id, inactive=query.include_inactive)
        body = JsonBytes(orjson.dumps(shown))
        return Reply(body, headers={"ETag": list_tag(body)})

    async def archived(self, prison_id: Prison) -> list[dict[str, Any]]:
        """List the residential locations that were permanently deactivated."""
        return await self._reading.archived(prison_id)

    async def inactive_cells(self, prison_id: Prison, query: ParentQuery) -> list[dict[str, Any]]:
        """List the cells that are out of use."""
        if query.parent_location_id is None:
            return await self._reading.inactive_cells(prison_id)
        return await self._reading.inactive_below(query.parent_location_id)


def routes(doors: SummaryDoors) -> Sequence[Route]:
    """List the doors."""
    prison, unknown = "/locations/prison/{prisonId}", (LocationNotFound,)
    return (
        Route(
            "GET",
            "/locations/residential-summary/{prisonId}",
            doors.summary,
            VIEW,
            problems=(*unknown, RemoteRefused, RemoteUnavailable),
        ),
        Route("GET", f"{prison}/tree", doors.tree, VIEW, answers=list[dict[str, Any]], tagged=True),
        Route("GET", f"{prison}/archived", doors.archived, VIEW),
        Route("GET", f"{prison}/inactive-cells", doors.inactive_cells, VIEW, problems=unknown),
    )
