"""A row of AGENCY_INTERNAL_LOCATIONS while it is being made: totals, which depend on other rows, come last."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import IntEnum
from typing import TypeAlias

Record: TypeAlias = tuple[object, ...]

LOCATION_COLUMNS = (
    "internal_location_id",
    "internal_location_code",
    "agy_loc_id",
    "internal_location_type",
    "description",
    "capacity",
    "parent_internal_location_id",
    "active_flag",
    "list_seq",
    "cna_no",
    "certified_flag",
    "deactivate_date",
    "reactivate_date",
    "deactivate_reason_code",
    "comment_text",
    "user_desc",
    "unit_type",
    "operation_capacity",
    "no_of_occupant",
    "tracking_flag",
    "create_datetime",
    "create_user_id",
    "modify_datetime",
    "modify_user_id",
    "audit_module_name",
)


class Kind(IntEnum):
    """Which rules of `reference/nomis.md` §4.4 a row follows."""

    CELL = 1
    STRUCTURE = 2
    ROOM = 3


@dataclass(slots=True, eq=False)
class Location:
    """One location; `usages` and `children` are ours, the rest is its row."""

    id: int
    code: str
    agency: str
    type: str
    description: str
    kind: Kind
    parent: Location | None
    created_at: datetime
    created_by: str = "OMS_OWNER"
    capacity: int | None = None
    active: bool = True
    list_seq: int | None = None
    cna: int | None = None
    certified: bool = False
    deactivated_on: datetime | None = None
    reactivate_on: datetime | None = None
    reason: str | None = None
    comment: str | None = None
    user_desc: str | None = None
    unit_type: str | None = None
    operational: int | None = None
    occupants: int = 0
    tracking: bool = False
    modified_at: datetime | None = None
    modified_by: str | None = None
    module: str = "MERGE"
    usages: tuple[str, ...] = ()
    children: list[Location] = field(default_factory=list)

    def record(self) -> Record:
        """Its row, in the order of the columns."""
        return (
            self.id,
            self.code,
            self.agency,
            self.type,
            self.description,
            self.capacity,
            self.parent.id if self.parent else None,
            "Y" if self.active else "N",
            self.list_seq,
            self.cna,
            "Y" if self.certified else "N",
            self.deactivated_on,
            self.reactivate_on,
            self.reason,
            self.comment,
            self.user_desc,
            self.unit_type,
            self.operational,
            self.occupants,
            "Y" if self.tracking else "N",
            self.created_at,
            self.created_by,
            self.modified_at,
            self.modified_by,
            self.module,
        )
