"""Has whoever holds a place that another needs move on, if it has another place to be (`docs/adr/0016-making-room.md`).

Each side has a key once. A holder that is itself on its way elsewhere is settled first; those who wait for each other
in a circle are told by `Circle` who has to stand aside. A holder that is where it belongs stays.
"""

from dataclasses import dataclass
from uuid import UUID

from libs.domain.nomis import NomisLocationId
from libs.domain.sync import Side
from libs.messaging.outcome import RetryLater
from libs.settling.keys import Circle
from libs.settling.outcome import WalkLimits, Way
from libs.settling.pair import Place, SettlesPair
from libs.settling.ports import Mappings, Nomis


@dataclass(frozen=True, slots=True)
class Room:
    """See `libs.settling.pair.MakesRoom`."""

    nomis: Nomis
    mappings: Mappings
    pairs: SettlesPair
    limits: WalkLimits

    async def in_nomis(self, key: str, nomis_id: NomisLocationId | None, waits: UUID, way: Way) -> Place:
        """Settle the location of the row with this description; it is taken if nobody in DPS is linked to that row."""
        found = await self.nomis.read_by_key(key)
        if found is None or found.location.location_id == nomis_id:
            return Place.FREE
        holder = found.location.location_id
        link = (await self.mappings.for_nomis([holder])).get(holder)
        if link is None or link.dps_location_id == waits:
            return Place.TAKEN
        if link.dps_location_id in way.waiting:
            raise Circle(link.dps_location_id, Side.NOMIS)
        await self.pairs.settle_pair(link.dps_location_id, holder, self._behind(way, waits, key))
        return Place.ASKED

    async def in_dps(self, holder: UUID, waits: UUID, way: Way) -> bool:
        """Settle the location that holds a path; False when NOMIS has no row of it that could have moved."""
        link = (await self.mappings.for_dps([holder])).get(holder)
        if link is None:
            return False
        if holder in way.waiting:
            raise Circle(holder, Side.DPS)
        await self.pairs.settle_pair(holder, link.nomis_location_id, self._behind(way, waits, None))
        return True

    def _behind(self, way: Way, waits: UUID, key: str | None) -> Way:
        if way.depth >= self.limits.waiting_max:
            raise RetryLater(f"{waits} waits behind {self.limits.waiting_max} others")
        return way.behind(waits, key)
