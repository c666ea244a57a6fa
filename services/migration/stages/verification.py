"""A page of a verification: every location read from both APIs and compared field by field."""

from collections.abc import Sequence

from libs.domain.nomis import NomisLocationId
from services.migration.ports import Mappings, Mirrored, NomisEstate
from services.migration.records import Item, Verdict
from services.migration.rules.verifying import Sight, verified


class Verification:
    """Reads and compares; it writes to neither side."""

    def __init__(self, nomis: NomisEstate, mappings: Mappings, locations: Mirrored) -> None:
        self._nomis = nomis
        self._mappings = mappings
        self._locations = locations

    async def page(self, _: str, prisons: frozenset[str], items: Sequence[Item]) -> list[Verdict]:
        """Return a verdict for each item; `migrated` means equal, `pending` that it is looked at again."""
        sight = await self._sight([item.nomis_id for item in items])
        return [verified(item, sight, prisons) for item in items]

    async def _sight(self, ids: Sequence[NomisLocationId]) -> Sight:
        """One call each: details, mappings, locations. NOMIS first, so that a change seen there can have arrived."""
        rows = {row.location_id: row for row in await self._nomis.details(ids)} if ids else {}
        parents = {row.parent_location_id for row in rows.values() if row.parent_location_id is not None}
        links = await self._mappings.for_nomis([*{*ids, *parents}]) if ids else {}
        wanted = [str(links[nomis_id].dps_location_id) for nomis_id in ids if nomis_id in links]
        if not wanted:
            return Sight(rows, links, {}, frozenset())
        found = await self._locations.mirrors(wanted)
        mirrors = {mirror.location.id: mirror for mirror in found.content}
        return Sight(rows, links, mirrors, frozenset(tombstone.id for tombstone in found.buried))
