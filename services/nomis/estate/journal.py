"""What a screen edit did, so that whoever made edits can say later which of them must still be there."""

from collections import Counter
from dataclasses import dataclass
from enum import Enum
from typing import TypeAlias

LOCATION_EVENT = "AGENCY_INTERNAL_LOCATIONS-UPDATED"
PROFILE_EVENT = "AGY_INT_LOC_PROFILES-UPDATED"
USAGE_EVENT = "INT_LOC_USAGE_LOCATIONS-UPDATED"

Value: TypeAlias = object


class Act(Enum):
    """What people do in the screens; moving in or out of a cell is by far the most frequent and raises no event."""

    MOVE = "move"
    CAPACITY = "capacity"
    CERTIFICATION = "certification"
    COMMENT = "comment"
    LOCAL_NAME = "local name"
    DEACTIVATE = "deactivate"
    REACTIVATE = "reactivate"
    ADD_PROFILE = "add profile"
    REMOVE_PROFILE = "remove profile"
    USAGE = "usage"
    NEW_CELL = "new cell"
    DELETE_CELL = "delete cell"


@dataclass(frozen=True)
class Change:
    """One column of one row: None where there was, or is, no such value or row."""

    table: str
    row: int
    field: str
    old: Value
    new: Value


@dataclass(frozen=True)
class Edit:
    """One committed transaction of a screen."""

    act: Act
    prison: str
    location_id: int
    changes: tuple[Change, ...]
    event_types: tuple[str, ...]

    @property
    def events(self) -> Counter[str]:
        """How many events of each type it raised."""
        return Counter(self.event_types)
