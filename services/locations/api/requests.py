"""What the doors of staff share: who may enter, what a text, a code and a number may be, and the version looked at."""

from typing import Annotated, Any, TypeAlias, TypeVar

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema
from pydantic_core import PydanticCustomError

from libs.domain.codes import NON_RESIDENTIAL_TYPES, RESIDENTIAL_TYPES, LocationType
from libs.web.auth import Caller
from libs.web.preconditions import Conditions
from libs.web.routing import JsonBytes, Needs, Reply
from services.locations.api.tags import editable_versions, tagged_answer
from services.locations.changes.desk import Actor, Changed

MAINTAIN = Needs.role("ROLE_MAINTAIN_LOCATIONS", scope="write")
BULK_MAX = 1000
CAPACITY_MAX = 99
USERNAME_MAX = 80

Value = TypeVar("Value")
Code = Annotated[str, Field(min_length=1, max_length=12)]
Count = Annotated[int, Field(ge=0, le=CAPACITY_MAX)]
Number = Annotated[int, Field(ge=-(2**31), lt=2**31)]


def _none_if_blank(value: Any) -> Any:
    return None if isinstance(value, str) and not value.strip() else value


# Forms send "" where they mean nothing.
Maybe: TypeAlias = Annotated[Value | None, BeforeValidator(_none_if_blank)]


def _one_of(kinds: frozenset[LocationType], called: str) -> tuple[AfterValidator, WithJsonSchema]:
    def check(value: LocationType) -> LocationType:
        if value not in kinds:
            # Read as an enum of its own: not a breach of a rule (102) but a value that cannot be read.
            raise PydanticCustomError("enum", "not a {called} location type", {"called": called})
        return value

    names = sorted(kind.value for kind in kinds)
    return AfterValidator(check), WithJsonSchema({"type": "string", "enum": names})


_RESIDENTIAL = _one_of(RESIDENTIAL_TYPES, "residential")
_NON_RESIDENTIAL = _one_of(NON_RESIDENTIAL_TYPES, "non-residential")
ResidentialType = Annotated[LocationType, _RESIDENTIAL[0], _RESIDENTIAL[1]]
NonResidentialType = Annotated[LocationType, _NON_RESIDENTIAL[0], _NON_RESIDENTIAL[1]]


def actor_of(caller: Caller, conditions: Conditions | None = None) -> Actor:
    """Return who acts, and by `If-Match` which versions they looked at. Raises ParameterInvalid."""
    return Actor(caller.username[:USERNAME_MAX], caller.prisons, editable_versions(conditions) if conditions else None)


def tagged(changed: Changed) -> Reply[JsonBytes]:
    """Answer with a location and its version."""
    return tagged_answer(changed.version, changed.location)
