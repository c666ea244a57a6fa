"""What the bulk reads of NOMIS and of the mapping service do, be it the clients over the real ones or the fakes."""

from typing import Protocol
from uuid import UUID

from libs.domain.nomis import NomisLocationId
from libs.settling.ports import Mappings as SavesMappings
from libs.settling.ports import Nomis
from services.migration.ports import NomisEstate as MigrationsNomis
from services.reconciliation.ports import Mappings, NomisEstate
from tests.contracts.mappings import link, many
from tests.contracts.nomis import UNKNOWN, cell, wing
from tests.fakes.fake_bulk import detail_of, row_of

LEI = {"prison_id": "LEI", "description": "LEI-D"}


class Both(Nomis, MigrationsNomis, Protocol):
    """The single doors and what a migration reads."""


class NomisEstateContract:
    """A subclass gives `nomis`, empty as in `NomisContract`, and `estate` over the same rows; `bulk`: extra doors."""

    bulk: bool

    async def test_the_list_has_every_id_once_in_order_and_an_empty_page_at_its_end(self, nomis: Both) -> None:
        top = await nomis.create(wing())
        cells = [await nomis.create(cell(top, location_code=n, description=f"KMI-D-{n}")) for n in ("1", "2", "3")]
        for size in (1, 3, 4, 100):
            listed: list[NomisLocationId] = []
            pages = 0
            while (found := await nomis.next_page(pages, listed[-1] if listed else None, size)).rows:
                listed += [row.id for row in found.rows]
                pages += 1
            assert listed == [top, *cells]
            assert found.by_key == self.bulk

    async def test_details_are_what_the_single_read_shows_in_whatever_number(self, nomis: Both) -> None:
        top = await nomis.create(wing())
        below = [await nomis.create(cell(top, location_code=n, description=f"KMI-D-{n}")) for n in "123456789"]
        details = {row.location_id: row for row in await nomis.details([below[0], UNKNOWN, top, *below[1:]])}
        assert set(details) == {top, *below}
        for location_id, row in details.items():
            read = await nomis.read(location_id)
            assert read is not None
            assert row == detail_of(read.location)
        assert await nomis.details([]) == []

    async def test_pages_have_every_id_once_in_order(self, nomis: Nomis, estate: NomisEstate) -> None:
        top = await nomis.create(wing())
        cells = [await nomis.create(cell(top, location_code=n, description=f"KMI-D-{n}")) for n in ("1", "2", "3")]
        for size in (1, 2, 4, 100):
            found = [each async for page in estate.ids(size) for each in page]
            assert found == [top, *cells]
        assert await estate.total() == 4

    async def test_one_prison_is_among_what_is_given_for_it(self, nomis: Nomis, estate: NomisEstate) -> None:
        ours, _ = await nomis.create(wing()), await nomis.create(wing(**LEI))
        assert ours in [each async for page in estate.ids(100, "KMI") for each in page]

    async def test_rows_are_what_the_single_read_shows(self, nomis: Nomis, estate: NomisEstate) -> None:
        top = await nomis.create(wing())
        below = await nomis.create(cell(top))
        rows = {row.location_id: row for row in await estate.rows([below, UNKNOWN, top])}
        assert set(rows) == {top, below}
        for location_id in (top, below):
            read = await nomis.read(location_id)
            assert read is not None
            assert rows[location_id] == row_of(read.location)
        assert await estate.rows([]) == []


class PairsContract:
    """A subclass gives `mappings`, empty, and `pairs` over the same links."""

    async def test_a_range_is_open_below_and_closed_above(self, mappings: SavesMappings, pairs: Mappings) -> None:
        for dps_id, nomis_id in many(5).items():
            await mappings.save(link(dps_id, nomis_id))
        assert [each.nomis_location_id for each in await pairs.pairs(1, 4, 100)] == [2, 3, 4]
        assert [each.nomis_location_id for each in await pairs.pairs(-(2**63), 2**63 - 1, 2)] == [1, 2]
        assert await pairs.pairs(5, 9, 100) == []

    async def test_pairs_are_found_by_either_side(self, mappings: SavesMappings, pairs: Mappings) -> None:
        for dps_id, nomis_id in many(3).items():
            await mappings.save(link(dps_id, nomis_id))
        [found] = await pairs.pairs_of_nomis([2, 99])
        assert (found.dps_location_id, found.nomis_location_id) == (str(UUID(int=2)), 2)
        assert await pairs.pairs_of_dps([str(UUID(int=2))]) == [found]
        assert await pairs.pairs_of_dps([]) == []
