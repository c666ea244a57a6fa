"""The clients of the walk, with what walks ask for at the same time asked for together.

Each walk sees what it would see alone: an answer of its own, read after it asked.
"""

from collections.abc import Collection, Mapping, Sequence
from uuid import UUID

from libs.clients.locations import LocationsClient
from libs.clients.mapping import MappingClient
from libs.clients.nomis import NomisClient
from libs.domain.mapping import LocationMapping
from libs.domain.nomis import NomisLocationId
from libs.domain.sync import LocationMirror, SyncWrite
from libs.settling.ports import NomisRow
from libs.web.gathering import Gatherer, GatherLimits
from libs.web.outgoing import ApiSession

Links = Mapping[UUID, LocationMapping]
RowLinks = Mapping[NomisLocationId, LocationMapping]


class GatheredLocations(LocationsClient):
    """`libs.settling.ports.Locations`."""

    def __init__(self, api: ApiSession, limits: GatherLimits) -> None:
        super().__init__(api)
        self._mirrors = Gatherer(self.whole_mirrors, super().mirror, limits)
        self._writes = Gatherer(self.write_each, self._write_one, limits)

    async def mirror(self, location_id: UUID) -> LocationMirror | None:
        """Return own state and sync state; None when never seen. Raises Tombstoned."""
        return await self._mirrors.ask(location_id)

    async def write(self, location_id: UUID, write: SyncWrite, etag: str) -> LocationMirror:
        """Write only if it still has that etag, else Stale."""
        return await self._writes.ask((location_id, write, etag))

    async def _write_one(self, wanted: tuple[UUID, SyncWrite, str]) -> LocationMirror:
        return await super().write(*wanted)


class GatheredNomis(NomisClient):
    """`libs.settling.ports.Nomis`, over a NOMIS that has the door for many rows."""

    def __init__(self, api: ApiSession, limits: GatherLimits, *, conditional_writes: bool) -> None:
        super().__init__(api, conditional_writes=conditional_writes, bulk_reads=True)
        self._rows = Gatherer(self.read_many, super().read, limits)

    async def read(self, location_id: NomisLocationId) -> NomisRow | None:
        """Return the row; None when there is none."""
        return await self._rows.ask(location_id)


class GatheredMappings(MappingClient):
    """`libs.settling.ports.Mappings`."""

    def __init__(self, api: ApiSession, limits: GatherLimits) -> None:
        super().__init__(api)
        self._dps = Gatherer(self._each_for_dps, super().for_dps, limits)
        self._nomis = Gatherer(self._each_for_nomis, super().for_nomis, limits)

    async def for_dps(self, ids: Collection[UUID]) -> Links:
        """Return the links of these DPS ids; the unlinked are absent."""
        return await self._dps.ask(ids)

    async def for_nomis(self, ids: Collection[NomisLocationId]) -> RowLinks:
        """Return the links of these NOMIS ids; the unlinked are absent."""
        return await self._nomis.ask(ids)

    async def _each_for_dps(self, asked: Sequence[Collection[UUID]]) -> list[Links]:
        found = await super().for_dps({each for ids in asked for each in ids})
        return [{each: found[each] for each in ids if each in found} for ids in asked]

    async def _each_for_nomis(self, asked: Sequence[Collection[NomisLocationId]]) -> list[RowLinks]:
        found = await super().for_nomis({each for ids in asked for each in ids})
        return [{each: found[each] for each in ids if each in found} for ids in asked]
