"""What a run is made of, and the shapes operators' tools read (`reference/from-nomis.md` §2.1)."""

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Annotated, NamedTuple, Self
from uuid import UUID

from pydantic import Field, field_validator, model_validator

from libs.domain.comparing import Difference
from libs.domain.nomis import NomisLocationId
from libs.domain.wire import RowNumber, Wire

LOCATIONS = "LOCATIONS"
FAILURES_PAGE_MAX = 500
RETRY_IDS_MAX = 1_000


class Kind(StrEnum):
    """What a run does, as its type on the wire: a migration writes, the other two only read."""

    MIGRATION = LOCATIONS
    REHEARSAL = "LOCATIONS_REHEARSAL"
    VERIFICATION = "LOCATIONS_VERIFICATION"


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


PrisonId = Annotated[str, Field(pattern="^[A-Z0-9]{3,6}$", examples=["LEI"])]


class MigrationFilter(Wire):
    """Body of a start. Dates are recorded and never narrow a run, as ever; an empty string is no date.

    `prisonIds` limits the run to these prisons and takes them one after another in this order; none means all at once.
    """

    from_date: date | None = None
    to_date: date | None = None
    prison_ids: tuple[PrisonId, ...] = Field(default=(), max_length=250)

    @field_validator("from_date", "to_date", mode="before")
    @classmethod
    def _no_date(cls, value: object) -> object:
        return None if value == "" else value

    @field_validator("prison_ids")
    @classmethod
    def _once_each(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(value)) != len(value):
            raise ValueError("each prison once")
        return value


class VerificationWish(MigrationFilter):
    """Body of a verification: of the locations that a run migrated, or of all that NOMIS has."""

    migration_id: str | None = Field(default=None, max_length=40)


class MigrationContext(Wire):
    """Answer of a start."""

    type: Kind = Kind.MIGRATION
    migration_id: str
    estimated_count: int
    body: MigrationFilter


class MigrationRun(Wire):
    """One run in the history; `filter` is JSON in a string. What is listed is migrated, skipped, failed or pending."""

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
    paused: bool
    started_by: str
    of_migration_id: str | None = None


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
    paused: bool | None = None


class PrisonProgress(Wire):
    """How far a run is in one prison; without an id those whose prison nobody has looked up yet."""

    prison_id: str | None = None
    listed: int
    migrated: int
    skipped: int
    failed: int
    pending: int


class Trouble(Wire):
    """Why pages were given back and wait, and how many."""

    reason: str
    pages: int


class Progress(Wire):
    """How far a run is: `listed` is always `migrated`, `skipped`, `failed` and `pending` together, here and by prison.

    `perSecond` counts locations decided lately, or on average when the run is over; None where nobody can tell.
    """

    migration_id: str
    migration_type: Kind
    status: Status
    paused: bool
    estimated: int
    listing_complete: bool
    listed: int
    migrated: int
    skipped: int
    failed: int
    pending: int
    per_second: float | None = None
    seconds_left: int | None = None
    prisons: tuple[PrisonProgress, ...]
    troubles: tuple[Trouble, ...] = ()


class Failures(Wire):
    """One reason that locations were skipped or failed for, how many, and some of them."""

    state: ItemState
    reason: str
    count: int
    nomis_location_ids: tuple[int, ...]


class ItemQuery(Wire):
    """Which locations of a run: in a state, for a reason, of a prison; after an id, at most so many."""

    state: ItemState | None = None
    reason: str | None = Field(default=None, max_length=1_000)
    prison_id: PrisonId | None = None
    after: RowNumber = 0
    size: int = Field(default=100, ge=1, le=FAILURES_PAGE_MAX)


class ItemRow(Wire):
    """One location of a run and what became of it; times are London's, key and prison are NOMIS's."""

    nomis_location_id: NomisLocationId
    key: str | None = None
    prison_id: str | None = None
    state: ItemState
    reason: str | None = None
    attempts: int
    first_tried_at: datetime | None = None
    last_tried_at: datetime | None = None
    dps_location_id: UUID | None = None


class RetryWish(Wire):
    """Which failed locations to try again: these, all that failed for one reason, or all. Exactly one of the three."""

    nomis_location_ids: tuple[NomisLocationId, ...] = Field(default=(), max_length=RETRY_IDS_MAX)
    reason: str | None = Field(default=None, min_length=1, max_length=1_000)
    all: bool = False

    @model_validator(mode="after")
    def _one_way_to_say_it(self) -> Self:
        if sum((bool(self.nomis_location_ids), self.reason is not None, self.all)) != 1:
            raise ValueError("exactly one of nomisLocationIds, reason and all is expected")
        return self


class Retried(Wire):
    """How many locations are tried again; those below that failed for want of them included."""

    retried: int


@dataclass(frozen=True, slots=True)
class RunWish:
    """A run to open; `estimated` is what NOMIS counts now, `of_migration_id` what a verification looks at."""

    kind: Kind
    filter_json: str
    prisons: tuple[str, ...]
    estimated: int
    of_migration_id: str | None = None


@dataclass(frozen=True, slots=True)
class Listing:
    """How far the listing of a run is, and what it is a run of."""

    status: Status
    kind: Kind
    paused: bool
    pages: int
    complete: bool
    prisons: tuple[str, ...]
    of_migration_id: str | None = None
    after: NomisLocationId | None = None

    @property
    def goes_on(self) -> bool:
        """Whether more is to be listed now."""
        return self.status is Status.STARTED and not self.paused and not self.complete


@dataclass(frozen=True, slots=True)
class Advance:
    """What came of a look at a run: pages opened, and how it ended if it did so just now."""

    pages: list[int]
    ended: Status | None = None


@dataclass(frozen=True, slots=True)
class Lease:
    """A page taken: what is still pending in it, how often it was taken, and what the run does."""

    items: list["Item"]
    attempt: int
    kind: Kind
    prisons: frozenset[str]


@dataclass(frozen=True, slots=True)
class Item:
    """A pending location of a page."""

    nomis_id: NomisLocationId
    parent_nomis_id: NomisLocationId | None


class Subject(StrEnum):
    """What a note is about."""

    FOLDED = "folded code"
    CUT = "cut text"
    PROFILE = "dropped profile"
    USAGE = "dropped usage"
    HISTORY = "dropped history"


class Note(NamedTuple):
    """Something that DPS cannot hold as NOMIS has it."""

    subject: Subject
    what: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of an item; `pending` means that it is looked at again. `place` is a rehearsal's."""

    nomis_id: NomisLocationId
    state: ItemState
    reason: str | None = None
    dps_id: UUID | None = None
    key: str | None = None
    prison_id: str | None = None
    notes: tuple[Note, ...] = ()
    place: str | None = None
    # What a verification saw to differ; None where nothing was compared.
    differences: tuple[Difference, ...] | None = None
