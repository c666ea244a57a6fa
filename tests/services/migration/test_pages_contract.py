"""The pages of a migration and what stands for them in the simulation keep one contract."""

from typing import Any

import pytest

from libs.db.pool import Database
from services.migration.records import Kind, RunWish
from services.migration.store.pages import PageStore
from services.migration.store.runs import RunStore
from tests.auditing import AUDITOR
from tests.contracts.migration_pages import NOW, RUN, MigrationPagesContract
from tests.simulation.tables import MigrationTables


class _Tables:
    """Pages and the run's state, which the services keep in two stores."""

    def __init__(self, database: Database) -> None:
        self._pages, self._runs = PageStore(database), RunStore(database, AUDITOR)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._pages, name, None) or getattr(self._runs, name)


class TestTheTables(MigrationPagesContract):
    @pytest.fixture
    async def pages(self, history: Database) -> _Tables:
        await history.execute("DELETE FROM migration_history")
        await RunStore(history, AUDITOR).start(NOW, RUN, "BOSS", RunWish(Kind.MIGRATION, "{}", (), 3))
        return _Tables(history)


class TestWhatStandsForThem(MigrationPagesContract):
    @pytest.fixture
    def pages(self) -> MigrationTables:
        return MigrationTables(RUN)
