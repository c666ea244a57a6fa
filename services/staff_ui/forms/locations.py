"""What may be entered about locations; the rules that need the location itself are the API's."""

from datetime import date
from typing import Annotated, Self
from uuid import UUID

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, model_validator

from libs.domain.codes import (
    AccommodationType,
    ConvertedCellType,
    DeactivatedReason,
    LocationType,
    SpecialistCellType,
    UsageType,
    UsedForType,
)
from services.staff_ui.forms.reading import at

CAPACITY_MAX = 99
Code = Annotated[str, StringConstraints(min_length=1, max_length=12, pattern=r"^[A-Za-z0-9_-]+$", to_upper=True)]
Name = Annotated[str, Field(max_length=30)]
Count = Annotated[int, Field(ge=0, le=CAPACITY_MAX)]


class Form(BaseModel):
    """Answers of one act."""

    model_config = ConfigDict(frozen=True)


class LocalName(Form):
    """What people call a place."""

    local_name: Annotated[str, Field(min_length=1, max_length=30)]


class Size(Form):
    """How many people a cell may hold, and how many it does."""

    max_capacity: Count
    working_capacity: Count

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.working_capacity > self.max_capacity:
            raise at("working_capacity", "Working capacity cannot be more than the maximum capacity")
        return self


class CellTypes(Form):
    """What kinds of cell it is; none is an answer."""

    cell_types: tuple[SpecialistCellType, ...] = ()


class Uses(Form):
    """What it is used for; none is an answer."""

    used_for: tuple[UsedForType, ...] = ()


class Closure(Form):
    """Why and until when it is out of use."""

    reason: DeactivatedReason
    description: Annotated[str, Field(max_length=255)] | None = None
    expected: date | None = None
    planet_fm: Annotated[str, Field(max_length=60)] | None = None

    @model_validator(mode="after")
    def _told(self) -> Self:
        if self.reason is DeactivatedReason.OTHER and not self.description:
            raise at("description", "Enter a description of the reason")
        return self


class SeenCell(Form):
    """A cell that was chosen, and the version of it that was looked at; in a form `id@version`."""

    id: UUID
    version: int

    def __str__(self) -> str:
        """Write it as a form does."""
        return f"{self.id}@{self.version}"


def _taken_apart(posted: object) -> object:
    return dict(zip(("id", "version"), posted.split("@"), strict=False)) if isinstance(posted, str) else posted


class CloseMany(Closure):
    """The same for several cells."""

    cells: Annotated[
        tuple[Annotated[SeenCell, BeforeValidator(_taken_apart)], ...], Field(min_length=1, max_length=1000)
    ]


class Reopen(Form):
    """Whether what is below comes back too."""

    below: bool


class Archive(Form):
    """Why it will not come back."""

    archive_reason: Annotated[str, Field(min_length=1, max_length=200)]


class ToRoom(Form):
    """What a cell becomes."""

    room: ConvertedCellType
    other: Annotated[str, Field(max_length=255)] | None = None

    @model_validator(mode="after")
    def _named(self) -> Self:
        if self.room is ConvertedCellType.OTHER and not self.other:
            raise at("other", "Enter what the room is used for")
        return self


class ToCell(Size):
    """What a room becomes."""

    accommodation: AccommodationType
    cell_types: tuple[SpecialistCellType, ...] = ()
    used_for: tuple[UsedForType, ...] = ()


class Signed(Form):
    """What is signed for a prison."""

    signed_capacity: Annotated[int, Field(ge=0, le=9999)]


class NewWing(Form):
    """A wing with all that stands in it, all alike."""

    code: Code
    local_name: Name | None = None
    landings: Annotated[int, Field(ge=0, le=10)]
    spurs: Annotated[int, Field(ge=0, le=10)] = 0
    cells: Annotated[int, Field(ge=0, le=999)]
    cell_capacity: Annotated[int, Field(ge=1, le=10)] = 1


class NewLanding(Form):
    """A landing, or a spur."""

    code: Code
    local_name: Name | None = None


class NewCell(Size):
    """A cell."""

    code: Code
    accommodation: AccommodationType
    cell_types: tuple[SpecialistCellType, ...] = ()
    used_for: tuple[UsedForType, ...] = ()


class NewRoom(Form):
    """A place where nobody lives."""

    code: Code
    local_name: Name | None = None
    room_type: LocationType
    usages: tuple[UsageType, ...] = ()
