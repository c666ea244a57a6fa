"""How a walk ended, and the limits it keeps."""

from dataclasses import dataclass
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


class WalkLimits(BaseModel, frozen=True):
    """Bounds of one walk."""

    looks_max: PositiveInt = 6
    """How often a walk looks again when a side moved under it, before the message is put back."""

    ancestors_max: PositiveInt = 8
    """How many missing ancestors a walk creates on the way."""


@dataclass(frozen=True, slots=True)
class Us:
    """Who we are to each side."""

    sync_user: str = "NOMIS_SYNC"
    """`lastUpdatedBy` of what sync writes when NOMIS names nobody."""

    nomis_api_user: str = "PRISONER_MANAGER_API"
    """CREATE_USER_ID of rows that our own NOMIS API login creates."""
