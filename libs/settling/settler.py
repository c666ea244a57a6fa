"""The way in: settle one location, named by either side's id, whatever state the two sides are in."""

from uuid import UUID

from libs.domain.identity import dps_id_for
from libs.domain.mapping import LocationMapping, MappingType
from libs.domain.nomis import NomisLocationId
from libs.messaging.outcome import RetryLater, Unprocessable
from libs.settling.creation import Creation
from libs.settling.deletion import Deletion
from libs.settling.keys import Circle
from libs.settling.outcome import Act, Settled, Us, WalkLimits, Way
from libs.settling.pair import Gone, Known, NotInDps, PairWalk
from libs.settling.ports import (
    Busy,
    KeyTaken,
    Locations,
    Mappings,
    MappingTaken,
    Nomis,
    NomisKeyTaken,
    NotAccepted,
    ParentGone,
    RefusedByDps,
    Stale,
    SyncOff,
    Tombstoned,
)
from libs.settling.room import Room

HERE = Way()
NOTHING_KNOWN = Known()


class Settler:
    """Settles locations over three ports. Safe to run any number of times, at once, for the same location."""

    def __init__(
        self,
        locations: Locations,
        nomis: Nomis,
        mappings: Mappings,
        *,
        limits: WalkLimits | None = None,
        us: Us | None = None,
    ) -> None:
        us = us or Us()
        self._limits = limits or WalkLimits()
        self._locations = locations
        self._nomis = nomis
        self._mappings = mappings
        room = Room(nomis, mappings, self, self._limits)
        self._pair = PairWalk(locations, nomis, self, room, self._limits, us)
        self._creation = Creation(locations, nomis, mappings, self, self, room, us)
        self._deletion = Deletion(locations, nomis, mappings, self._creation, self, self._limits, us)

    async def settle_dps(self, dps_id: UUID, key_told: str | None = None) -> Settled:
        """Settle the location DPS knows by this id; `key_told` is the key in the event that told of it."""
        return await self._finish(dps_id, None, key_told)

    async def settle_nomis(self, nomis_id: NomisLocationId) -> Settled:
        """Settle the location NOMIS knows by this id."""
        return await self._finish(None, nomis_id, None)

    async def settle_pair(
        self, dps_id: UUID, nomis_id: NomisLocationId, way: Way, known: Known | None = None
    ) -> Settled:
        """Settle two halves that are linked."""
        try:
            return await self._pair.settle(dps_id, nomis_id, way, known or NOTHING_KNOWN)
        except Gone:
            try:
                return await self._deletion.gone_from_nomis(dps_id, nomis_id, way)
            except Tombstoned:
                # By the row: meanwhile the location may have been linked to another, which is to be taken out of use.
                await self._mappings.remove_row(nomis_id)
                return Settled(Act.DELETED, dps_id, nomis_id)
        except NotInDps:
            return await self._creation.again_in_dps(dps_id, nomis_id, way)
        except Tombstoned:
            return await self._deletion.gone_from_dps(dps_id, nomis_id, way)

    async def dps_parent(self, nomis_parent: NomisLocationId, way: Way) -> UUID:
        """Return the DPS id of a NOMIS parent, creating what is missing up to the bound. Raises SyncOff."""
        if linked := (await self._mappings.for_nomis([nomis_parent])).get(nomis_parent):
            return linked.dps_location_id
        settled = await self._nomis_only(nomis_parent, self._deeper(way, f"NOMIS {nomis_parent}"))
        if settled.dps_location_id is None:
            raise RetryLater(f"parent {nomis_parent} has no place in DPS: {settled.reason}")
        return settled.dps_location_id

    async def nomis_parent(self, dps_parent: UUID, way: Way) -> NomisLocationId:
        """Return the NOMIS id of a DPS parent, creating what is missing up to the bound."""
        if linked := (await self._mappings.for_dps([dps_parent])).get(dps_parent):
            return linked.nomis_location_id
        deeper = self._deeper(way, f"DPS {dps_parent}")
        mirror = await self._locations.mirror(dps_parent)
        settled = await self._creation.in_nomis(mirror, None, deeper) if mirror else None
        if settled is None or settled.nomis_location_id is None:
            raise RetryLater(f"parent {dps_parent} has no place in NOMIS: {settled.reason if settled else 'unknown'}")
        return settled.nomis_location_id

    async def restore_parent(self, dps_parent: UUID, nomis_parent: NomisLocationId, child: UUID, way: Way) -> None:
        """Settle a parent whose NOMIS row turned out to be gone: with this child below it is created again."""
        self._deeper(way, f"parent of {child}")
        await self.settle_pair(dps_parent, nomis_parent, way.behind(child))

    async def _finish(
        self,
        dps_id: UUID | None,
        nomis_id: NomisLocationId | None,
        key_told: str | None,
    ) -> Settled:
        """Turn what cannot be settled now, or ever, into the words of a message's end."""
        try:
            if dps_id is not None:
                return await self._by_dps(dps_id, key_told)
            assert nomis_id is not None
            return await self._by_nomis(nomis_id)
        except (Stale, RefusedByDps, ParentGone, Circle) as moved:
            raise RetryLater(f"{dps_id or nomis_id} moved while it was settled") from moved
        except Busy as busy:
            raise RetryLater(f"{dps_id or nomis_id} is busy in DPS") from busy
        except KeyTaken as taken:
            raise RetryLater(f"duplicate path: {taken}") from taken
        except NomisKeyTaken as taken:
            raise RetryLater(f"NOMIS has a row with that key: {taken}") from taken
        except MappingTaken as taken:
            raise RetryLater(str(taken)) from taken
        except Tombstoned as deleted:
            raise RetryLater(f"a relative was deleted in DPS: {deleted}") from deleted
        except NotAccepted as wrong:
            raise Unprocessable(str(wrong)) from wrong

    async def _by_dps(self, dps_id: UUID, key_told: str | None) -> Settled:
        try:
            mirror = await self._locations.mirror(dps_id)
        except Tombstoned:
            return await self._buried(dps_id)
        if mirror is None:
            # Linked, yet not there: the walk of the pair knows what to make of it.
            if linked := (await self._mappings.for_dps([dps_id])).get(dps_id):
                return await self.settle_pair(dps_id, linked.nomis_location_id, HERE)
            return Settled(Act.IGNORED, dps_id, reason="not in DPS")
        parent = mirror.location.parent_id
        links = await self._mappings.for_dps([dps_id, parent] if parent else [dps_id])
        if linked := links.get(dps_id):
            above = {links[parent].nomis_location_id: parent} if parent and parent in links else {}
            return await self.settle_pair(dps_id, linked.nomis_location_id, HERE, Known(mirror, above))
        return await self._creation.in_nomis(mirror, key_told, HERE)

    async def _buried(self, dps_id: UUID) -> Settled:
        if linked := (await self._mappings.for_dps([dps_id])).get(dps_id):
            return await self._deletion.gone_from_dps(dps_id, linked.nomis_location_id, HERE)
        return Settled(Act.IGNORED, dps_id, reason="deleted in DPS and never in NOMIS")

    async def _by_nomis(self, nomis_id: NomisLocationId) -> Settled:
        if linked := (await self._mappings.for_nomis([nomis_id])).get(nomis_id):
            return await self.settle_pair(linked.dps_location_id, nomis_id, HERE)
        try:
            return await self._nomis_only(nomis_id, HERE)
        except SyncOff as off:
            # The row is reported by reconciliation, neither copied nor deleted.
            return Settled(Act.IGNORED, None, nomis_id, reason=str(off))

    async def _nomis_only(self, nomis_id: NomisLocationId, way: Way) -> Settled:
        row = await self._nomis.read(nomis_id)
        if row is None:
            return Settled(Act.IGNORED, None, nomis_id, reason="not in NOMIS")
        try:
            return await self._creation.in_dps(row.location, way)
        except Tombstoned as deleted:
            if str(deleted) != str(dps_id_for(nomis_id)):
                raise
        # DPS had it and deleted it before it was linked.
        buried = LocationMapping(
            dps_location_id=dps_id_for(nomis_id), nomis_location_id=nomis_id, mapping_type=MappingType.NOMIS_CREATED
        )
        await self._mappings.save(buried)
        return await self._deletion.gone_from_dps(buried.dps_location_id, nomis_id, way)

    def _deeper(self, way: Way, whom: str) -> Way:
        if way.depth >= self._limits.ancestors_max:
            raise Unprocessable(f"{whom} has more than {self._limits.ancestors_max} missing ancestors")
        return way.deeper()
