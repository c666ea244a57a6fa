"""The walk over a pair of which one half was deleted (`design.md` §5, Deletion).

NOMIS's API has no DELETE and staff do not delete in DPS. A row deleted in NOMIS goes from DPS if nothing there changed
since the two agreed and nothing stands below it that NOMIS lacks; else the authority decides, recorded. A location
deleted in DPS is soft-deleted in NOMIS.
"""

from dataclasses import dataclass
from uuid import UUID

from libs.domain.mapping import LocationMapping, MappingType
from libs.domain.nomis import NomisLocationId
from libs.domain.sync import Conflict, LocationMirror, Side, SyncWrite
from libs.domain.writing import is_soft_deleted, nomis_soft_delete
from libs.messaging.outcome import RetryLater
from libs.settling.aside import leave_place
from libs.settling.creation import Creation, untouched
from libs.settling.outcome import Act, Settled, Us, WalkLimits, Way
from libs.settling.pair import Known, SettlesPair
from libs.settling.ports import HasChildren, Locations, Mappings, MappingTaken, Nomis


@dataclass(frozen=True, slots=True)
class Deletion:
    """Carries a deletion over, or undoes it where the other side's edit wins."""

    locations: Locations
    nomis: Nomis
    mappings: Mappings
    creation: Creation
    pairs: SettlesPair
    limits: WalkLimits
    us: Us

    async def gone_from_nomis(self, dps_id: UUID, nomis_id: NomisLocationId, way: Way) -> Settled:
        """Carry over that the row is not in NOMIS any more. Raises Tombstoned, Stale."""
        for _ in range(self.limits.looks_max):
            mirror = await self.locations.mirror(dps_id)
            if mirror is None:
                await self.mappings.remove_row(nomis_id)
                return Settled(Act.DELETED, dps_id, nomis_id)
            if (elsewhere := await self._other_row(mirror, nomis_id)) is not None:
                link = LocationMapping(
                    dps_location_id=dps_id, nomis_location_id=elsewhere, mapping_type=MappingType.NOMIS_CREATED
                )
                await self.mappings.replace(link, nomis_id)
                return await self.pairs.settle_pair(dps_id, elsewhere, way)
            if mirror.sync.one_way:
                return await self._create_again(mirror, nomis_id, _conflict(Side.DPS, "sync is one way"), way)
            if not untouched(mirror):
                conflict = _conflict(mirror.sync.authority, "changed in DPS")
                if mirror.sync.authority is Side.DPS:
                    return await self._create_again(mirror, nomis_id, conflict, way)
                noted = SyncWrite(last_updated_by=self.us.sync_user, conflicts=(conflict,))
                mirror = await self.locations.write(dps_id, noted, mirror.sync.etag)
            if deleted := await self._delete(mirror, nomis_id):
                return deleted
            if not await self._clear_below(mirror, way):
                # What stands below has nowhere else to go, whoever masters the prison.
                conflict = _conflict(Side.DPS, "has children in DPS")
                return await self._create_again(mirror, nomis_id, conflict, way)
        raise RetryLater(f"{dps_id} is gone from NOMIS but keeps getting children in DPS")

    async def _other_row(self, mirror: LocationMirror, nomis_id: NomisLocationId) -> NomisLocationId | None:
        """Return the living row that DPS was on its way to when it was linked to the one that is gone."""
        if (made := await self.creation.made_before(mirror)) not in (None, nomis_id):
            # An earlier walk undid the deletion already, and died before the link.
            return made
        met = mirror.sync.nomis_location_id
        if met is None or met == nomis_id or await self.nomis.read(met) is None:
            return None
        holder = (await self.mappings.for_nomis([met])).get(met)
        return met if holder is None or holder.dps_location_id == mirror.location.id else None

    async def gone_from_dps(self, dps_id: UUID, nomis_id: NomisLocationId, way: Way) -> Settled:
        """Take the row of a tombstone out of use in NOMIS; the mapping is kept. Its key goes to who needs it."""
        row = await self.nomis.read(nomis_id)
        if row is None:
            await self.mappings.remove_row(nomis_id)
            return Settled(Act.DELETED, dps_id, nomis_id)
        own = row.location
        if own.description == way.freeing:
            await leave_place(self.nomis, row)
            return await self.gone_from_dps(dps_id, nomis_id, way)
        if is_soft_deleted(own):
            return Settled(Act.NOTHING, dps_id, nomis_id, own.description)
        await self.nomis.carry_out(nomis_id, nomis_soft_delete(), row.etag)
        return Settled(Act.DELETED, dps_id, nomis_id, own.description)

    async def _delete(self, mirror: LocationMirror, nomis_id: NomisLocationId) -> Settled | None:
        """Delete from DPS what NOMIS deleted; None while something stands below."""
        own = mirror.location
        try:
            await self.locations.delete(own.id, mirror.sync.etag)
        except HasChildren:
            return None
        await self.mappings.remove_row(nomis_id)
        return Settled(Act.DELETED, own.id, nomis_id, own.key)

    async def _clear_below(self, mirror: LocationMirror, way: Way) -> bool:
        """Settle what stands below: what NOMIS deleted or moved away goes. False when something stays for good."""
        own = mirror.location
        if way.depth >= self.limits.ancestors_max:
            raise RetryLater(f"{own.id} is gone from NOMIS but has children in DPS")
        below = [each for each in await self.locations.below(own.id) or () if each != own.id]
        links = await self.mappings.for_dps(below)
        if way.waiting & set(below) or any(each not in links for each in below):
            return False
        for each in reversed(below):
            await self.pairs.settle_pair(each, links[each].nomis_location_id, way.behind(own.id))
        return await self.locations.below(own.id) == [own.id]

    async def _create_again(
        self, mirror: LocationMirror, nomis_id: NomisLocationId, conflict: Conflict, way: Way
    ) -> Settled:
        row = await self.creation.row_for(mirror, None, way, (conflict,))
        replacement = LocationMapping(
            dps_location_id=mirror.location.id,
            nomis_location_id=row.nomis_id,
            mapping_type=MappingType.LOCATION_CREATED,
        )
        try:
            await self.mappings.replace(replacement, nomis_id)
        except MappingTaken as taken:
            if taken.by_dps is not None:
                return await self.creation.with_spare(row, taken, way)
            # Deleted in DPS meanwhile, by a walk that took the old link along: linked, the new row goes out of use.
            await self.mappings.save(replacement)
        return await self.pairs.settle_pair(mirror.location.id, row.nomis_id, way, Known(row.mirror))


def _conflict(won: Side, why: str) -> Conflict:
    return Conflict(field="deleted", dps=False, nomis=True, won=won, reason=f"deleted in NOMIS, {why}")
