"""The way in: settle one location, named by either side's id, whatever state the two sides are in."""

from uuid import UUID

from libs.domain.nomis import NomisLocationId
from libs.messaging.outcome import RetryLater, Unprocessable
from libs.settling.creation import Creation
from libs.settling.deletion import Deletion
from libs.settling.outcome import Act, Settled, Us, WalkLimits
from libs.settling.pair import Gone, PairWalk
from libs.settling.ports import (
    KeyTaken,
    Locations,
    Mappings,
    MappingTaken,
    Nomis,
    NotAccepted,
    RefusedByDps,
    Stale,
    Tombstoned,
)

DEPTH_START = 0


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
        self._nomis = nomis
        self._mappings = mappings
        self._pair = PairWalk(locations, nomis, self, self._limits, us)
        self._creation = Creation(locations, nomis, mappings, self, self, us)
        self._deletion = Deletion(locations, nomis, mappings, self, self, us)

    async def settle_dps(self, dps_id: UUID, key_told: str | None = None) -> Settled:
        """Settle the location DPS knows by this id; `key_told` is the key in the event that told of it."""
        return await self._finish(dps_id, None, key_told)

    async def settle_nomis(self, nomis_id: NomisLocationId) -> Settled:
        """Settle the location NOMIS knows by this id."""
        return await self._finish(None, nomis_id, None)

    async def settle_pair(self, dps_id: UUID, nomis_id: NomisLocationId, depth: int) -> Settled:
        """Settle two halves that are linked."""
        try:
            return await self._pair.settle(dps_id, nomis_id, depth)
        except Gone:
            try:
                return await self._deletion.gone_from_nomis(dps_id, nomis_id, depth)
            except Tombstoned:
                await self._mappings.remove(dps_id)
                return Settled(Act.DELETED, dps_id, nomis_id)
        except Tombstoned:
            return await self._deletion.gone_from_dps(dps_id, nomis_id)

    async def dps_parent(self, nomis_parent: NomisLocationId, depth: int) -> UUID:
        """Return the DPS id of a NOMIS parent, creating what is missing up to the bound."""
        if linked := (await self._mappings.for_nomis([nomis_parent])).get(nomis_parent):
            return linked.dps_location_id
        settled = await self._nomis_only(nomis_parent, self._deeper(depth, f"NOMIS {nomis_parent}"))
        if settled.dps_location_id is None:
            raise RetryLater(f"parent {nomis_parent} has no place in DPS: {settled.reason}")
        return settled.dps_location_id

    async def nomis_parent(self, dps_parent: UUID, depth: int) -> NomisLocationId:
        """Return the NOMIS id of a DPS parent, creating what is missing up to the bound."""
        if linked := (await self._mappings.for_dps([dps_parent])).get(dps_parent):
            return linked.nomis_location_id
        settled = await self._creation.in_nomis(dps_parent, None, self._deeper(depth, f"DPS {dps_parent}"))
        if settled.nomis_location_id is None:
            raise RetryLater(f"parent {dps_parent} has no place in NOMIS: {settled.reason}")
        return settled.nomis_location_id

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
        except (Stale, RefusedByDps) as moved:
            raise RetryLater(f"{dps_id or nomis_id} moved while it was settled") from moved
        except KeyTaken as taken:
            raise RetryLater(f"duplicate path: {taken}") from taken
        except MappingTaken as taken:
            raise RetryLater(str(taken)) from taken
        except NotAccepted as wrong:
            raise Unprocessable(str(wrong)) from wrong

    async def _by_dps(self, dps_id: UUID, key_told: str | None) -> Settled:
        if linked := (await self._mappings.for_dps([dps_id])).get(dps_id):
            return await self.settle_pair(dps_id, linked.nomis_location_id, DEPTH_START)
        try:
            return await self._creation.in_nomis(dps_id, key_told, DEPTH_START)
        except Tombstoned:
            return Settled(Act.IGNORED, dps_id, reason="deleted in DPS and never in NOMIS")

    async def _by_nomis(self, nomis_id: NomisLocationId) -> Settled:
        if linked := (await self._mappings.for_nomis([nomis_id])).get(nomis_id):
            return await self.settle_pair(linked.dps_location_id, nomis_id, DEPTH_START)
        return await self._nomis_only(nomis_id, DEPTH_START)

    async def _nomis_only(self, nomis_id: NomisLocationId, depth: int) -> Settled:
        row = await self._nomis.read(nomis_id)
        if row is None:
            return Settled(Act.IGNORED, None, nomis_id, reason="not in NOMIS")
        try:
            return await self._creation.in_dps(row.location, depth)
        except Tombstoned:
            return Settled(Act.IGNORED, None, nomis_id, row.location.description, "deleted in DPS")

    def _deeper(self, depth: int, whom: str) -> int:
        if depth >= self._limits.ancestors_max:
            raise Unprocessable(f"{whom} has more than {self._limits.ancestors_max} missing ancestors")
        return depth + 1
