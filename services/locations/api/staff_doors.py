"""The doors by which staff make, place and name locations, and try out what they would do (§2.3–2.4)."""

from collections.abc import Sequence
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import Field, RootModel

from libs.domain.codes import AccommodationType, LocationType, SpecialistCellType, UsedForType
from libs.domain.sync import Usage
from libs.domain.wire import Wire
from libs.web.auth import Caller
from libs.web.preconditions import Conditions
from libs.web.routing import JsonBytes, Reply, Route
from services.locations.api.reads import Prison
from services.locations.api.requests import (
    MAINTAIN,
    Code,
    Count,
    Maybe,
    NonResidentialType,
    ResidentialType,
    actor_of,
    tagged,
)
from services.locations.changes.creating import CreateChanges
from services.locations.changes.placing import PlaceChanges
from services.locations.errors import (
    CapacityNotAllowed,
    FieldNotAllowed,
    LocationArchived,
    LocationBusy,
    LocationKeyTaken,
    LocationNotFound,
    NotInCaseload,
    ParentNotAllowed,
    VersionStale,
)
from services.locations.rules.creating import NewLocation, NewWing
from services.locations.rules.placing import Patch

Name = Annotated[str, Field(max_length=80)]


class Capacity(Wire):
    """How many a cell may hold, and how many it does hold in use."""

    max_capacity: Count = 0
    working_capacity: Count = 0


class _New(Wire):
    """What every new location has."""

    prison_id: Prison
    code: Code
    local_name: Maybe[Name] = None
    parent_id: Maybe[UUID] = None


class CreateResidential(_New):
    """A wing, spur, landing, cell or another place people live in."""

    location_type: ResidentialType
    accommodation_type: AccommodationType
    capacity: Capacity | None = None
    certified: bool = False
    used_for: frozenset[UsedForType] | None = None
    specialist_cell_types: frozenset[SpecialistCellType] | None = None

    def wish(self) -> NewLocation:
        """Return it in the words of the change; only a cell has a capacity."""
        held = self.capacity if self.location_type is LocationType.CELL else None
        return NewLocation(
            prison_id=self.prison_id,
            code=self.code,
            location_type=self.location_type,
            parent_id=self.parent_id,
            local_name=self.local_name,
            accommodation_type=self.accommodation_type,
            max_capacity=held.max_capacity if held else None,
            working_capacity=held.working_capacity if held else None,
            certified=self.certified,
            used_for=self.used_for or frozenset(),
            specialist_cell_types=self.specialist_cell_types or frozenset(),
        )


class CreateNonResidential(_New):
    """A room with its uses."""

    location_type: NonResidentialType
    usage: tuple[Usage, ...] | None = None

    def wish(self) -> NewLocation:
        """Return it in the words of the change."""
        return NewLocation(
            prison_id=self.prison_id,
            code=self.code,
            location_type=self.location_type,
            parent_id=self.parent_id,
            local_name=self.local_name,
            usages=self.usage or (),
        )


class CreateWing(Wire):
    """A wing with landings, spurs on each, and as many cells in each section."""

    prison_id: Prison
    wing_code: Code
    wing_description: Maybe[Name] = None
    number_of_landings: Maybe[Annotated[int, Field(ge=0, le=10)]] = None
    number_of_spurs_per_landing: Maybe[Annotated[int, Field(ge=0, le=10)]] = None
    number_of_cells_per_section: Annotated[int, Field(ge=0, le=999)]
    default_cell_capacity: Annotated[int, Field(ge=1, le=10)] = 1

    def wish(self) -> NewWing:
        """Return it in the words of the change."""
        return NewWing(
            prison_id=self.prison_id,
            code=self.wing_code,
            local_name=self.wing_description,
            landings=self.number_of_landings or 0,
            spurs=self.number_of_spurs_per_landing or 0,
            cells=self.number_of_cells_per_section,
            capacity=self.default_cell_capacity,
        )


class _Patch(Wire):
    """What to change of a place; absent keeps, and an id goes before a key."""

    code: Code | None = None
    parent_id: Maybe[UUID] = None
    parent_location_key: Maybe[str] = None


class PatchResidential(_Patch):
    """A residential location's place; of a cell also what it is for."""

    accommodation_type: Maybe[AccommodationType] = None
    used_for: frozenset[UsedForType] | None = None

    def patch(self) -> Patch:
        """Return it in the words of the change."""
        return Patch(
            residential=True,
            code=self.code,
            parent_id=self.parent_id,
            parent_key=self.parent_location_key,
            accommodation=self.accommodation_type,
            uses=self.used_for,
        )


class PatchNonResidential(_Patch):
    """A room's place, kind and uses; an empty list clears these."""

    location_type: Maybe[NonResidentialType] = None
    usage: tuple[Usage, ...] | None = None

    def patch(self) -> Patch:
        """Return it in the words of the change."""
        return Patch(
            residential=False,
            code=self.code,
            parent_id=self.parent_id,
            parent_key=self.parent_location_key,
            kind=self.location_type,
            usages=self.usage,
        )


class LocalName(Wire):
    """What people call it."""

    local_name: Annotated[str, Field(min_length=1, max_length=30)]


class TryCreateResidential(Wire):
    """A creation to try."""

    operation: Literal["CREATE_RESIDENTIAL"]
    body: CreateResidential


class TryCreateNonResidential(Wire):
    """A creation to try."""

    operation: Literal["CREATE_NON_RESIDENTIAL"]
    body: CreateNonResidential


class TryCreateWing(Wire):
    """A creation to try."""

    operation: Literal["CREATE_WING"]
    body: CreateWing


class TryPatchResidential(Wire):
    """A change to try."""

    operation: Literal["PATCH_RESIDENTIAL"]
    location_id: UUID
    body: PatchResidential


class TryPatchNonResidential(Wire):
    """A change to try."""

    operation: Literal["PATCH_NON_RESIDENTIAL"]
    location_id: UUID
    body: PatchNonResidential


class Trial(
    RootModel[
        Annotated[
            TryCreateResidential
            | TryCreateNonResidential
            | TryCreateWing
            | TryPatchResidential
            | TryPatchNonResidential,
            Field(discriminator="operation"),
        ]
    ]
):
    """A create or a patch to try out."""


class StaffDoors:
    """The handlers."""

    def __init__(self, creates: CreateChanges, places: PlaceChanges) -> None:
        self._creates = creates
        self._places = places

    async def create_residential(self, body: CreateResidential, caller: Caller) -> Reply[JsonBytes]:
        """Create a residential location."""
        return tagged(await self._creates.create(body.wish(), actor_of(caller)))

    async def create_non_residential(self, body: CreateNonResidential, caller: Caller) -> Reply[JsonBytes]:
        """Create a non-residential location."""
        return tagged(await self._creates.create(body.wish(), actor_of(caller)))

    async def create_wing(self, body: CreateWing, caller: Caller) -> dict[str, Any]:
        """Create a wing with its landings, spurs and cells."""
        return await self._creates.create_wing(body.wish(), actor_of(caller))

    async def patch_residential(
        self, location_id: UUID, body: PatchResidential, caller: Caller, conditions: Conditions
    ) -> Reply[JsonBytes]:
        """Change code or parent of a residential location, or what a cell is for."""
        return tagged(await self._places.patch(location_id, body.patch(), actor_of(caller, conditions)))

    async def patch_residential_by_key(
        self, key: str, body: PatchResidential, caller: Caller, conditions: Conditions
    ) -> Reply[JsonBytes]:
        """Do the same by key."""
        return tagged(await self._places.patch_by_key(key, body.patch(), actor_of(caller, conditions)))

    async def patch_room(
        self, location_id: UUID, body: PatchNonResidential, caller: Caller, conditions: Conditions
    ) -> Reply[JsonBytes]:
        """Change code, parent, kind or uses of a room."""
        return tagged(await self._places.patch(location_id, body.patch(), actor_of(caller, conditions)))

    async def patch_room_by_key(
        self, key: str, body: PatchNonResidential, caller: Caller, conditions: Conditions
    ) -> Reply[JsonBytes]:
        """Do the same by key."""
        return tagged(await self._places.patch_by_key(key, body.patch(), actor_of(caller, conditions)))

    async def local_name(
        self, location_id: UUID, body: LocalName, caller: Caller, conditions: Conditions
    ) -> Reply[JsonBytes]:
        """Set the local name; a cell keeps none."""
        return tagged(await self._places.set_local_name(location_id, body.local_name, actor_of(caller, conditions)))


class TrialDoors:
    """The dry run: the same changes on a desk that keeps nothing."""

    def __init__(self, creates: CreateChanges, places: PlaceChanges) -> None:
        self._creates = creates
        self._places = places

    async def validate(self, body: Trial, caller: Caller, conditions: Conditions) -> dict[str, Any]:
        """Answer with the location as it would be, or with the refusal that the door itself would give."""
        actor = actor_of(caller, conditions)
        match body.root:
            case TryCreateWing(body=wing):
                return await self._creates.create_wing(wing.wish(), actor)
            case TryCreateResidential(body=new) | TryCreateNonResidential(body=new):
                return (await self._creates.create(new.wish(), actor)).location
            case TryPatchResidential(body=patch) | TryPatchNonResidential(body=patch) as asked:
                return (await self._places.patch(asked.location_id, patch.patch(), actor)).location


_COMMON = (LocationNotFound, NotInCaseload, LocationBusy)
_CREATING = (*_COMMON, LocationKeyTaken, ParentNotAllowed, CapacityNotAllowed, FieldNotAllowed)
_CHANGING = (*_COMMON, LocationArchived, VersionStale)
_MOVING = (*_CHANGING, LocationKeyTaken, ParentNotAllowed, FieldNotAllowed)


def routes(doors: StaffDoors, trials: TrialDoors) -> Sequence[Route]:
    """List the doors."""
    residential, rooms = "/locations/residential", "/locations/non-residential"
    return (
        Route("POST", residential, doors.create_residential, MAINTAIN, status=201, problems=_CREATING),
        Route("POST", rooms, doors.create_non_residential, MAINTAIN, status=201, problems=_CREATING),
        Route("POST", "/locations/create-wing", doors.create_wing, MAINTAIN, status=201, problems=_CREATING),
        Route("PATCH", f"{residential}/{{locationId}}", doors.patch_residential, MAINTAIN, problems=_MOVING),
        Route("PATCH", f"{residential}/key/{{key}}", doors.patch_residential_by_key, MAINTAIN, problems=_MOVING),
        Route("PATCH", f"{rooms}/{{locationId}}", doors.patch_room, MAINTAIN, problems=_MOVING),
        Route("PATCH", f"{rooms}/key/{{key}}", doors.patch_room_by_key, MAINTAIN, problems=_MOVING),
        Route("PUT", "/locations/{locationId}/change-local-name", doors.local_name, MAINTAIN, problems=_CHANGING),
        Route("POST", "/locations/validate", trials.validate, MAINTAIN, problems=(*_CREATING, *_MOVING)),
    )
