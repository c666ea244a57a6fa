"""The walk over a location that only one side has: find its other half, or make it.

A create may have happened before and only its mapping be missing, so each create first looks for the row: the one that
DPS remembers, then under the present key, under the key in the event, and under the keys that were noted before an
earlier create. What is there is adopted if nobody else is linked to it, and what is adopted is merged, never
overwritten.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from uuid import UUID

from libs.domain.comparing import is_spare
from libs.domain.identity import dps_id_for, is_aside_name, is_vsip_room
from libs.domain.mapping import LocationMapping, MappingType
from libs.domain.merge import with_published
from libs.domain.nomis import CreateNomisLocation, NomisLocation, NomisLocationId
from libs.domain.prisons import is_ignored
from libs.domain.shared import SYNCED, Field, Projection, kind_in_dps, project_dps
from libs.domain.sync import Conflict, LocationMirror, Side, SyncWrite
from libs.domain.writing import dps_create_fields, nomis_create, nomis_soft_delete
from libs.messaging.outcome import RetryLater, Unprocessable
from libs.settling.aside import back_in_place, leave_place
from libs.settling.keys import KEY
from libs.settling.outcome import Act, Settled, Us, Way
from libs.settling.pair import Known, MakesRoom, Place, Relatives, SettlesPair
from libs.settling.ports import (
    KeyTaken,
    Locations,
    Mappings,
    MappingTaken,
    Nomis,
    NomisKeyTaken,
    NotAccepted,
    ParentGone,
    ParentRefused,
    Stale,
    SyncOff,
)


@dataclass(frozen=True, slots=True)
class RowFor:
    """The NOMIS row of a DPS location: found or made, and DPS as it was left."""

    nomis_id: NomisLocationId
    mirror: LocationMirror
    made: bool


@dataclass(frozen=True, slots=True)
class Creation:
    """Creates or adopts the missing half."""

    locations: Locations
    nomis: Nomis
    mappings: Mappings
    relatives: Relatives
    pairs: SettlesPair
    room: MakesRoom
    us: Us

    async def in_nomis(self, mirror: LocationMirror, key_told: str | None, way: Way) -> Settled:
        """Give a DPS location its NOMIS row. `key_told` is the key in the event: an earlier try may have used it."""
        own = mirror.location
        if is_ignored(own.prison_id):
            return Settled(Act.IGNORED, own.id, key=own.key, reason="ignored agency")
        if await self._is_twin(mirror):
            await self.locations.delete(own.id, mirror.sync.etag)
            return Settled(Act.DELETED, own.id, mirror.sync.nomis_location_id, own.key)
        row = await self.row_for(mirror, key_told, way)
        try:
            await self._link(own.id, row.nomis_id, MappingType.LOCATION_CREATED)
        except MappingTaken as taken:
            return await self.with_spare(row, taken, way)
        return await self._created(row, Act.CREATED if row.made else Act.ADOPTED, way)

    async def row_for(
        self, mirror: LocationMirror, key_told: str | None, way: Way, conflicts: tuple[Conflict, ...] = ()
    ) -> RowFor:
        """Find the row that nobody else is linked to, or make it; `conflicts` are recorded before it is made."""
        mirror = await back_in_place(self.locations, mirror, self.us.sync_user)
        own = mirror.location
        parent = await self.relatives.nomis_parent(own.parent_id, way) if own.parent_id else None
        if (found := await self._there(mirror, key_told, way)) is not None:
            if conflicts:
                write = SyncWrite(last_updated_by=self.us.sync_user, conflicts=conflicts)
                mirror = await self.locations.write(own.id, write, mirror.sync.etag)
            return RowFor(found, mirror, made=False)
        wanted = nomis_create(own, kind_in_dps(own), parent=parent, description=own.key)
        # Noted first: whoever finds the row after a crash knows that its values, and its key, are ours.
        mirror = await self.locations.write(own.id, self._noted(mirror, wanted, conflicts), mirror.sync.etag)
        if (linked := await self._linked_meanwhile(own.id)) is not None:
            return RowFor(linked, mirror, made=False)
        try:
            return RowFor(await self.nomis.create(wanted), mirror, made=True)
        except NomisKeyTaken as taken:
            raise RetryLater(f"NOMIS has a row with key {own.key}") from taken
        except NotAccepted:
            if parent is None or own.parent_id is None or await self.nomis.read(parent) is not None:
                raise
            await self.relatives.restore_parent(own.parent_id, parent, own.id, way)
            raise RetryLater(f"parent {parent} of {own.id} was gone from NOMIS") from None

    async def made_before(self, mirror: LocationMirror) -> NomisLocationId | None:
        """Return the row that an earlier try made for this location and left without a link, if it is still there."""
        for key in _noted_keys(mirror):
            found = await self.nomis.read_by_key(key)
            if found is None or found.location.create_username != self.us.nomis_api_user:
                continue
            nomis_id = found.location.location_id
            if nomis_id not in await self.mappings.for_nomis([nomis_id]):
                return nomis_id
        return None

    async def with_spare(self, row: RowFor, taken: MappingTaken, way: Way) -> Settled:
        """Two walks made a row for one location: ours goes out of use, under a name that nobody wants.

        Raises MappingTaken where it was not that, and where the other row is gone already.
        """
        if not row.made or taken.by_dps is None or taken.by_nomis is not None:
            raise taken
        if (spare := await self.nomis.read(row.nomis_id)) is not None:
            await leave_place(self.nomis, spare)
            await self.nomis.carry_out(row.nomis_id, nomis_soft_delete(), None)
        if await self.nomis.read(taken.by_dps.nomis_location_id) is None:
            raise taken
        return await self.pairs.settle_pair(row.mirror.location.id, taken.by_dps.nomis_location_id, way)

    async def _is_twin(self, mirror: LocationMirror) -> bool:
        """Whether migration made it of a row that was linked to another meanwhile, and nobody touched it since."""
        own, met = mirror.location, mirror.sync.nomis_location_id
        if met is None or own.id != dps_id_for(met) or mirror.sync.published or not untouched(mirror):
            return False
        holder = (await self.mappings.for_nomis([met])).get(met)
        return holder is not None and holder.dps_location_id != own.id

    async def in_dps(self, row: NomisLocation, way: Way) -> Settled:
        """Give a NOMIS row its DPS location. Raises SyncOff."""
        if is_ignored(row.prison_id):
            return Settled(Act.IGNORED, None, row.location_id, row.description, "ignored agency")
        ours = row.create_username == self.us.nomis_api_user
        if ours and is_aside_name(row.description, row.location_id):
            if not is_spare(row):
                await self.nomis.carry_out(row.location_id, nomis_soft_delete(), None)
            return Settled(Act.IGNORED, None, row.location_id, row.description, "a create that came twice left it over")
        if ours and not is_vsip_room(row.description):
            # DPS made it: its own walk links it. Creating here would make a twin.
            raise RetryLater(f"{row.location_id} was created by DPS and is not linked yet")
        parent = row.parent_location_id
        dps_id = dps_id_for(row.location_id)
        dps_parent: UUID | None = None
        try:
            dps_parent = await self.relatives.dps_parent(parent, way) if parent is not None else None
            mirror = await self._make_in_dps(row, dps_id, dps_parent, way)
        except KeyTaken as taken:
            return await self._adopt_location(row, taken, way)
        except ParentRefused as refused:
            raise Unprocessable(f"{row.location_id}: {refused}") from refused
        try:
            await self._link(dps_id, row.location_id, MappingType.NOMIS_CREATED)
        except MappingTaken as taken:
            return await self._withdraw(dps_id, row.location_id, taken, way)
        known = Known(mirror, {parent: dps_parent} if parent is not None and dps_parent is not None else {})
        settled = await self.pairs.settle_pair(dps_id, row.location_id, way, known)
        return _as(Act.CREATED, settled)

    async def again_in_dps(self, dps_id: UUID, nomis_id: NomisLocationId, way: Way) -> Settled:
        """Give a linked row back the location that DPS forgot, under the id it had.

        A mapping is saved after its location, so this one was there: its database was restored from before it. Raises
        Tombstoned, KeyTaken.
        """
        row = await self.nomis.read(nomis_id)
        if row is None:
            raise RetryLater(f"{nomis_id} went while {dps_id} was made anew")
        above = row.location.parent_location_id
        parent = await self.relatives.dps_parent(above, way) if above is not None else None
        try:
            mirror = await self._make_in_dps(row.location, dps_id, parent, way)
        except ParentGone:
            if above is None or parent is None:
                raise
            await self.relatives.restore_parent(parent, above, dps_id, way)
            mirror = await self._make_in_dps(row.location, dps_id, parent, way)
        except ParentRefused as refused:
            raise Unprocessable(f"{nomis_id}: {refused}") from refused
        except SyncOff as off:
            raise RetryLater(f"{dps_id} is linked but not in DPS, and sync is one way: {off}") from off
        return _as(Act.CREATED, await self.pairs.settle_pair(dps_id, nomis_id, way, Known(mirror)))

    async def _make_in_dps(
        self, row: NomisLocation, dps_id: UUID, dps_parent: UUID | None, way: Way
    ) -> LocationMirror | None:
        """Create; a linked holder of the path is given the chance to move on first. None: an earlier try did it."""
        write = self._first_write(row, dps_parent)
        try:
            return await self._create_once(dps_id, write)
        except KeyTaken as taken:
            if taken.holder is None or not await self.room.in_dps(taken.holder, dps_id, way):
                raise
        return await self._create_once(dps_id, write)

    async def _create_once(self, dps_id: UUID, write: SyncWrite) -> LocationMirror | None:
        try:
            return await self.locations.create(dps_id, write)
        except Stale:
            return None

    async def _created(self, row: RowFor, act: Act, way: Way) -> Settled:
        """Look at both again: what changed or went while we created is settled now."""
        return _as(act, await self.pairs.settle_pair(row.mirror.location.id, row.nomis_id, way, Known(row.mirror)))

    async def _there(self, mirror: LocationMirror, key_told: str | None, way: Way) -> NomisLocationId | None:
        """Return the row that is there already: the one DPS came from or met last, else one under a key it had."""
        if (met := await self._met(mirror)) is not None:
            return met
        for key in _keys(mirror, key_told):
            if (found := await self._unlinked(mirror, key, way)) is not None:
                return found
        return None

    async def _linked_meanwhile(self, dps_id: UUID) -> NomisLocationId | None:
        """Return the living row that somebody linked us to while we looked: from NOMIS's end they took us for its."""
        link = (await self.mappings.for_dps([dps_id])).get(dps_id)
        return link.nomis_location_id if link and await self.nomis.read(link.nomis_location_id) is not None else None

    async def _met(self, mirror: LocationMirror) -> NomisLocationId | None:
        """Return the row that DPS met last, if it is there and no other location's."""
        met = mirror.sync.nomis_location_id
        if met is None:
            return None
        holder = (await self.mappings.for_nomis([met])).get(met)
        free = holder is None or holder.dps_location_id == mirror.location.id
        return met if free and await self.nomis.read(met) is not None else None

    async def _unlinked(self, mirror: LocationMirror, key: str, way: Way) -> NomisLocationId | None:
        """Return the row with this key that can be adopted. Under an old key only one that our own login made."""
        own = mirror.location
        for last in (False, True):
            found = await self.nomis.read_by_key(key)
            if found is None:
                return None
            row = found.location
            holder = (await self.mappings.for_nomis([row.location_id])).get(row.location_id)
            if holder is not None and holder.dps_location_id == own.id:
                return row.location_id
            if holder is None:
                ours = key == own.key or row.create_username == self.us.nomis_api_user
                return row.location_id if ours else None
            if key != own.key:
                return None
            if last or await self.room.in_nomis(key, None, own.id, way) is Place.TAKEN:
                raise RetryLater(f"NOMIS {row.location_id} has key {key} and is linked to {holder.dps_location_id}")
        return None

    async def _adopt_location(self, row: NomisLocation, taken: KeyTaken, way: Way) -> Settled:
        if taken.holder is None or taken.holder in await self.mappings.for_dps([taken.holder]):
            raise RetryLater(f"duplicate path: {row.location_id} has key {row.description}, {taken}") from taken
        mirror = await self.locations.mirror(taken.holder)
        if mirror is None or await self._has_a_row(mirror, row):
            raise RetryLater(f"duplicate path: {row.location_id}; {taken.holder} has a row that is not linked yet")
        if _noted_keys(mirror):
            # Whoever creates it looked for this row before, or will again: of the two only that walk may link.
            raise RetryLater(f"{row.location_id}: {taken.holder} is being created in NOMIS")
        claim = SyncWrite(last_updated_by=self.us.sync_user, nomis_location_id=row.location_id)
        await self.locations.write(taken.holder, claim, mirror.sync.etag)
        await self._link(taken.holder, row.location_id, MappingType.NOMIS_CREATED)
        return _as(Act.ADOPTED, await self.pairs.settle_pair(taken.holder, row.location_id, way))

    async def _has_a_row(self, mirror: LocationMirror, besides: NomisLocation) -> bool:
        """Whether it came from another row, or an earlier create left one under another key: this is not its row."""
        if await self._met(mirror) not in (None, besides.location_id):
            return True
        for key in _noted_keys(mirror):
            found = await self.nomis.read_by_key(key)
            if found is None or found.location.location_id == besides.location_id:
                continue
            nomis_id = found.location.location_id
            ours = found.location.create_username == self.us.nomis_api_user
            if ours and nomis_id not in await self.mappings.for_nomis([nomis_id]):
                return True
        return False

    async def _withdraw(self, dps_id: UUID, nomis_id: NomisLocationId, taken: MappingTaken, way: Way) -> Settled:
        """Somebody linked the row to another location meanwhile: ours is the twin, and goes."""
        if taken.by_nomis is None or taken.by_nomis.dps_location_id == dps_id:
            raise taken
        if twin := await self.locations.mirror(dps_id):
            if not untouched(twin):
                other = taken.by_nomis.dps_location_id
                why = f"staff edited it in the moment before it turned out to be a twin of {other}"
                gone = Conflict(field="deleted", dps=False, nomis=True, won=Side.NOMIS, reason=why)
                noted = SyncWrite(last_updated_by=self.us.sync_user, conflicts=(gone,))
                twin = await self.locations.write(dps_id, noted, twin.sync.etag)
            await self.locations.delete(dps_id, twin.sync.etag)
        return await self.pairs.settle_pair(taken.by_nomis.dps_location_id, nomis_id, way)

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

    def _noted(self, mirror: LocationMirror, wanted: CreateNomisLocation, conflicts: tuple[Conflict, ...]) -> SyncWrite:
        published = with_published(mirror.sync.published, _as_created(mirror, wanted))
        keys = [*published.get(KEY, ()), wanted.description]
        return SyncWrite(
            last_updated_by=self.us.sync_user,
            published=published | {KEY: [*dict.fromkeys(keys)]},
            conflicts=conflicts,
        )


def untouched(mirror: LocationMirror) -> bool:
    """Whether DPS holds just what both sides last agreed on."""
    base = mirror.sync.base
    if base is None:
        return False
    kind = kind_in_dps(mirror.location)
    return all(
        base.get(field.value) == value for field, value in project_dps(mirror.location).items() if field in SYNCED[kind]
    )


def _keys(mirror: LocationMirror, key_told: str | None) -> Iterator[str]:
    """Return the keys under which the row may be, each once: first those noted before an earlier try to create it."""
    own = mirror.location
    yield from dict.fromkeys((*_noted_keys(mirror), own.key, key_told or own.key))


def _noted_keys(mirror: LocationMirror) -> tuple[str, ...]:
    return tuple(str(key) for key in mirror.sync.published.get(KEY, ()))


def _as(act: Act, settled: Settled) -> Settled:
    """Say what was done first, unless the pair went in the meantime."""
    if settled.act is Act.DELETED:
        return settled
    return Settled(act, settled.dps_location_id, settled.nomis_location_id, settled.key)


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
