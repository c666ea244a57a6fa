"""What the outside decides; the only door to the environment."""

from pydantic import BaseModel, NonNegativeInt, PositiveFloat, PositiveInt, SecretStr

from libs.db.pool import DatabaseSettings
from libs.db.tls import Tls
from libs.domain.sync import MIGRATE_BATCH_MAX
from libs.worker.settings import WorkerSettings


class IsolationLimits(BaseModel, frozen=True):
    """How patient a page is with others before it looks for the locations that hold it up."""

    # A service that is away is waited for this often before single locations are suspected.
    attempts_whole: PositiveInt = 3
    # So many failures without one success between them mean that the service is away after all.
    failures_in_a_row_max: PositiveInt = 16
    # Then the few that are left in a small page have failed.
    attempts_max: PositiveInt = 10


class StageLimits(BaseModel, frozen=True):
    """Sizes and deadlines of a run."""

    ids_page: PositiveInt = 10_000
    page: PositiveInt = MIGRATE_BATCH_MAX
    # Passes beyond the first where NOMIS lists by page number, as long as a pass finds something new.
    listed_again_max: PositiveInt = 3
    # Renewed while a page is worked on, so it only has to outlast a process that hangs for a moment.
    lease_seconds: PositiveFloat = 30
    # The same for whoever lists.
    listing_lease_seconds: PositiveFloat = 15
    failures_sample: PositiveInt = 20
    swept_pages: PositiveInt = 8
    isolation: IsolationLimits = IsolationLimits()
    # A change on its way from side to side has arrived by the second look of a verification.
    settle_seconds: PositiveFloat = 10
    # How many differences of each prison a report shows; it counts all.
    differences_shown: PositiveInt = 100


class Settings(WorkerSettings):
    """Read once, at start."""

    database_url: SecretStr
    database_tls: Tls = Tls()
    database_pool_max: PositiveInt = 10
    # False where a job applies schema steps before; then the login need own no table.
    apply_schema: bool = True
    http_port: NonNegativeInt = 8086
    # Opens the door that deletes the history of ended runs; the role alone is not enough.
    allow_wipe: bool = False
    # A bulk call carries five hundred locations.
    remote_seconds: PositiveFloat = 60
    # Whether this NOMIS lists by key and gives many rows in one call, as our stand-in does.
    nomis_bulk_reads: bool = False
    # Pages of five hundred on the plateau: more in flight do not help (docs/adr/0010).
    messages_in_flight_max: PositiveInt = 4
    # Four bulk calls and the listing of the whole estate.
    handler_seconds_max: PositiveFloat = 600
    stages: StageLimits = StageLimits()
    sweep_seconds: PositiveFloat = 10
    # How often progress is counted for those who watch, however many they are, and how far back its pace looks.
    progress_seconds: PositiveFloat = 2
    pace_seconds: PositiveFloat = 60
    # How often what `/metrics` shows is counted, while a run is under way.
    numbers_seconds: PositiveFloat = 15

    @property
    def database(self) -> DatabaseSettings:
        """How to reach the database."""
        return DatabaseSettings(
            dsn=self.database_url, tls=self.database_tls, pool_max=self.database_pool_max, application_name="migration"
        )
