"""The doors by group, type and use (`reference/locations-api.md` §2.4, rows 46–50)."""

from collections.abc import Sequence
from typing import Any

from libs.domain.codes import LocationType, UsageType
from libs.web.routing import Route
from services.locations.api.reads import VIEW, Prison
from services.locations.errors import LocationPrefixNotFound
from services.locations.reading.groups import GroupReading


class GroupDoors:
    """The handlers."""

    def __init__(self, reading: GroupReading) -> None:
        self._reading = reading

    async def groups(self, prison_id: Prison) -> list[dict[str, Any]]:
        """List the groups that a prison's cells are in."""
        return await self._reading.groups(prison_id)

    async def prefix(self, prison_id: Prison, group: str) -> dict[str, Any]:
        """Show what the keys of a group's cells begin with."""
        return {"locationPrefix": self._reading.prefix(prison_id, group)}

    async def cells(self, prison_id: Prison, name: str) -> list[dict[str, Any]]:
        """List the cells of a group."""
        return await self._reading.cells(prison_id, name)

    async def of_type(self, prison_id: Prison, location_type: LocationType) -> list[dict[str, Any]]:
        """List a prison's locations of one type."""
        return await self._reading.of_type(prison_id, location_type)

    async def used_for(self, prison_id: Prison, usage_type: UsageType) -> list[dict[str, Any]]:
        """List a prison's rooms that have one use."""
        return await self._reading.used_for(prison_id, usage_type)


def routes(doors: GroupDoors) -> Sequence[Route]:
    """List the doors."""
    prison, unknown = "/locations/prison/{prisonId}", (LocationPrefixNotFound,)
    return (
        Route("GET", f"{prison}/groups", doors.groups, VIEW),
        Route("GET", f"{prison}/group/{{group}}/location-prefix", doors.prefix, VIEW, problems=unknown),
        Route("GET", "/locations/groups/{prisonId}/{name}", doors.cells, VIEW),
        Route("GET", f"{prison}/location-type/{{locationType}}", doors.of_type, VIEW),
        Route("GET", f"{prison}/non-residential-usage-type/{{usageType}}", doors.used_for, VIEW),
    )
