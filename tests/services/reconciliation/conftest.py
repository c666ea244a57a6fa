"""Both sides in memory, reconciliation's own database for real, a clock that tests move."""

from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from pydantic import SecretStr

from libs.db.pool import Database, DatabaseSettings, connect
from libs.domain.identity import dps_id_for
from libs.domain.mapping import LocationMapping, MappingType
from libs.domain.nomis import NomisLocationId
from services.reconciliation.reconcile.full_run import FullRuns
from services.reconciliation.records import Mismatch, Run
from services.reconciliation.settings import RunLimits
from services.reconciliation.store.runs import RunStore
from tests.auditing import AUDITOR
from tests.conftest import Databases
from tests.contracts.locations import migrated
from tests.fakes.fake_bulk import BulkLocations, BulkMappings, BulkNomis
from tests.fakes.fake_locations import FakeLocations
from tests.fakes.fake_mappings import FakeMappings
from tests.fakes.fake_nomis import FakeNomis
from tests.libs.domain.rows import nomis_cell

TABLES = "run, suspect, mismatch, due"
SMALL = RunLimits(ids_page=5, block=3, parents_kept_max=2)


class Bench:
    """Both sides, and what reconciles them."""

    def __init__(self, database: Database) -> None:
        self.nomis, self.mappings, self.locations = FakeNomis(), FakeMappings(), FakeLocations()
        self.time = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
        self.database = database
        self.store = RunStore(database, AUDITOR)
        self.meanwhile: list[Callable[[], None]] = []
        self.settled: list[Run] = []
        self.runs = self.runs_with(SMALL)

    def runs_with(self, limits: RunLimits, **others: Any) -> FullRuns:
        ports: dict[str, Any] = {
            "nomis": BulkNomis(self.nomis),
            "mappings": BulkMappings(self.mappings),
            "locations": BulkLocations(self.locations),
        }
        return FullRuns(
            self.store,
            **(ports | others),
            settle=self._settle,
            wake=lambda: None,
            now=lambda: self.time,
            pause=self._pause,
            limits=limits,
        )

    async def add(
        self, code: str, parent: int | None = None, *, linked: bool = True, **changed: Any
    ) -> NomisLocationId:
        """Make a row, and unless it is to stay alone its migrated half and the link."""
        above = self.nomis.rows[NomisLocationId(parent)] if parent is not None else None
        prison = changed.get("prison_id", above.prison_id if above else "NWI")
        key = f"{above.description if above else prison}-{code}"
        plain = {"location_code": code, "description": key, "parent_location_id": parent, "prison_id": prison}
        row = self.nomis.screen_insert(nomis_cell(**plain | changed))
        if linked:
            await self.locations.migrate([migrated(row, dps_id_for(NomisLocationId(parent)) if parent else None)])
            await self.link(dps_id_for(row.location_id), row.location_id)
        return row.location_id

    async def link(self, dps_id: UUID, nomis_id: int) -> None:
        await self.mappings.save(
            LocationMapping(
                dps_location_id=dps_id, nomis_location_id=NomisLocationId(nomis_id), mapping_type=MappingType.MIGRATED
            )
        )

    async def wing(self, code: str = "A", cells: int = 4, **changed: Any) -> list[NomisLocationId]:
        """Make a wing of one landing; return wing, landing and cells."""
        top = await self.add(code, location_type="WING", **changed)
        landing = await self.add("1", top, location_type="LAND")
        return [top, landing, *[await self.add(f"{n:03}", landing) for n in range(1, cells + 1)]]

    async def report(self, prison_id: str | None = None, runs: FullRuns | None = None) -> tuple[Run, list[Mismatch]]:
        """Run once and return what was found."""
        runs = runs or self.runs
        run_id = await runs.request(prison_id, "OPERATOR", settles=False)
        assert await runs.work()
        return await self.store.run(run_id), await self.store.mismatches(run_id, 0, 1000)

    async def _pause(self, seconds: float) -> None:
        self.time += timedelta(seconds=seconds)
        for act in self.meanwhile:
            act()

    async def _settle(self, run: Run) -> None:
        self.settled.append(run)


@pytest.fixture(scope="session")
async def reconciliation_dsn(databases: Databases) -> str:
    return await databases.create("libs/messaging/schema", "services/reconciliation/schema")


@pytest.fixture(scope="session")
async def reconciliation_database(reconciliation_dsn: str) -> AsyncIterator[Database]:
    async with connect(DatabaseSettings(dsn=SecretStr(reconciliation_dsn))) as pool:
        yield pool


@pytest.fixture
async def bench(reconciliation_database: Database) -> Bench:
    await reconciliation_database.execute(f"TRUNCATE {TABLES} RESTART IDENTITY")
    return Bench(reconciliation_database)
