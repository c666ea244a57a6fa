"""The doors that say who is where: cells with room, people, rolls (`reference/locations-api.md` §2.4, rows 51–56)."""

from collections.abc import Sequence
from typing import Annotated, Any
from uuid import UUID

from pydantic import BaseModel, Field

from libs.domain.codes import SpecialistCellType
from libs.domain.wire import Wire
from libs.web.outgoing import RemoteRefused, RemoteUnavailable
from libs.web.routing import Needs, Route
from services.locations.api.reads import VIEW, Prison
from services.locations.errors import LocationNotFound, UnknownElsewhere
from services.locations.reading.people import People
from services.locations.reading.rolls import Rolls

VIEW_PEOPLE = Needs.role("ROLE_VIEW_PRISONER_LOCATIONS")
ROLL = Needs.role("ROLE_ESTABLISHMENT_ROLL")


class RoomQuery(Wire):
    """Below which location, of which group and specialist type; and whether who is inside is told too."""

    location_id: UUID | None = None
    group_name: str | None = None
    specialist_cell_type: SpecialistCellType | None = None
    include_prisoner_information: bool = False


class RollQuery(BaseModel):
    """Whether cells and rooms are listed too."""

    include_cells: Annotated[bool, Field(alias="include-cells")] = False


class PeopleDoors:
    """The handlers."""

    def __init__(self, people: People, rolls: Rolls) -> None:
        self._people = people
        self._rolls = rolls

    async def with_room(self, prison_id: Prison, query: RoomQuery) -> list[dict[str, Any]]:
        """List the certified cells in use that have room for more people."""
        return await self._people.with_room(
            prison_id,
            query.location_id,
            query.group_name,
            query.specialist_cell_type,
            names=query.include_prisoner_information,
        )

    async def below(self, location_id: UUID) -> list[dict[str, Any]]:
        """List who is in the cells at and below a location."""
        return await self._people.below(location_id)

    async def below_key(self, key: str) -> list[dict[str, Any]]:
        """List who is in the cells at and below the location with this key."""
        return await self._people.below_key(key)

    async def of_prison(self, prison_id: Prison) -> list[dict[str, Any]]:
        """List who is in the cells of a prison."""
        return await self._people.of_prison(prison_id)

    async def roll(self, prison_id: Prison, query: RollQuery) -> dict[str, Any]:
        """Count the people of a prison against its locations."""
        return await self._rolls.of_prison(prison_id, cells=query.include_cells)

    async def cell_roll(self, prison_id: Prison, location_id: UUID) -> dict[str, Any]:
        """Count the people of one location and its cells."""
        return await self._rolls.of_cells(prison_id, location_id)


def routes(doors: PeopleDoors) -> Sequence[Route]:
    """List the doors."""
    elsewhere = (RemoteRefused, RemoteUnavailable)
    unknown = (LocationNotFound, *elsewhere)
    people, roll = "/prisoner-locations", "/prison/roll-count/{prisonId}"
    cells = f"{roll}/cells-only/{{locationId}}"
    return (
        Route("GET", "/location-occupancy/cells-with-capacity/{prisonId}", doors.with_room, VIEW, problems=unknown),
        Route("GET", f"{people}/id/{{locationId}}", doors.below, VIEW_PEOPLE, problems=unknown),
        Route("GET", f"{people}/key/{{key}}", doors.below_key, VIEW_PEOPLE, problems=unknown),
        Route("GET", f"{people}/prison/{{prisonId}}", doors.of_prison, VIEW_PEOPLE, problems=elsewhere),
        Route("GET", roll, doors.roll, ROLL, problems=(UnknownElsewhere, *elsewhere)),
        Route("GET", cells, doors.cell_roll, ROLL, problems=unknown),
    )
