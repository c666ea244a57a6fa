"""The sign-off report: what people are told of each prison before they sign that it has moved."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from hashlib import sha256
from typing import Any, Self

from pydantic import JsonValue

from libs.domain.nomis import NomisLocationId
from libs.domain.wire import Wire
from services.migration.records import Status, Subject


class PrisonAccounts(Wire):
    """What became of a prison's locations in a run; in a verification `migrated` are those that are equal."""

    listed: int
    migrated: int
    skipped: int
    failed: int
    pending: int


class Counted(Wire):
    """Something that DPS cannot hold as NOMIS has it, and of how many locations."""

    subject: Subject
    what: str
    count: int


class FailedFor(Wire):
    """A reason, how many failed for it, and some of them."""

    reason: str
    count: int
    nomis_location_ids: tuple[NomisLocationId, ...]


class ReportedDifference(Wire):
    """One field of one location, in the normal form in which both sides are compared."""

    nomis_location_id: NomisLocationId
    key: str | None
    field: str
    nomis: JsonValue
    dps: JsonValue


class PrisonReport(Wire):
    """One prison: counts of the verification and of the migration it looked at, losses, failures, differences.

    `differences` are the first of `differencesTotal`. An empty id gathers locations whose prison is not known.
    """

    prison_id: str
    verified: PrisonAccounts | None
    migrated: PrisonAccounts | None
    notes: tuple[Counted, ...]
    failures: tuple[FailedFor, ...]
    migration_failures: tuple[FailedFor, ...]
    differences: tuple[ReportedDifference, ...]
    differences_total: int

    @property
    def clean(self) -> bool:
        """Whether nothing failed in either run and nothing differs."""
        unfinished = (self.verified.failed + self.verified.pending) if self.verified else 0
        left_behind = (self.migrated.failed + self.migrated.pending) if self.migrated else 0
        return not (unfinished or left_behind or self.differences_total)

    def told(self, subject: Subject) -> tuple[Counted, ...]:
        """Return the notes of one subject."""
        return tuple(note for note in self.notes if note.subject is subject)


class SignOff(Wire):
    """A verification as it is signed; `digest` is over all the rest, so that paper and JSON can be told to be one.

    `clean` when the verification is complete, nothing failed and nothing differs.
    """

    verification_id: str
    migration_id: str | None
    status: Status
    started_by: str
    when_started: datetime
    when_ended: datetime | None
    clean: bool
    prisons: tuple[PrisonReport, ...]
    digest: str = ""

    @classmethod
    def of(cls, run: Mapping[str, Any], prisons: Sequence[PrisonReport]) -> Self:
        """Make the report of a run's row and its prisons."""
        complete = run["status"] == Status.COMPLETED
        report = cls(
            verification_id=run["migration_id"],
            migration_id=run["of_migration_id"],
            status=run["status"],
            started_by=run["started_by"],
            when_started=run["when_started"],
            when_ended=run["when_ended"],
            clean=complete and all(prison.clean for prison in prisons),
            prisons=tuple(prisons),
        )
        digest = sha256(report.model_dump_json(by_alias=True).encode()).hexdigest()
        return report.model_copy(update={"digest": digest})
