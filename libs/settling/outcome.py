"""How a walk ended, how it came to a location, and the limits it keeps."""

from dataclasses import dataclass, field, replace
from enum import StrEnum
from uuid import UUID

from pydantic import BaseModel, PositiveInt

from libs.domain.nomis import NomisLocationId


class Act(StrEnum):
    """What a walk did."""

    NOTHING = "equal"
    AMENDED = "amend"
    CREATED = "create"
    ADOPTED = "adopt"
    DELETED = "delete"
    IGNORED = "ignored"


@dataclass(frozen=True, slots=True)
class Settled:
    """Both sides hold the same now."""

    act: Act
    dps_location_id: UUID | None = None
    nomis_location_id: NomisLocationId | None = None
    key: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Way:
    """How a walk came to a location: how many walks stand behind it, who waits in them, and for which key."""

    depth: int = 0
    waiting: frozenset[UUID] = field(default_factory=frozenset)
    freeing: str | None = None
    """A NOMIS description that somebody behind us needs: its row takes its own name, if it has another."""

    def deeper(self) -> "Way":
        """Return the way to a relative that has to be there first."""
        return replace(self, depth=self.depth + 1, freeing=None)

    def behind(self, who: UUID, freeing: str | None = None) -> "Way":
        """Return the way to a location that `who` waits for."""
        return Way(self.depth + 1, self.waiting | {who}, freeing)


class WalkLimits(BaseModel, frozen=True):
    """Bounds of one walk."""

    looks_max: PositiveInt = 6
    """How often a walk looks again when a side moved under it, before the message is put back."""

    ancestors_max: PositiveInt = 8
    """How many missing ancestors a walk creates on the way."""

    waiting_max: PositiveInt = 4
    """How many others a walk has make room, one behind the other."""

    rounds_max: PositiveInt = 3
    """How often a walk writes over the same pair of states before the location is parked as `cannot settle`."""


@dataclass(frozen=True, slots=True)
class Us:
    """Who we are to each side."""

    sync_user: str = "NOMIS_SYNC"
    """`lastUpdatedBy` of what sync writes when NOMIS names nobody."""

    nomis_api_user: str = "PRISONER_MANAGER_API"
    """CREATE_USER_ID of rows that our own NOMIS API login creates."""
