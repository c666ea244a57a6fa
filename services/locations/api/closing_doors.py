"""The doors by which staff close and open locations (`reference/locations-api.md` §2.3–2.4)."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Annotated, Any
from uuid import UUID

from pydantic import BaseModel, Field

from libs.domain.codes import DeactivatedReason
from libs.domain.wire import Day, RowNumber, Wire
from libs.web.auth import Caller
from libs.web.preconditions import Conditions
from libs.web.routing import JsonBytes, Reply, Route
from services.locations.api.requests import BULK_MAX, MAINTAIN, Maybe, actor_of, tagged
from services.locations.api.staff_doors import Capacity
from services.locations.changes.closing import ClosingChanges
from services.locations.changes.desk import Actor
from services.locations.errors import (
    AlreadyInactive,
    CannotReactivate,
    CapacityNotAllowed,
    HoldsPrisoners,
    LocationArchived,
    LocationBusy,
    LocationNotFound,
    NotInCaseload,
    ReasonMissing,
    VersionStale,
)
from services.locations.rules.closing import Closure, Opening


class TemporaryDeactivation(Wire):
    """Why and until when it is out of use."""

    deactivation_reason: DeactivatedReason
    deactivation_reason_description: Maybe[Annotated[str, Field(max_length=255)]] = None
    proposed_reactivation_date: Maybe[Day] = None
    planet_fm_reference: Maybe[Annotated[str, Field(max_length=60)]] = None

    def closure(self) -> Closure:
        """Return it in the words of the change."""
        return Closure(
            self.deactivation_reason,
            self.deactivation_reason_description,
            self.proposed_reactivation_date,
            self.planet_fm_reference,
        )


class SeenOne(Wire):
    """One of many: the version that was looked at, which `If-Match` says where one is changed; without it, any."""

    version: RowNumber | None = None


class OneDeactivation(TemporaryDeactivation, SeenOne):
    """Why and until when one of many is out of use."""


class DeactivateMany(Wire):
    """What to take out of use, each with its own reason."""

    locations: Annotated[dict[UUID, OneDeactivation], Field(max_length=BULK_MAX)]


class Reactivation(SeenOne):
    """Whether what is below comes back too, and what a cell holds from then on."""

    cascade_reactivation: bool = False
    capacity: Capacity | None = None

    def opening(self) -> Opening:
        """Return it in the words of the change."""
        held = self.capacity
        return Opening(self.cascade_reactivation, (held.max_capacity, held.working_capacity) if held else None)


class ReactivateMany(Wire):
    """What to bring back."""

    locations: Annotated[dict[UUID, Reactivation], Field(max_length=BULK_MAX)]


class PermanentDeactivation(Wire):
    """Why it will not come back."""

    reason: Annotated[str, Field(min_length=1, max_length=200)]


class CascadeQuery(BaseModel):
    """The one parameter of the old reactivation door."""

    cascade_reactivation: Annotated[bool, Field(alias="cascade-reactivation")] = False


class ClosingDoors:
    """The handlers."""

    def __init__(self, changes: ClosingChanges) -> None:
        self._changes = changes

    async def deactivate(
        self, location_id: UUID, body: TemporaryDeactivation, caller: Caller, conditions: Conditions
    ) -> list[dict[str, Any]]:
        """Take a location and what is below it out of use."""
        return await self._changes.deactivate({location_id: body.closure()}, actor_of(caller, conditions))

    async def deactivate_many(self, body: DeactivateMany, caller: Caller) -> list[dict[str, Any]]:
        """Take many out of use: all or none."""
        wishes = {location_id: wish.closure() for location_id, wish in body.locations.items()}
        return await self._changes.deactivate(wishes, _actor_of(caller, body.locations))

    async def change_details(
        self, location_id: UUID, body: TemporaryDeactivation, caller: Caller, conditions: Conditions
    ) -> Reply[JsonBytes]:
        """Tell otherwise why and until when a location is out of use."""
        return tagged(await self._changes.change_details(location_id, body.closure(), actor_of(caller, conditions)))

    async def archive(
        self, location_id: UUID, body: PermanentDeactivation, caller: Caller, conditions: Conditions
    ) -> Reply[JsonBytes]:
        """Close a location for good."""
        return tagged(await self._changes.archive(location_id, body.reason, actor_of(caller, conditions)))

    async def reactivate(
        self, location_id: UUID, query: CascadeQuery, caller: Caller, conditions: Conditions
    ) -> Reply[JsonBytes]:
        """Bring a location back; the answer is the location that was asked for."""
        opening = Opening(query.cascade_reactivation)
        return tagged(await self._changes.reactivate_one(location_id, opening, actor_of(caller, conditions)))

    async def reactivate_many(self, body: ReactivateMany, caller: Caller) -> list[dict[str, Any]]:
        """Bring many back: all or none."""
        wishes = {location_id: wish.opening() for location_id, wish in body.locations.items()}
        return await self._changes.reactivate(wishes, _actor_of(caller, body.locations))


def _actor_of(caller: Caller, many: Mapping[UUID, SeenOne]) -> Actor:
    seen = {location_id: one.version for location_id, one in many.items() if one.version is not None}
    return replace(actor_of(caller), seen_of=seen)


def routes(doors: ClosingDoors) -> Sequence[Route]:
    """List the doors."""
    one, many = "/locations/{locationId}", "/locations/bulk"
    common = (LocationNotFound, NotInCaseload, LocationBusy, VersionStale)
    closing = (*common, AlreadyInactive, HoldsPrisoners, ReasonMissing)
    opening = (*common, CannotReactivate, CapacityNotAllowed)
    details = (*common, ReasonMissing)
    archiving = (*common, LocationArchived, HoldsPrisoners)
    return (
        Route("PUT", f"{one}/deactivate/temporary", doors.deactivate, MAINTAIN, problems=closing),
        Route("PUT", f"{many}/deactivate/temporary", doors.deactivate_many, MAINTAIN, problems=closing),
        Route("PUT", f"{one}/update/temporary-deactivation", doors.change_details, MAINTAIN, problems=details),
        Route("PUT", f"{one}/deactivate/permanent", doors.archive, MAINTAIN, problems=archiving),
        Route("PUT", f"{one}/reactivate", doors.reactivate, MAINTAIN, problems=opening, deprecated=True),
        Route("PUT", f"{many}/reactivate", doors.reactivate_many, MAINTAIN, problems=opening),
    )
