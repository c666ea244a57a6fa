"""What goes over this service's wire; limits are those the Prisoner API itself checks (reference/nomis.md §2.3)."""

from datetime import date
from typing import Annotated, Any, Literal

import msgspec
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field
from pydantic.alias_generators import to_camel

INT32_MAX = 2**31 - 1
INT64_MAX = 2**63 - 1
DETAILS_MAX = 500

Int32 = Annotated[int, Field(ge=-INT32_MAX - 1, le=INT32_MAX)]
LocationId = Annotated[int, Field(ge=-INT64_MAX - 1, le=INT64_MAX)]
StructLocationId = Annotated[int, msgspec.Meta(ge=-INT64_MAX - 1, le=INT64_MAX)]


def at_most(limit: int) -> AfterValidator:
    """Limit a text's length, in the original's words."""

    def check(text: str) -> str:
        if len(text) > limit:
            raise ValueError(f"is too long (max allowed {limit} characters)")
        return text

    return AfterValidator(check)


def zero_for_null(value: object) -> object:
    """Read null as the original does where its type knows no null."""
    return 0 if value is None else value


def default_for_nonsense(least: int, default: int) -> BeforeValidator:
    """Read page parameters as Spring does: what makes no sense is the default."""

    def read(value: Any) -> Any:
        try:
            number = int(value)
        except ValueError:
            return default
        return default if number < least else min(number, INT32_MAX)

    return BeforeValidator(read)


class Wire(BaseModel):
    """CamelCase names; unknown members are ignored."""

    model_config = ConfigDict(frozen=True, alias_generator=to_camel)


class Profile(Wire):
    """One attribute of a location; neither code is checked."""

    profile_type: str
    profile_code: str


class Usage(Wire):
    """One use of a location; the prison must know it."""

    internal_location_usage_type: str
    capacity: Int32 | None = None
    sequence: Int32 | None = None


class Update(Wire):
    """The whole of what PUT /locations/{id} overwrites; what is absent is cleared."""

    location_type: str
    location_code: str
    description: Annotated[str, at_most(240)]
    parent_location_id: LocationId | None = None
    user_description: Annotated[str, at_most(40)] | None = None
    unit_type: str | None = None
    list_sequence: Int32 | None = None
    comment: Annotated[str, at_most(240)] | None = None
    profiles: tuple[Profile, ...] | None = None
    usages: tuple[Usage, ...] | None = None


class Create(Update):
    """A new location; it is always active."""

    prison_id: str
    certified: bool = False
    operational_capacity: Int32 | None = None
    capacity: Int32 | None = None
    cna_capacity: Int32 | None = None


class Deactivation(Wire):
    """How a location goes out of use; without a date it is today's."""

    deactivate_date: date | None = None
    reason_code: str | None = None
    reactivate_date: date | None = None
    force: bool = False


class Capacity(Wire):
    """What is absent becomes null."""

    capacity: Int32 | None = None
    operational_capacity: Int32 | None = None


class CapacityQuery(Wire):
    """Whether the operational capacity stays as it is."""

    ignore_operational_capacity: bool = False


class Certification(Wire):
    """What is absent becomes zero and false."""

    cna_capacity: Annotated[Int32, BeforeValidator(zero_for_null)] = 0
    certified: Annotated[bool, BeforeValidator(zero_for_null)] = False


class IdsQuery(Wire):
    """Spring's page parameters, and ours: after an id, in the order of ids, of one prison or of all."""

    page: Annotated[int, default_for_nonsense(0, 0)] = 0
    size: Annotated[int, default_for_nonsense(1, 10)] = 10
    sort: tuple[str, ...] = ()
    after_id: LocationId | None = None
    prison_id: str | None = None


class VisitRoom(Wire):
    """Which of the two rooms that visit bookings are put into."""

    kind: Literal["SOCIAL", "CLOSED"]


class Created(BaseModel):
    """The new location's id."""

    location_id: int = Field(serialization_alias="locationId")


class Details(msgspec.Struct, frozen=True, rename="camel"):
    """Which locations to give in one answer; `with_tags`: each with its `etag`, as the header of a single read."""

    location_ids: Annotated[list[StructLocationId], msgspec.Meta(max_length=DETAILS_MAX)]
    with_amendments: bool = True
    with_tags: bool = False
