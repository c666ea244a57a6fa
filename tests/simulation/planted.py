"""Faults of design, planted one by one through the seams: each must be found by some seed.

Each is what a hurried engineer might have built. A walk's ports are wrapped, a side is subclassed, a worker is told to
do things in another order; nothing is patched.
"""

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any
from uuid import UUID

from pydantic import JsonValue

from libs.domain.events import LocationEventType, Source
from libs.domain.mapping import LocationMapping, MappingType
from libs.domain.nomis import NomisLocationId
from libs.domain.shared import SYNCED, Field, kind_in_dps, project_dps, project_nomis
from libs.domain.sync import LocationMirror, Side, SyncWrite
from libs.domain.writing import dps_fields, nomis_writes
from libs.messaging.outcome import RetryLater
from libs.settling.outcome import Act, Settled, Way
from libs.settling.pair import Known, Look, Memory, PairWalk
from libs.settling.ports import KeyTaken, NomisKeyTaken, ParentRefused, RefusedByDps, Stale
from libs.settling.settler import Settler
from services.locations.records import LocationRow
from tests.simulation.seams import SOUND, Seams
from tests.simulation.sides import SimLocations, SimNomis


class Over:
    """A port of which some calls are done differently."""

    def __init__(self, port: Any) -> None:
        self._port = port

    def __getattr__(self, name: str) -> Any:
        return getattr(self._port, name)


class Snapshots(Settler):
    """Writes the whole of one side over the other, as two one-way pipelines do."""

    def __init__(self, locations: Any, nomis: Any, mappings: Any, side: Side) -> None:
        super().__init__(locations, nomis, mappings)
        self._side = side

    async def settle_pair(
        self, dps_id: UUID, nomis_id: NomisLocationId, way: Way, known: Known | None = None
    ) -> Settled:
        mirror, row = await self._locations.mirror(dps_id), await self._nomis.read(nomis_id)
        if mirror is None or row is None:
            return await super().settle_pair(dps_id, nomis_id, way, known)
        above = row.location.parent_location_id
        parent = str(await self.dps_parent(above, way)) if above is not None else None
        own = mirror.location
        mine, theirs = project_dps(own), project_nomis(row.location, parent)
        differing = [f for f in SYNCED[kind_in_dps(own)] if mine[f] != theirs[f] and f is not Field.PARENT]
        try:
            if self._side is Side.DPS:
                wanted: dict[Field, JsonValue] = {f: mine[f] for f in differing}
                writes = nomis_writes(row.location, wanted, parent=above, description=own.key)
                await self._nomis.carry_out(nomis_id, writes, row.etag)
            else:
                fields = dps_fields({f: theirs[f] for f in differing}, own)
                await self._locations.write(dps_id, SyncWrite(last_updated_by="X", fields=fields), mirror.sync.etag)
        except (Stale, RefusedByDps, KeyTaken, NomisKeyTaken, ParentRefused) as later:
            raise RetryLater("moved") from later
        return Settled(Act.AMENDED, dps_id, nomis_id, own.key)


class NoIfMatch(SimLocations):
    """Takes every write, whatever it was based on."""

    async def write(self, location_id: UUID, write: SyncWrite, etag: str) -> LocationMirror:
        if location_id in self.states:
            etag = self.states[location_id].etag
        return await super().write(location_id, write, etag)


class NoPublished(Over):
    """Does not note what is about to go to NOMIS."""

    async def write(self, location_id: UUID, write: SyncWrite, etag: str) -> Any:
        return await self._port.write(location_id, write.model_copy(update={"published": {}}), etag)


class NoTombstones(SimLocations):
    """Forgets what was deleted."""

    def bury(self, location_id: UUID) -> None:
        super().bury(location_id)
        del self.tombstones[location_id]


class Cascades(SimLocations):
    """Closes what is below along with a location that NOMIS closed, as the legacy door did, and tells nobody."""

    async def write(self, location_id: UUID, write: SyncWrite, etag: str) -> LocationMirror:
        answer = await super().write(location_id, write, etag)
        if write.fields.get(Field.ACTIVE.value) is False:
            for row in self.all_below(location_id):
                if row.active and not row.archived:
                    self.by_sql(row.id, active=False, deactivated_reason=answer.location.deactivated_reason)
        return answer


class AdoptsNothing(Over):
    """Never looks whether the row is there already."""

    async def read_by_key(self, key: str) -> None:
        del key


class NamesNoHolder(Over):
    """Does not say who has a path, so that nobody can be adopted."""

    async def create(self, location_id: UUID, write: SyncWrite) -> Any:
        try:
            return await self._port.create(location_id, write)
        except KeyTaken as taken:
            raise KeyTaken(str(taken), None) from taken


class EchoesFromDps(SimLocations):
    """Says of every change that DPS made it, so that no filter holds."""

    def post(self, kind: LocationEventType, row: LocationRow, made_by: Source, told: Source) -> None:
        super().post(kind, row, made_by, Source.DPS if told is Source.NOMIS else told)


class EchoesFromNomis(SimNomis):
    """Says of no change which module made it."""

    def post(
        self, kind: str, location_id: NomisLocationId, entries: dict[str, str], module: str, *, ours: bool
    ) -> None:
        super().post(kind, location_id, entries, "" if module else module, ours=ours)


class LinksFirst(Over):
    """Saves the link before the location that it leads to."""

    def __init__(self, port: Any, mappings: Any = None) -> None:
        super().__init__(port)
        self._mappings = mappings

    async def create(self, location_id: UUID, write: SyncWrite) -> Any:
        assert write.nomis_location_id is not None
        link = LocationMapping(
            dps_location_id=location_id,
            nomis_location_id=write.nomis_location_id,
            mapping_type=MappingType.NOMIS_CREATED,
        )
        await self._mappings.save(link)
        return await self._port.create(location_id, write)


def linking_first(locations: Any, nomis: Any, mappings: Any, side: Side) -> Any:  # noqa: ARG001 - the seam's shape
    return Settler(LinksFirst(locations, mappings), nomis, mappings)


class Remembers(Over):
    """Reads each NOMIS row once and trusts that for the rest of the message."""

    def __init__(self, port: Any) -> None:
        super().__init__(port)
        self._read: dict[NomisLocationId, Any] = {}

    async def read(self, location_id: NomisLocationId) -> Any:
        if location_id not in self._read:
            self._read[location_id] = await self._port.read(location_id)
        return self._read[location_id]


class ForgetsStages(SimLocations):
    """Takes from NOMIS what it is told, whatever stage the prison is at."""

    def switch_over(self, prison_id: str, *, one_way: bool) -> None:
        """Do nothing."""


class Given(Over):
    """NOMIS, of which one row was read already."""

    def __init__(self, port: Any, row: Any) -> None:
        super().__init__(port)
        self.row = row

    async def read(self, location_id: NomisLocationId) -> Any:  # noqa: ARG002 - it is the row asked for
        return self.row


class NomisFirst(PairWalk):
    """Reads NOMIS first and DPS second, each time it looks (ADR 0007)."""

    async def _look(self, mirror: LocationMirror, nomis_id: NomisLocationId, memory: Memory, way: Way) -> Look:
        row = await self.nomis.read(nomis_id)
        again = await self.locations.mirror(mirror.location.id) or mirror
        given = PairWalk(self.locations, Given(self.nomis, row), self.relatives, self.room, self.limits, self.us)
        return await given._look(again, nomis_id, memory, way)


def nomis_first(locations: Any, nomis: Any, mappings: Any, side: Side) -> Any:  # noqa: ARG001 - the seam's shape
    settler = Settler(locations, nomis, mappings)
    walk = settler._pair
    settler._pair = NomisFirst(walk.locations, walk.nomis, walk.relatives, walk.room, walk.limits, walk.us)
    return settler


PLANTED: Mapping[str, Seams] = MappingProxyType(
    {
        "snapshot write instead of merge": replace(SOUND, walk=Snapshots),
        "no If-Match": replace(SOUND, locations=NoIfMatch),
        "no published set": replace(SOUND, over_locations=NoPublished),
        "no tombstone": replace(SOUND, locations=NoTombstones),
        "cascade in sync": replace(SOUND, locations=Cascades),
        "no adoption on create": replace(SOUND, over_nomis=AdoptsNothing, over_locations=NamesNoHolder),
        "echo filter removed towards NOMIS": replace(SOUND, locations=EchoesFromDps),
        "echo filter removed towards DPS": replace(SOUND, nomis=EchoesFromNomis),
        "outbox replaced by publish-after-commit": replace(SOUND, outbox=False),
        "settle check off": replace(SOUND, settle_check=False),
        "ack before the effect": replace(SOUND, ack_first=True),
        "mapping saved before the create": replace(SOUND, walk=linking_first),
        "stale read kept across an await": replace(SOUND, over_nomis=Remembers),
        "NOMIS read before DPS": replace(SOUND, walk=nomis_first),
        "stages of the switch-over not enforced": replace(SOUND, locations=ForgetsStages),
    }
)
