"""The doors of staff that change cells and the shape of a prison (`reference/locations-api.md` §2.3–2.4)."""

from collections.abc import Sequence
from typing import Annotated, Any
from uuid import UUID

from pydantic import Field

from libs.domain.codes import SpecialistCellType, UsedForType
from libs.domain.sync import Usage
from libs.domain.wire import Wire
from libs.web.auth import Caller
from libs.web.routing import Route
from services.locations.api.staff_doors import MAINTAIN, Code
from services.locations.changes.cells import CellChanges, Move
from services.locations.changes.staff import Actor
from services.locations.errors import (
    CapacityNotAllowed,
    HoldsPrisoners,
    LocationArchived,
    LocationKeyTaken,
    LocationNotFound,
    NotInCaseload,
    ParentNotAllowed,
)


class PermanentDeactivation(Wire):
    """Why it will not come back."""

    reason: Annotated[str, Field(min_length=1, max_length=200)]


class PatchLocation(Wire):
    """What to change of its place; absent keeps."""

    code: Code | None = None
    parent_id: UUID | None = None


class PatchRoom(PatchLocation):
    """A room's place and its uses; an empty list clears them."""

    usage: tuple[Usage, ...] | None = None


class CellDoors:
    """The handlers."""

    def __init__(self, changes: CellChanges) -> None:
        self._changes = changes

    async def specialist_types(
        self, location_id: UUID, body: frozenset[SpecialistCellType], caller: Caller
    ) -> dict[str, Any]:
        """Replace a cell's specialist types."""
        return await self._changes.set_specialist_types(location_id, body, _actor(caller))

    async def used_for(self, location_id: UUID, body: frozenset[UsedForType], caller: Caller) -> dict[str, Any]:
        """Replace the uses of the cells at and below a location."""
        return await self._changes.set_used_for(location_id, body, _actor(caller))

    async def archive(self, location_id: UUID, body: PermanentDeactivation, caller: Caller) -> dict[str, Any]:
        """Close a location for good."""
        return await self._changes.archive(location_id, body.reason, _actor(caller))

    async def patch_residential(self, location_id: UUID, body: PatchLocation, caller: Caller) -> dict[str, Any]:
        """Change code or parent of a residential location."""
        return await self._changes.patch(location_id, Move(body.code, body.parent_id), _actor(caller))

    async def patch_room(self, location_id: UUID, body: PatchRoom, caller: Caller) -> dict[str, Any]:
        """Change code, parent or uses of a room."""
        uses = None if body.usage is None else tuple({usage.usage_type: usage for usage in body.usage}.values())
        return await self._changes.patch(
            location_id, Move(body.code, body.parent_id, uses, residential=False), _actor(caller)
        )


def _actor(caller: Caller) -> Actor:
    return Actor(caller.username, caller.prisons)


def routes(doors: CellDoors) -> Sequence[Route]:
    """List the doors."""
    one = "/locations/{locationId}"
    common = (LocationNotFound, LocationArchived, NotInCaseload)
    moving = (*common, LocationKeyTaken, ParentNotAllowed)
    return (
        Route(
            "PUT",
            f"{one}/specialist-cell-types",
            doors.specialist_types,
            MAINTAIN,
            problems=(*common, CapacityNotAllowed),
        ),
        Route("PUT", f"{one}/used-for-type", doors.used_for, MAINTAIN, problems=common),
        Route("PUT", f"{one}/deactivate/permanent", doors.archive, MAINTAIN, problems=(*common, HoldsPrisoners)),
        Route("PATCH", "/locations/residential/{locationId}", doors.patch_residential, MAINTAIN, problems=moving),
        Route("PATCH", "/locations/non-residential/{locationId}", doors.patch_room, MAINTAIN, problems=moving),
    )
