"""The bulk reads of the three services in memory, over the same state as the fakes that a walk meets."""

from collections.abc import AsyncIterator, Sequence
from uuid import UUID

import msgspec

from libs.domain.bulk import BuriedRow, Ids, MirrorRow, Mirrors, NomisDetail, NomisRow, OwnRow, PairRow, SyncRow
from libs.domain.nomis import NomisLocation, NomisLocationId
from libs.domain.switch_over import PrisonStage, Stage
from libs.settling.keys import KEY
from tests.fakes.fake_locations import FakeLocations
from tests.fakes.fake_mappings import FakeMappings
from tests.fakes.fake_nomis import FakeNomis

BEFORE_ALL = UUID(int=0)


def row_of(location: NomisLocation) -> NomisRow:
    """A row as a bulk read carries it."""
    return msgspec.json.decode(location.model_dump_json(by_alias=True), type=NomisRow)


def detail_of(location: NomisLocation) -> NomisDetail:
    """A row with how it came about, as a bulk read carries it."""
    return msgspec.json.decode(location.model_dump_json(by_alias=True), type=NomisDetail)


class BulkNomis:
    """Passes `tests.contracts.bulk`."""

    def __init__(self, nomis: FakeNomis) -> None:
        self._nomis = nomis

    async def total(self) -> int:
        return len(self._nomis.rows)

    async def ids(self, size: int, prison_id: str | None = None) -> AsyncIterator[list[int]]:
        ids = sorted(i for i, row in self._nomis.rows.items() if prison_id in {None, row.prison_id})
        for start in range(0, len(ids), size):
            yield [*ids[start : start + size]]

    async def rows(self, ids: Sequence[int]) -> list[NomisRow]:
        found = (self._nomis.rows.get(NomisLocationId(i)) for i in sorted(set(ids)))
        return [row_of(row) for row in found if row is not None]


class BulkMappings:
    """Passes `tests.contracts.bulk`."""

    def __init__(self, mappings: FakeMappings) -> None:
        self._mappings = mappings

    async def pairs(self, after: int, up_to: int, size: int) -> list[PairRow]:
        ids = sorted(i for i in self._mappings.by_nomis if after < i <= up_to)[:size]
        return await self.pairs_of_nomis(ids)

    async def pairs_of_nomis(self, ids: Sequence[int]) -> list[PairRow]:
        found = (self._mappings.by_nomis.get(NomisLocationId(i)) for i in ids)
        return [PairRow(str(each.dps_location_id), each.nomis_location_id) for each in found if each]

    async def pairs_of_dps(self, ids: Sequence[str]) -> list[PairRow]:
        found = (self._mappings.by_dps.get(UUID(i)) for i in ids)
        return [PairRow(str(each.dps_location_id), each.nomis_location_id) for each in found if each]


class BulkLocations:
    """Passes `tests.contracts.bulk`."""

    def __init__(self, locations: FakeLocations) -> None:
        self._locations = locations

    async def ids(self, after: str | None, size: int, prison_id: str | None = None) -> Ids:
        start = UUID(after) if after else BEFORE_ALL
        known = self._locations.rows.values()
        ids = sorted(own.id for own in known if own.id > start and prison_id in {None, own.prison_id})[:size]
        return Ids([str(i) for i in ids], len(ids) < size)

    async def mirrors(self, ids: Sequence[str]) -> Mirrors:
        wanted = [UUID(i) for i in ids]
        tombs = self._locations.tombstones
        return Mirrors(
            content=[self._mirror(i) for i in wanted if i in self._locations.rows],
            buried=[BuriedRow(str(i), "", tombs[i]) for i in wanted if i in tombs],
        )

    async def stages(self) -> list[PrisonStage]:
        prisons = sorted(self._locations.one_way_prisons)
        return [PrisonStage(prison_id=each, stage=Stage.ONE_WAY, one_way=True) for each in prisons]

    def _mirror(self, location_id: UUID) -> MirrorRow:
        own, state = self._locations.rows[location_id].own(), self._locations.states[location_id]
        agreed = str(state.base[KEY]) if state.base and KEY in state.base else None
        return MirrorRow(
            msgspec.json.decode(own.model_dump_json(by_alias=True), type=OwnRow),
            SyncRow(
                state.version,
                state.state_version,
                state.nomis_location_id,
                state.nomis_description,
                agreed,
                published=state.published or None,
                authority=state.authority,
                one_way=state.one_way,
            ),
        )
