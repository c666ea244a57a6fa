"""A migration over fakes with a real store: a queue that a test empties, a clock it moves, a death it orders."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from libs.db.pool import Database
from libs.domain.identity import dps_id_for
from libs.domain.nomis import NomisLocationId
from libs.domain.sync import MigrateOutcome
from libs.messaging.message import Message
from libs.messaging.outcome import Outcome
from libs.web.outgoing import RemoteFailure
from services.migration.records import Kind, RetryWish
from services.migration.settings import StageLimits
from services.migration.stages.control import Control
from services.migration.stages.rehearsal import Rehearsal
from services.migration.stages.verification import Verification
from services.migration.stages.work import LIST, PAGE, Call, Stages
from services.migration.store.failures import FailureStore
from services.migration.store.pages import PageStore
from services.migration.store.rehearsals import RehearsalStore
from services.migration.store.runs import RunStore
from tests.auditing import AUDITOR
from tests.fakes.fake_bulk import BulkLocations
from tests.fakes.fake_locations import FakeLocations
from tests.fakes.fake_mappings import FakeMappings
from tests.fakes.fake_nomis import FakeNomis
from tests.libs.domain.rows import nomis_cell

SMALL = StageLimits(ids_page=7, page=4, lease_seconds=60)


Wrap = Callable[[Any], Any]


class Died(BaseException):
    """The process went away."""


class Mortal:
    """A port that dies at one chosen call, before or after the call took effect."""

    def __init__(self, port: Any, count: list[int]) -> None:
        self._port = port
        self._count = count

    def __getattr__(self, name: str) -> Any:
        async def call(*given: Any) -> Any:
            self._count[0] -= 1
            if self._count[0] == 0:
                raise Died
            answer = await getattr(self._port, name)(*given)
            self._count[0] -= 1
            if self._count[0] == 0:
                raise Died
            return answer

        return call


class Office:
    """Fakes, a store, a queue that a test empties, and a clock it moves."""

    def __init__(self, database: Database) -> None:
        self.nomis, self.mappings, self.locations = FakeNomis(), FakeMappings(), FakeLocations()
        self.runs, self.pages = RunStore(database, AUDITOR), PageStore(database)
        self.time = datetime(2026, 7, 1, 8, 5, 30, tzinfo=UTC)
        self.queue: list[Call] = []
        self.database = database
        self.retry_all = RetryWish(all=True)
        self.dies_in = [0]
        self.newest_first = True
        self.patience = timedelta(seconds=SMALL.lease_seconds)
        self.stages = self.wired(lambda port: Mortal(port, self.dies_in), lambda store: store)
        self.failures = FailureStore(database, AUDITOR)
        self.control = Control(self.runs, self.failures, self.stages, self.nomis, wake=self.wake, now=lambda: self.time)

    def wired(self, port: Wrap, store: Wrap) -> Stages:
        """Wire the stages as a process does at its start, each port and store in a wrapping of the test."""
        nomis, mappings, locations = port(self.nomis), port(self.mappings), port(self.locations)
        rehearsal = Rehearsal(store(RehearsalStore(self.database)), nomis, mappings, locations)
        verification = Verification(nomis, mappings, port(BulkLocations(self.locations)))
        return Stages(
            store(self.runs),
            store(self.pages),
            nomis,
            mappings,
            locations,
            wake=self.wake,
            now=lambda: self.time,
            limits=SMALL,
            works={Kind.REHEARSAL: rehearsal.page, Kind.VERIFICATION: verification.page},
        )

    async def wake(self, calls: Sequence[Call]) -> None:
        self.queue += calls

    @staticmethod
    def derived(nomis_id: NomisLocationId) -> UUID:
        """Return the DPS id that this row gets."""
        return dps_id_for(nomis_id)

    def add(self, code: str, parent: int | None = None, **changed: Any) -> NomisLocationId:
        """Insert a row below `parent`; its description follows from both."""
        above = self.nomis.rows[NomisLocationId(parent)] if parent is not None else None
        prison = changed.get("prison_id", above.prison_id if above else "NWI")
        key = f"{above.description if above else prison}-{code}"
        row = nomis_cell(
            **{"location_code": code, "description": key, "parent_location_id": parent, "prison_id": prison, **changed}
        )
        return self.nomis.screen_insert(row).location_id

    async def deliver(self, call: Call) -> Outcome:
        """Hand one message to its handler."""
        message = Message(
            id="m",
            type=call.type,
            body=call.model_dump_json(by_alias=True),
            attributes={},
            attempt=1,
            sent_at=self.time,
            queue="migration-locations",
        )
        return await {LIST: self.stages.list_ids, PAGE: self.stages.migrate_page}[call.type](message)

    async def work(self) -> None:
        """Handle messages until none is left."""
        while self.queue:
            await self.work_once()

    async def notes(self, migration_id: str) -> list[tuple[str, str]]:
        """Return what was noted of the locations of a run."""
        rows = await self.database.fetch(
            "SELECT subject, what FROM migration_note WHERE migration_id = $1 ORDER BY nomis_id, subject, what",
            migration_id,
        )
        return [(row["subject"], row["what"]) for row in rows]

    def watched(self, sent: list[dict[str, Any]]) -> None:
        """Keep what is sent to the migrate door."""
        fake = self.locations

        class Watched:
            async def migrate(self, locations: Sequence[Mapping[str, Any]]) -> list[MigrateOutcome]:
                sent.extend(dict(location) for location in locations)
                return await fake.migrate(locations)

            async def validate(self, locations: Sequence[Mapping[str, Any]]) -> list[MigrateOutcome]:
                return await fake.validate(locations)

        self.stages._locations = Watched()

    async def work_once(self) -> None:
        """Handle one message, the newest unless told otherwise: order is not promised."""
        await self.deliver(self.queue.pop(-1 if self.newest_first else 0))

    async def round(self) -> None:
        """Let time pass, sweep, and handle what there is; what fails comes again with the next sweep."""
        self.time += timedelta(minutes=5)
        await self.stages.sweep()
        while self.queue:
            with suppress(RemoteFailure):
                await self.work_once()

    async def finish(self, migration_id: str) -> None:
        """Sweep and work until the run is over."""
        for _ in range(50):
            await self.round()
            if await self.runs.active_id() is None:
                return
        raise AssertionError(f"{migration_id} never ends")


def two_wings(office: Office) -> None:
    for wing in ("A", "B"):
        top = office.add(wing, location_type="WING")
        for landing in ("1", "2"):
            middle = office.add(landing, top, location_type="LAND")
            for cell in ("001", "002"):
                office.add(cell, middle)
