"""The walk over a pair of which one half was deleted (`design.md` §5, Deletion).

NOMIS's API has no DELETE and staff do not delete in DPS. A row deleted in NOMIS goes from DPS if nothing there changed
since the two agreed; else the authority decides, recorded. A location deleted in DPS is soft-deleted in NOMIS.
"""

from dataclasses import dataclass
from uuid import UUID

from libs.domain.mapping import LocationMapping, MappingType
from libs.domain.merge import with_published
from libs.domain.nomis import NomisLocationId
from libs.domain.shared import SYNCED, kind_in_dps, project_dps
from libs.domain.sync import Conflict, LocationMirror, Side, SyncWrite
from libs.domain.writing import is_soft_deleted, nomis_create, nomis_soft_delete
from libs.messaging.outcome import RetryLater
from libs.settling.outcome import Act, Settled, Us
from libs.settling.pair import Relatives, SettlesPair
from libs.settling.ports import HasChildren, Locations, Mappings, Nomis, NomisKeyTaken


@dataclass(frozen=True, slots=True)
class Deletion:
    """Carries a deletion over, or undoes it where the other side's edit wins."""

    locations: Locations
    nomis: Nomis
    mappings: Mappings
    relatives: Relatives
    pairs: SettlesPair
    us: Us

    async def gone_from_nomis(self, dps_id: UUID, nomis_id: NomisLocationId, depth: int) -> Settled:
        """Carry over that the row is not in NOMIS any more. Raises Tombstoned, Stale."""
        mirror = await self.locations.mirror(dps_id)
        if mirror is None:
            await self.mappings.remove(dps_id)
            return Settled(Act.DELETED, dps_id, nomis_id)
        if mirror.sync.nomis_location_id not in (None, nomis_id):
            raise RetryLater(f"{dps_id} is on its way to another NOMIS row")
        if _untouched(mirror):
            return await self._delete(mirror, nomis_id, ())
        conflict = Conflict(
            field="deleted",
            dps=False,
            nomis=True,
            won=mirror.sync.authority,
            reason="deleted in NOMIS, changed in DPS",
        )
        if mirror.sync.authority is Side.NOMIS:
            return await self._delete(mirror, nomis_id, (conflict,))
        return await self._create_again(mirror, nomis_id, conflict, depth)

    async def gone_from_dps(self, dps_id: UUID, nomis_id: NomisLocationId) -> Settled:
        """Take the row of a tombstone out of use in NOMIS; the mapping is kept."""
        row = await self.nomis.read(nomis_id)
        if row is None:
            await self.mappings.remove(dps_id)
            return Settled(Act.DELETED, dps_id, nomis_id)
        if is_soft_deleted(row.location):
            return Settled(Act.NOTHING, dps_id, nomis_id, row.location.description)
        await self.nomis.carry_out(nomis_id, nomis_soft_delete(), row.etag)
        return Settled(Act.DELETED, dps_id, nomis_id, row.location.description)

    async def _delete(
        self,
        mirror: LocationMirror,
        nomis_id: NomisLocationId,
        conflicts: tuple[Conflict, ...],
    ) -> Settled:
        own = mirror.location
        if conflicts:
            noted = SyncWrite(last_updated_by=self.us.sync_user, conflicts=conflicts)
            mirror = await self.locations.write(own.id, noted, mirror.sync.etag)
        try:
            await self.locations.delete(own.id, mirror.sync.etag)
        except HasChildren as children:
            raise RetryLater(f"{own.id} is gone from NOMIS but has children in DPS") from children
        await self.mappings.remove(own.id)
        return Settled(Act.DELETED, own.id, nomis_id, own.key)

    async def _create_again(
        self,
        mirror: LocationMirror,
        nomis_id: NomisLocationId,
        conflict: Conflict,
        depth: int,
    ) -> Settled:
        own = mirror.location
        kind = kind_in_dps(own)
        parent = await self.relatives.nomis_parent(own.parent_id, depth) if own.parent_id else None
        wanted = nomis_create(own, kind, parent=parent, description=own.key)
        sent = {f: v for f, v in project_dps(own).items() if f in SYNCED[kind]}
        noted = SyncWrite(
            last_updated_by=self.us.sync_user,
            published=with_published(mirror.sync.published, sent),
            conflicts=(conflict,),
        )
        await self.locations.write(own.id, noted, mirror.sync.etag)
        try:
            new_id = await self.nomis.create(wanted)
        except NomisKeyTaken as taken:
            found = await self.nomis.read_by_key(own.key)
            if found is None or await self.mappings.for_nomis([found.location.location_id]):
                raise RetryLater(f"NOMIS has another row with key {own.key}") from taken
            new_id = found.location.location_id
        replacement = LocationMapping(
            dps_location_id=own.id,
            nomis_location_id=new_id,
            mapping_type=MappingType.LOCATION_CREATED,
        )
        await self.mappings.replace(replacement, nomis_id)
        return await self.pairs.settle_pair(own.id, new_id, depth)


def _untouched(mirror: LocationMirror) -> bool:
    """Whether DPS holds just what both sides last agreed on."""
    base = mirror.sync.base
    if base is None:
        return False
    kind = kind_in_dps(mirror.location)
    return all(
        base.get(field.value) == value for field, value in project_dps(mirror.location).items() if field in SYNCED[kind]
    )
