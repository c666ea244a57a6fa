"""What reconciliation speaks of: pairs, findings, runs; the shapes of its answers."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from pydantic import Field

from libs.domain.bulk import MirrorRow, NomisRow
from libs.domain.comparing import Difference
from libs.domain.sync import Side
from libs.domain.wire import Wire

INSERTED_ONE_WAY = "inserted in NOMIS while the prison is one way"


class Finding(StrEnum):
    """What is wrong with a location, or with the link of its two halves."""

    DIFFERENT = "DIFFERENT"
    MISSING_IN_DPS = "MISSING_IN_DPS"
    MISSING_IN_NOMIS = "MISSING_IN_NOMIS"
    MISSING_MAPPING = "MISSING_MAPPING"
    STRAY_MAPPING = "STRAY_MAPPING"
    CROSSED_MAPPING = "CROSSED_MAPPING"


@dataclass(frozen=True, slots=True)
class Suspect:
    """A location to look at, by what is known of it; at least one id is given."""

    dps_id: str | None
    nomis_id: int | None


@dataclass(frozen=True, slots=True)
class NotedSuspect:
    """A suspect of a run, and what the last look saw of it; None before the first."""

    suspect_id: int
    who: Suspect
    digest: str | None


@dataclass(frozen=True, slots=True)
class Sides:
    """A location as both sides and the mapping have it at one moment; None is what is not there."""

    dps_id: str | None
    nomis_id: int | None
    linked: bool
    own: MirrorRow | None
    row: NomisRow | None
    parent: str | None
    buried_key: str | None = None
    # Whether the row's prison takes nothing from NOMIS any more; only asked where DPS has no half.
    one_way: bool = False


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a look found: no finding means equal. `digest` is of both states, to tell one look from another."""

    dps_id: str | None
    nomis_id: int | None
    prison_id: str | None
    key: str
    digest: str
    finding: Finding | None = None
    reason: str = ""
    differences: tuple[Difference, ...] = ()
    # Asking a worker would not help: only a person, or a change of either side, can end it.
    hopeless: bool = False
    # Equal, but what was sent to NOMIS was never seen to have landed: until then a screen's edit may be taken for it.
    unconfirmed: bool = False


@dataclass(frozen=True, slots=True)
class DueLocation:
    """A location that one side told of, by that side's id; NOMIS's as text."""

    side: Side
    id: str
    prison_id: str | None = None

    def suspect(self) -> Suspect:
        """Return how to look at it."""
        return Suspect(self.id, None) if self.side is Side.DPS else Suspect(None, int(self.id))


@dataclass(frozen=True, slots=True)
class Noted:
    """What is remembered of a location between looks."""

    rounds: int = 0
    asked: int = 0
    digest: str | None = None


@dataclass(frozen=True, slots=True)
class Waiting:
    """A location whose turn it is; `told` moves whenever a side tells of it again."""

    where: DueLocation
    told: int
    noted: Noted


class Parked(Wire):
    """A location that nothing can settle until either side changes; `at` is where the next page starts."""

    at: str
    side: Side
    location_id: str
    prison_id: str | None = None
    key: str
    reason: str
    parked_at: datetime
    rounds: int


class Status(StrEnum):
    """Where a run stands."""

    REQUESTED = "REQUESTED"
    RUNNING = "RUNNING"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"


@dataclass(slots=True)
class Counts:
    """What a run has seen so far."""

    nomis_rows: int = 0
    dps_locations: int = 0
    ignored: int = 0
    compared: int = 0
    suspected: int = 0
    in_flight: int = 0


class Run(Wire):
    """A full run as it is shown; counts are exact once it is completed."""

    run_id: int
    prison_id: str | None = None
    status: Status
    requested_by: str
    requested_at: datetime
    scheduled_for: datetime | None = None
    settles: bool
    started_at: datetime | None = None
    ended_at: datetime | None = None
    attempts: int
    failure: str | None = None
    nomis_rows: int
    dps_locations: int
    ignored: int
    compared: int
    suspected: int
    in_flight: int
    mismatches: int
    findings: dict[Finding, int] = Field(default_factory=dict)


class Mismatch(Wire):
    """One mismatch of a run."""

    mismatch_id: int
    finding: Finding
    dps_location_id: UUID | None = None
    nomis_location_id: int | None = None
    prison_id: str | None = None
    key: str
    reason: str
    differences: list[dict[str, Any]]
