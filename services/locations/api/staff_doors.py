"""The doors of staff: create, capacity, local name, out of use and back (`reference/locations-api.md` §2.3–2.4)."""

from collections.abc import Sequence
from datetime import date
from typing import Annotated, Any
from uuid import UUID

from pydantic import BaseModel, Field, field_validator

from libs.domain.codes import (
    NON_RESIDENTIAL_TYPES,
    RESIDENTIAL_TYPES,
    AccommodationType,
    DeactivatedReason,
    LocationType,
    UsedForType,
)
from libs.domain.sync import Usage
from libs.domain.wire import Wire
from libs.web.auth import Caller
from libs.web.routing import Needs, Route
from services.locations.api.reads import Prison
from services.locations.changes.staff import Actor, Closure, NewLocation, StaffChanges
from services.locations.errors import (
    AlreadyInactive,
    CannotReactivate,
    CapacityNotAllowed,
    HoldsPrisoners,
    LocationArchived,
    LocationKeyTaken,
    LocationNotFound,
    NotInCaseload,
    ParentNotAllowed,
    ReasonMissing,
)

MAINTAIN = Needs.role("ROLE_MAINTAIN_LOCATIONS", scope="write")
BULK_MAX = 1000

Code = Annotated[str, Field(min_length=1, max_length=12)]
Count = Annotated[int, Field(ge=0, le=99)]


class Capacity(Wire):
    """How many a cell may hold, and how many it does hold in use."""

    max_capacity: Count = 0
    working_capacity: Count = 0


class _New(Wire):
    """What every new location has."""

    prison_id: Prison
    code: Code
    location_type: LocationType
    local_name: Annotated[str, Field(max_length=80)] | None = None
    parent_id: UUID | None = None


class CreateResidential(_New):
    """A wing, spur, landing, cell or another place people live in."""

    accommodation_type: AccommodationType
    capacity: Capacity | None = None
    certified: bool = False
    used_for: frozenset[UsedForType] = frozenset()

    @field_validator("location_type")
    @classmethod
    def _residential(cls, value: LocationType) -> LocationType:
        if value not in RESIDENTIAL_TYPES:
            raise ValueError("not a residential location type")
        return value


class CreateNonResidential(_New):
    """A room with its uses."""

    usage: tuple[Usage, ...] = ()

    @field_validator("location_type")
    @classmethod
    def _non_residential(cls, value: LocationType) -> LocationType:
        if value not in NON_RESIDENTIAL_TYPES:
            raise ValueError("not a non-residential location type")
        return value


class LocalName(Wire):
    """What people call it."""

    local_name: Annotated[str, Field(min_length=1, max_length=30)]


class TemporaryDeactivation(Wire):
    """Why and until when it is out of use."""

    deactivation_reason: DeactivatedReason
    deactivation_reason_description: Annotated[str, Field(max_length=255)] | None = None
    proposed_reactivation_date: date | None = None
    planet_fm_reference: Annotated[str, Field(max_length=60)] | None = None

    def closure(self) -> Closure:
        """Return it in the words of the change."""
        return Closure(
            self.deactivation_reason,
            self.deactivation_reason_description,
            self.proposed_reactivation_date,
            self.planet_fm_reference,
        )


class DeactivateMany(Wire):
    """What to take out of use, each with its own reason."""

    locations: Annotated[dict[UUID, TemporaryDeactivation], Field(max_length=BULK_MAX)]


class Reactivation(Wire):
    """Whether what is below comes back too."""

    cascade_reactivation: bool = False


class ReactivateMany(Wire):
    """What to bring back."""

    locations: Annotated[dict[UUID, Reactivation], Field(max_length=BULK_MAX)]


class CascadeQuery(BaseModel):
    """The one parameter of the old reactivation door."""

    cascade_reactivation: Annotated[bool, Field(alias="cascade-reactivation")] = False


class StaffDoors:
    """The handlers."""

    def __init__(self, changes: StaffChanges) -> None:
        self._changes = changes

    async def create_residential(self, body: CreateResidential, caller: Caller) -> dict[str, Any]:
        """Create a residential location."""
        held = body.capacity if body.location_type is LocationType.CELL else None
        wish = NewLocation(
            prison_id=body.prison_id,
            code=body.code,
            location_type=body.location_type,
            parent_id=body.parent_id,
            local_name=body.local_name,
            accommodation_type=body.accommodation_type,
            max_capacity=held.max_capacity if held else None,
            working_capacity=held.working_capacity if held else None,
            certified=body.certified,
            used_for=body.used_for,
        )
        return await self._changes.create(wish, _actor(caller))

    async def create_non_residential(self, body: CreateNonResidential, caller: Caller) -> dict[str, Any]:
        """Create a non-residential location."""
        wish = NewLocation(
            prison_id=body.prison_id,
            code=body.code,
            location_type=body.location_type,
            parent_id=body.parent_id,
            local_name=body.local_name,
            usages=tuple({usage.usage_type: usage for usage in body.usage}.values()),
        )
        return await self._changes.create(wish, _actor(caller))

    async def capacity(self, location_id: UUID, body: Capacity, caller: Caller) -> dict[str, Any]:
        """Set a cell's capacity."""
        return await self._changes.set_capacity(location_id, body.max_capacity, body.working_capacity, _actor(caller))

    async def local_name(self, location_id: UUID, body: LocalName, caller: Caller) -> dict[str, Any]:
        """Set the local name; a cell keeps none."""
        return await self._changes.set_local_name(location_id, body.local_name, _actor(caller))

    async def deactivate(self, location_id: UUID, body: TemporaryDeactivation, caller: Caller) -> list[dict[str, Any]]:
        """Take a location and what is below it out of use."""
        return await self._changes.deactivate({location_id: body.closure()}, _actor(caller))

    async def deactivate_many(self, body: DeactivateMany, caller: Caller) -> list[dict[str, Any]]:
        """Take many out of use: all or none."""
        wishes = {location_id: wish.closure() for location_id, wish in body.locations.items()}
        return await self._changes.deactivate(wishes, _actor(caller))

    async def reactivate(self, location_id: UUID, query: CascadeQuery, caller: Caller) -> dict[str, Any]:
        """Bring a location back; the answer is the location that was asked for."""
        await self._changes.reactivate({location_id: query.cascade_reactivation}, _actor(caller))
        return await self._changes.shown(location_id)

    async def reactivate_many(self, body: ReactivateMany, caller: Caller) -> list[dict[str, Any]]:
        """Bring many back: all or none."""
        wishes = {location_id: wish.cascade_reactivation for location_id, wish in body.locations.items()}
        return await self._changes.reactivate(wishes, _actor(caller))


def _actor(caller: Caller) -> Actor:
    return Actor(caller.username, caller.prisons)


def routes(doors: StaffDoors) -> Sequence[Route]:
    """List the doors."""
    one = "/locations/{locationId}"
    common = (LocationNotFound, NotInCaseload)
    creating = (*common, LocationKeyTaken, ParentNotAllowed, CapacityNotAllowed)
    closing = (*common, AlreadyInactive, HoldsPrisoners, ReasonMissing)
    opening = (*common, CannotReactivate)
    return (
        Route("POST", "/locations/residential", doors.create_residential, MAINTAIN, status=201, problems=creating),
        Route(
            "POST", "/locations/non-residential", doors.create_non_residential, MAINTAIN, status=201, problems=creating
        ),
        Route(
            "PUT", f"{one}/capacity", doors.capacity, MAINTAIN, problems=(*common, LocationArchived, CapacityNotAllowed)
        ),
        Route("PUT", f"{one}/change-local-name", doors.local_name, MAINTAIN, problems=(*common, LocationArchived)),
        Route("PUT", f"{one}/deactivate/temporary", doors.deactivate, MAINTAIN, problems=closing),
        Route("PUT", "/locations/bulk/deactivate/temporary", doors.deactivate_many, MAINTAIN, problems=closing),
        Route("PUT", f"{one}/reactivate", doors.reactivate, MAINTAIN, problems=opening, deprecated=True),
        Route("PUT", "/locations/bulk/reactivate", doors.reactivate_many, MAINTAIN, problems=opening),
    )
