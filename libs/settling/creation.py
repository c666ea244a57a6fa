"""The walk over a location that only one side has: find its other half, or make it.

A create may have happened before and only its mapping be missing, so each create first looks for the row, and adopts
what is there if nobody else is linked to it. What is adopted is merged, never overwritten.
"""

from dataclasses import dataclass
from uuid import UUID

from libs.domain.identity import dps_id_for, is_vsip_room
from libs.domain.mapping import LocationMapping, MappingType
from libs.domain.merge import with_published
from libs.domain.nomis import CreateNomisLocation, NomisLocation, NomisLocationId
from libs.domain.prisons import is_ignored
from libs.domain.shared import SYNCED, Field, Projection, kind_in_dps, project_dps
from libs.domain.sync import LocationMirror, SyncWrite
from libs.domain.writing import dps_create_fields, nomis_create
from libs.messaging.outcome import RetryLater
from libs.settling.outcome import Act, Settled, Us
from libs.settling.pair import Relatives, SettlesPair
from libs.settling.ports import KeyTaken, Locations, Mappings, MappingTaken, Nomis, NomisKeyTaken, Stale


@dataclass(frozen=True, slots=True)
class Creation:
    """Creates or adopts the missing half."""

    locations: Locations
    nomis: Nomis
    mappings: Mappings
    relatives: Relatives
    pairs: SettlesPair
    us: Us

    async def in_nomis(self, dps_id: UUID, key_told: str | None, depth: int) -> Settled:
        """Give a DPS location its NOMIS row. `key_told` is the key in the event: an earlier try may have used it."""
        mirror = await self.locations.mirror(dps_id)
        if mirror is None:
            return Settled(Act.IGNORED, dps_id, reason="not in DPS")
        own = mirror.location
        if is_ignored(own.prison_id):
            return Settled(Act.IGNORED, dps_id, key=own.key, reason="ignored agency")
        parent = await self.relatives.nomis_parent(own.parent_id, depth) if own.parent_id else None
        wanted = nomis_create(own, kind_in_dps(own), parent=parent, description=own.key)
        for key in dict.fromkeys((own.key, key_told or own.key)):
            if found := await self.nomis.read_by_key(key):
                return await self._adopt_row(mirror, found.location, depth)
        # Noted first: whoever finds the row after a crash knows that its values are ours.
        await self.locations.write(own.id, self._noted(mirror, wanted), mirror.sync.etag)
        try:
            nomis_id = await self.nomis.create(wanted)
        except NomisKeyTaken as taken:
            raise RetryLater(f"NOMIS has a row with key {own.key}") from taken
        await self._link(own.id, nomis_id, MappingType.LOCATION_CREATED)
        return await self._created(own.id, nomis_id, depth)

    async def in_dps(self, row: NomisLocation, depth: int) -> Settled:
        """Give a NOMIS row its DPS location."""
        if is_ignored(row.prison_id):
            return Settled(Act.IGNORED, None, row.location_id, row.description, "ignored agency")
        if row.create_username == self.us.nomis_api_user and not is_vsip_room(row.description):
            # DPS made it: its own walk links it. Creating here would make a twin.
            raise RetryLater(f"{row.location_id} was created by DPS and is not linked yet")
        parent = row.parent_location_id
        dps_parent = await self.relatives.dps_parent(parent, depth) if parent is not None else None
        dps_id = dps_id_for(row.location_id)
        try:
            await self.locations.create(dps_id, self._first_write(row, dps_parent))
        except Stale:
            pass  # an earlier try got this far
        except KeyTaken as taken:
            return await self._adopt_location(row, taken, depth)
        try:
            await self._link(dps_id, row.location_id, MappingType.NOMIS_CREATED)
        except MappingTaken as taken:
            return await self._withdraw(dps_id, row.location_id, taken, depth)
        return await self._created(dps_id, row.location_id, depth)

    async def _created(self, dps_id: UUID, nomis_id: NomisLocationId, depth: int) -> Settled:
        """Look at both again: what changed or went while we created is settled now."""
        settled = await self.pairs.settle_pair(dps_id, nomis_id, depth)
        if settled.act is Act.DELETED:
            return settled
        return Settled(Act.CREATED, settled.dps_location_id, settled.nomis_location_id, settled.key)

    async def _adopt_row(self, mirror: LocationMirror, row: NomisLocation, depth: int) -> Settled:
        own = mirror.location
        holder = (await self.mappings.for_nomis([row.location_id])).get(row.location_id)
        if holder is not None and holder.dps_location_id != own.id:
            raise RetryLater(f"NOMIS {row.location_id} has key {own.key} and is linked to {holder.dps_location_id}")
        await self._link(own.id, row.location_id, MappingType.LOCATION_CREATED)
        settled = await self.pairs.settle_pair(own.id, row.location_id, depth)
        return Settled(Act.ADOPTED, settled.dps_location_id, settled.nomis_location_id, settled.key)

    async def _adopt_location(self, row: NomisLocation, taken: KeyTaken, depth: int) -> Settled:
        if taken.holder is None or taken.holder in await self.mappings.for_dps([taken.holder]):
            raise RetryLater(f"duplicate path: {row.location_id} has key {row.description}, {taken}") from taken
        await self._link(taken.holder, row.location_id, MappingType.NOMIS_CREATED)
        settled = await self.pairs.settle_pair(taken.holder, row.location_id, depth)
        return Settled(Act.ADOPTED, settled.dps_location_id, settled.nomis_location_id, settled.key)

    async def _withdraw(self, dps_id: UUID, nomis_id: NomisLocationId, taken: MappingTaken, depth: int) -> Settled:
        """Somebody linked the row to another location meanwhile: ours is the twin, and goes."""
        if taken.by_nomis is None or taken.by_nomis.dps_location_id == dps_id:
            raise taken
        if twin := await self.locations.mirror(dps_id):
            await self.locations.delete(dps_id, twin.sync.etag)
        return await self.pairs.settle_pair(taken.by_nomis.dps_location_id, nomis_id, depth)

    async def _link(self, dps_id: UUID, nomis_id: NomisLocationId, how: MappingType) -> None:
        await self.mappings.save(
            LocationMapping(dps_location_id=dps_id, nomis_location_id=nomis_id, mapping_type=how),
        )

    def _first_write(self, row: NomisLocation, dps_parent: UUID | None) -> SyncWrite:
        return SyncWrite(
            last_updated_by=row.modify_username or row.create_username,
            prison_id=row.prison_id,
            create_date=row.create_datetime,
            fields=dps_create_fields(row, str(dps_parent) if dps_parent else None),
            base_as_stored=True,
            key_agreed=True,
            nomis_location_id=row.location_id,
            nomis_description=row.description,
        )

    def _noted(self, mirror: LocationMirror, wanted: CreateNomisLocation) -> SyncWrite:
        return SyncWrite(
            last_updated_by=self.us.sync_user,
            published=with_published(mirror.sync.published, _as_created(mirror, wanted)),
        )


def _as_created(mirror: LocationMirror, wanted: CreateNomisLocation) -> Projection:
    """Return how the new row will look: as asked, but active."""
    own = mirror.location
    projected = {f: v for f, v in project_dps(own).items() if f in SYNCED[kind_in_dps(own)]}
    if not projected[Field.ACTIVE]:
        projected[Field.ACTIVE] = True
        projected[Field.DEACTIVATED_DATE] = None
        projected[Field.DEACTIVATED_REASON] = None
        projected[Field.PROPOSED_REACTIVATION_DATE] = None
    assert wanted.location_code == own.code
    return projected
