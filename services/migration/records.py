"""What a run is made of, and the shapes operators' tools read (`reference/from-nomis.md` §2.1)."""

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from uuid import UUID

from pydantic import Field, field_validator

from libs.domain.nomis import NomisLocationId
from libs.domain.wire import Wire

LOCATIONS = "LOCATIONS"


class Status(StrEnum):
    """Where a run stands."""

    STARTED = "STARTED"
    COMPLETED = "COMPLETED"
    CANCELLED_REQUESTED = "CANCELLED_REQUESTED"
    CANCELLED = "CANCELLED"


ACTIVE = (Status.STARTED, Status.CANCELLED_REQUESTED)


class ItemState(StrEnum):
    """How one location of a run stands."""

    PENDING = "pending"
    MIGRATED = "migrated"
    SKIPPED = "skipped"
    FAILED = "failed"


class MigrationFilter(Wire):
    """Body of a start. Dates are recorded and never narrow a run, as ever; an empty string is no date."""

    from_date: date | None = None
    to_date: date | None = None
    prison_ids: tuple[str, ...] = Field(default=(), max_length=250)

    @field_validator("from_date", "to_date", mode="before")
    @classmethod
    def _no_date(cls, value: object) -> object:
        return None if value == "" else value


class MigrationContext(Wire):
    """Answer of a start."""

    type: str = LOCATIONS
    migration_id: str
    estimated_count: int
    body: MigrationFilter


class MigrationRun(Wire):
    """One run in the history; `filter` is JSON in a string. The last three count exactly."""

    migration_id: str
    when_started: datetime
    when_ended: datetime | None = None
    estimated_record_count: int
    filter: str
    records_migrated: int
    records_failed: int
    migration_type: str = LOCATIONS
    status: Status
    id: str
    records_listed: int
    records_skipped: int
    records_pending: int
    listing_complete: bool


class InProgress(Wire):
    """The latest run as the dashboard reads it; without any run only the three queue counts are there."""

    records_migrated: int | None = None
    to_be_processed_count: int | None = None
    being_processed_count: int | None = None
    records_failed: int | None = None
    migration_id: str | None = None
    when_started: datetime | None = None
    estimated_record_count: int | None = None
    migration_type: str | None = None
    status: Status | None = None
    records_listed: int | None = None
    records_skipped: int | None = None
    records_pending: int | None = None


class Failures(Wire):
    """One reason that locations were skipped or failed for, how many, and some of them."""

    state: ItemState
    reason: str
    count: int
    nomis_location_ids: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Item:
    """A pending location of a page."""

    nomis_id: NomisLocationId
    parent_nomis_id: NomisLocationId | None


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of an item; `pending` means that its parent is not there yet."""

    nomis_id: NomisLocationId
    state: ItemState
    reason: str | None = None
    dps_id: UUID | None = None
    key: str | None = None
    prison_id: str | None = None
