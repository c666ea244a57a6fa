"""The doors by which staff change cells (`reference/locations-api.md` §2.3–2.4)."""

from collections.abc import Sequence
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import Field

from libs.domain.codes import AccommodationType, ConvertedCellType, SpecialistCellType, UsedForType
from libs.domain.wire import Wire
from libs.web.auth import Caller
from libs.web.preconditions import Conditions
from libs.web.routing import JsonBytes, Reply, Route
from services.locations.api.requests import BULK_MAX, MAINTAIN, Count, Maybe, Number, actor_of, tagged
from services.locations.api.staff_doors import Capacity
from services.locations.changes.cells import CellChanges
from services.locations.errors import (
    CapacityNotAllowed,
    HoldsPrisoners,
    LocationArchived,
    LocationBusy,
    LocationNotFound,
    NotInCaseload,
    VersionStale,
)
from services.locations.rules.conversion import Cell, Room
from services.locations.rules.resizing import Resize

Convertible = Literal[
    AccommodationType.NORMAL_ACCOMMODATION,
    AccommodationType.HEALTHCARE_INPATIENTS,
    AccommodationType.CARE_AND_SEPARATION,
]


class ResizeOne(Wire):
    """What one cell is to hold; a number that is not allowed is told beside the others' success."""

    max_capacity: Number
    working_capacity: Number
    capacity_of_certified_cell: Number | None = None


class ResizeMany(Wire):
    """Capacities by key."""

    locations: Annotated[dict[str, ResizeOne], Field(max_length=BULK_MAX)]


class MakeRoom(Wire):
    """What a cell becomes; the text counts with OTHER."""

    converted_cell_type: ConvertedCellType
    other_converted_cell_type: Maybe[Annotated[str, Field(max_length=255)]] = None

    def room(self) -> Room:
        """Return it in the words of the change."""
        return Room(self.converted_cell_type, self.other_converted_cell_type)


class MakeCell(Wire):
    """What a room becomes."""

    accommodation_type: Convertible
    specialist_cell_types: frozenset[SpecialistCellType] | None = None
    max_capacity: Count = 0
    working_capacity: Count = 0
    used_for_types: tuple[UsedForType, ...] | None = None

    def cell(self) -> Cell:
        """Return it in the words of the change."""
        return Cell(
            accommodation=self.accommodation_type,
            max_capacity=self.max_capacity,
            working_capacity=self.working_capacity,
            specialist=self.specialist_cell_types,
            uses=self.used_for_types or (),
        )


class CellDoors:
    """The handlers."""

    def __init__(self, changes: CellChanges) -> None:
        self._changes = changes

    async def capacity(
        self, location_id: UUID, body: Capacity, caller: Caller, conditions: Conditions
    ) -> Reply[JsonBytes]:
        """Set a cell's capacity."""
        actor = actor_of(caller, conditions)
        return tagged(await self._changes.set_capacity(location_id, body.max_capacity, body.working_capacity, actor))

    async def resize(self, body: ResizeMany, caller: Caller) -> dict[str, list[dict[str, Any]]]:
        """Set capacities of many cells; each key is told what changed, or why nothing did."""
        wishes = {
            key: Resize(wish.max_capacity, wish.working_capacity, wish.capacity_of_certified_cell)
            for key, wish in body.locations.items()
        }
        return await self._changes.resize(wishes, actor_of(caller))

    async def specialist_types(
        self, location_id: UUID, body: frozenset[SpecialistCellType], caller: Caller, conditions: Conditions
    ) -> Reply[JsonBytes]:
        """Replace a cell's specialist types."""
        return tagged(await self._changes.set_specialist_types(location_id, body, actor_of(caller, conditions)))

    async def used_for(
        self, location_id: UUID, body: frozenset[UsedForType], caller: Caller, conditions: Conditions
    ) -> Reply[JsonBytes]:
        """Replace the uses of the cells at and below a location."""
        return tagged(await self._changes.set_used_for(location_id, body, actor_of(caller, conditions)))

    async def make_room(
        self, location_id: UUID, body: MakeRoom, caller: Caller, conditions: Conditions
    ) -> Reply[JsonBytes]:
        """Make a cell a room."""
        return tagged(await self._changes.make_room(location_id, body.room(), actor_of(caller, conditions)))

    async def change_room(
        self, location_id: UUID, body: MakeRoom, caller: Caller, conditions: Conditions
    ) -> Reply[JsonBytes]:
        """Make a room that was a cell another kind of room."""
        return tagged(await self._changes.change_room(location_id, body.room(), actor_of(caller, conditions)))

    async def make_cell(
        self, location_id: UUID, body: MakeCell, caller: Caller, conditions: Conditions
    ) -> Reply[JsonBytes]:
        """Make a room a cell again."""
        return tagged(await self._changes.make_cell(location_id, body.cell(), actor_of(caller, conditions)))


def routes(doors: CellDoors) -> Sequence[Route]:
    """List the doors."""
    one = "/locations/{locationId}"
    common = (LocationNotFound, NotInCaseload, LocationBusy)
    changing = (*common, LocationArchived, VersionStale)
    sizing = (*changing, CapacityNotAllowed)
    emptying = (*changing, HoldsPrisoners)
    return (
        Route("PUT", f"{one}/capacity", doors.capacity, MAINTAIN, problems=sizing),
        Route("PUT", "/locations/bulk/capacity-update", doors.resize, MAINTAIN, problems=common),
        Route("PUT", f"{one}/specialist-cell-types", doors.specialist_types, MAINTAIN, problems=sizing),
        Route("PUT", f"{one}/used-for-type", doors.used_for, MAINTAIN, problems=(*common, VersionStale)),
        Route("PUT", f"{one}/convert-cell-to-non-res-cell", doors.make_room, MAINTAIN, problems=emptying),
        Route("PUT", f"{one}/update-non-res-cell", doors.change_room, MAINTAIN, problems=changing),
        Route("PUT", f"{one}/convert-to-cell", doors.make_cell, MAINTAIN, problems=sizing),
    )
