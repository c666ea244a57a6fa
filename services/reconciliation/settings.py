"""What the outside decides; the only door to the environment."""

from datetime import time

from pydantic import BaseModel, Field, NonNegativeInt, PositiveFloat, PositiveInt, SecretStr

from libs.db.pool import DatabaseSettings
from libs.db.tls import Tls
from libs.worker.settings import WorkerSettings


class RunLimits(BaseModel, frozen=True):
    """Sizes and deadlines of a full run."""

    ids_page: PositiveInt = 10_000
    # Rows of NOMIS compared in one go, and how many goes are under way at once.
    block: PositiveInt = Field(500, le=1000)
    blocks_in_flight_max: PositiveInt = 3
    # Links of parents outside their block that are remembered.
    parents_kept_max: PositiveInt = 20_000
    # A suspect is looked at again after this long, and is a mismatch once two looks in a row saw the same.
    again_seconds: PositiveFloat = 2
    looks_max: PositiveInt = 4
    lease_seconds: PositiveFloat = 120
    attempts_max: PositiveInt = 3
    # Mismatches named in the log line at the end, as existing dashboards read it.
    told_max: PositiveInt = 10


class SettleLimits(BaseModel, frozen=True):
    """When and how changed locations are looked at."""

    # A location is due this long after its last change, and at the latest so long after the first.
    settle_seconds: PositiveFloat = 8
    longest_seconds: PositiveFloat = 60
    batch: PositiveInt = Field(200, le=250)
    look_seconds: PositiveFloat = 1
    # Sync comes first: while more messages than this wait for the workers nobody is looked at, unless it is late.
    backlog_max: NonNegativeInt = 50
    late_seconds: PositiveFloat = 20
    rounds_max: PositiveInt = 3
    asked_max: PositiveInt = 12
    # Changes told within this are noted in one statement.
    linger_seconds: PositiveFloat = 0.05


class Schedule(BaseModel, frozen=True):
    """When the weekly run is, by London's clock; Monday is 0."""

    enabled: bool = True
    weekday: int = Field(2, ge=0, le=6)
    at: time = time(2, 30)
    # A service that was down at that hour still runs it within this time.
    late_hours_max: PositiveInt = 12


class Settings(WorkerSettings):
    """Read once, at start."""

    database_url: SecretStr
    database_tls: Tls = Tls()
    database_pool_max: PositiveInt = 10
    # False where a job applies schema steps before; then the login need own no table.
    apply_schema: bool = True
    http_port: NonNegativeInt = 8087
    # A bulk call carries a thousand locations.
    remote_seconds: PositiveFloat = 60
    # Whether this NOMIS has the bulk doors; the real one does not, the stand-in does.
    nomis_bulk_reads: bool = False
    full_run: RunLimits = RunLimits()
    settling: SettleLimits = SettleLimits()
    # Noting a change is one row; those in flight at once share a statement.
    messages_in_flight_max: PositiveInt = 100
    handler_seconds_max: PositiveFloat = 30
    schedule: Schedule = Schedule()
    # How often the schedule, and runs that nobody works on any more, are looked for.
    sweep_seconds: PositiveFloat = 10
    # Whether what a run finds is settled without being asked, unless the request says otherwise.
    runs_settle: bool = True
    runs_shown_max: PositiveInt = 200
    # How often what `/metrics` shows is read from the tables.
    numbers_seconds: PositiveFloat = 15
    # The service that NOMIS's agency switches know us by.
    agency_switch_service: str = "LOCATIONS_INSIDE_PRISON"

    @property
    def database(self) -> DatabaseSettings:
        """How to reach the database."""
        return DatabaseSettings(
            dsn=self.database_url,
            tls=self.database_tls,
            pool_max=self.database_pool_max,
            application_name="reconciliation",
        )
