"""The pages of a migration and what stands for them in the simulation keep one contract."""

from typing import Any

import pytest

from libs.db.pool import Database
from libs.domain.nomis import ListedLocation
from services.migration.records import ItemState, Kind, RunWish, Verdict
from services.migration.store.pages import PageStore
from services.migration.store.runs import RunStore
from tests.auditing import AUDITOR
from tests.contracts.migration_pages import LEASE, N1, N2, N3, NOW, RUN, MigrationPagesContract
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

    async def test_a_page_of_a_later_wave_is_nobody_s_before_its_wave(self, pages: _Tables) -> None:
        await pages.add_listed(RUN, 0, [ListedLocation(N1, None, "NWI"), ListedLocation(N2, N1, "NWI")])
        await pages.finish_listing(RUN)
        assert (await pages.advance(RUN, 2, NOW, LEASE)).pages == [0]
        assert await pages.lease(RUN, 1, NOW, LEASE) is None
        assert await pages.waiting_pages(RUN, NOW, 10) == [0]
        await pages.lease(RUN, 0, NOW, LEASE)
        await pages.mark(RUN, 0, [Verdict(N1, ItemState.MIGRATED)], NOW)
        assert (await pages.advance(RUN, 2, NOW, LEASE)).pages == [1]
        assert [item.nomis_id for item in (await pages.lease(RUN, 1, NOW, LEASE)).items] == [N2]

    async def test_a_parent_that_is_listed_after_its_child_still_comes_before_it(self, pages: _Tables) -> None:
        await pages.add_listed(RUN, 0, [ListedLocation(N1, N3, "NWI"), ListedLocation(N2, N1, "NWI")])
        await pages.add_listed(RUN, 1, [ListedLocation(N3, None, "NWI")])
        await pages.finish_listing(RUN)
        waves = []
        while opened := (await pages.advance(RUN, 2, NOW, LEASE)).pages:
            [page] = opened
            waves.append([item.nomis_id for item in (await pages.lease(RUN, page, NOW, LEASE)).items])
            await pages.mark(RUN, page, [Verdict(each, ItemState.MIGRATED) for each in waves[-1]], NOW)
        assert waves == [[N3], [N1], [N2]]


class TestWhatStandsForThem(MigrationPagesContract):
    @pytest.fixture
    def pages(self) -> MigrationTables:
        return MigrationTables(RUN)
