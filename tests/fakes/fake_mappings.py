"""The mapping service in memory: strictly one to one."""

from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from uuid import UUID

from libs.domain.mapping import LocationMapping
from libs.domain.nomis import NomisLocationId
from libs.settling.ports import MappingTaken

NOW = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)


class FakeMappings:
    """Passes `tests.contracts.mappings`."""

    def __init__(self) -> None:
        self.by_dps: dict[UUID, LocationMapping] = {}
        self.by_nomis: dict[NomisLocationId, LocationMapping] = {}

    async def for_dps(self, ids: Collection[UUID]) -> Mapping[UUID, LocationMapping]:
        return {i: self.by_dps[i] for i in ids if i in self.by_dps}

    async def for_nomis(self, ids: Collection[NomisLocationId]) -> Mapping[NomisLocationId, LocationMapping]:
        return {i: self.by_nomis[i] for i in ids if i in self.by_nomis}

    async def save(self, mapping: LocationMapping) -> None:
        mine, theirs = self.by_dps.get(mapping.dps_location_id), self.by_nomis.get(mapping.nomis_location_id)
        if mine is None and theirs is None:
            self._put(mapping)
        elif mine is None or mine.nomis_location_id != mapping.nomis_location_id:
            raise MappingTaken(mine, theirs)

    async def save_many(self, mappings: Sequence[LocationMapping]) -> list[MappingTaken | None]:
        outcomes: list[MappingTaken | None] = []
        for mapping in mappings:
            try:
                await self.save(mapping)
                outcomes.append(None)
            except MappingTaken as taken:
                outcomes.append(taken)
        return outcomes

    async def replace(self, mapping: LocationMapping, previous: NomisLocationId) -> None:
        mine, theirs = self.by_dps.get(mapping.dps_location_id), self.by_nomis.get(mapping.nomis_location_id)
        if mine is not None and mine.nomis_location_id == mapping.nomis_location_id:
            return
        if mine is None or mine.nomis_location_id != previous or theirs is not None:
            raise MappingTaken(mine, theirs)
        await self.remove(mapping.dps_location_id)
        self._put(mapping)

    async def remove_row(self, nomis_location_id: NomisLocationId) -> None:
        if gone := self.by_nomis.get(nomis_location_id):
            await self.remove(gone.dps_location_id)

    async def remove(self, dps_location_id: UUID) -> None:
        """Lose the link of a location, as an accident would."""
        if gone := self.by_dps.pop(dps_location_id, None):
            del self.by_nomis[gone.nomis_location_id]

    def _put(self, mapping: LocationMapping) -> None:
        kept = mapping.model_copy(update={"when_created": NOW.replace(tzinfo=None)})
        self.by_dps[mapping.dps_location_id] = self.by_nomis[mapping.nomis_location_id] = kept
