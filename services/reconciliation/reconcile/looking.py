"""Looks at suspects: both sides and the mapping, as they are now, a batch at a time."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from libs.domain.bulk import MirrorRow, NomisRow
from libs.domain.identity import dps_id_for
from libs.domain.nomis import NomisLocationId
from services.reconciliation.ports import Locations, Mappings, NomisEstate
from services.reconciliation.reconcile.scan import UNLINKED
from services.reconciliation.records import Sides, Suspect, Verdict
from services.reconciliation.rules.judging import judged

BATCH_MAX = 250
"""A suspect may need three locations of DPS: its own, the linked one and the derived one."""


Pair = tuple[str | None, int | None]


@dataclass(frozen=True, slots=True)
class Links:
    """The mapping of some ids, both ways."""

    dps: Mapping[str, int]
    nomis: Mapping[int, str]


@dataclass(frozen=True, slots=True)
class Look:
    """Reads and judges; holds nothing between calls."""

    nomis: NomisEstate
    mappings: Mappings
    locations: Locations

    async def at(self, suspects: Sequence[Suspect]) -> list[Verdict]:
        """Return a verdict for each location that the suspects name; two that name one location get one."""
        return [judged(each) for each in await self.sides(suspects)]

    async def sides(self, suspects: Sequence[Suspect]) -> list[Sides]:
        """Return each location that the suspects name, as both sides and the mapping have it."""
        assert len(suspects) <= BATCH_MAX
        links = await self._links(suspects)
        pairs: Sequence[Pair] = _pairs(suspects, links)
        found = await self.locations.mirrors([dps_id for dps_id, _ in pairs if dps_id is not None])
        owns = {mirror.location.id: mirror for mirror in found.content}
        pairs = await self._with_last_met(pairs, owns)
        rows = await self._rows([nomis_id for _, nomis_id in pairs])
        buried = {each.id: each.key for each in found.buried}
        parents = await self._parents(rows.values(), links)
        seen = [_sides(dps_id, nomis_id, links, owns, rows, buried, parents) for dps_id, nomis_id in pairs]
        return await self._with_stages(seen)

    async def _links(self, suspects: Sequence[Suspect]) -> Links:
        nomis_ids = [each.nomis_id for each in suspects if each.nomis_id is not None]
        # A location that was made of a row may be linked to another by now: then that row's end says nothing of it.
        derived = [str(dps_id_for(NomisLocationId(nomis_id))) for nomis_id in nomis_ids]
        dps_ids = [each.dps_id for each in suspects if each.dps_id is not None]
        of_dps = await self.mappings.pairs_of_dps([*{*dps_ids, *derived}])
        pairs = [*of_dps, *await self.mappings.pairs_of_nomis(nomis_ids)]
        return Links(
            {pair.dps_location_id: pair.nomis_location_id for pair in pairs},
            {pair.nomis_location_id: pair.dps_location_id for pair in pairs},
        )

    async def _with_last_met(self, pairs: Sequence[Pair], owns: Mapping[str, MirrorRow]) -> Sequence[Pair]:
        """Pair an unlinked location with the row DPS last met, if that has no link either: only the link was lost."""
        met = {
            dps_id: owns[dps_id].sync.nomis_location_id
            for dps_id, nomis_id in pairs
            if dps_id is not None and dps_id in owns and nomis_id is None
        }
        wanted = [nomis_id for nomis_id in met.values() if nomis_id is not None]
        if not wanted:
            return pairs
        linked = {pair.nomis_location_id for pair in await self.mappings.pairs_of_nomis(wanted)}
        lost = {dps_id: nomis_id for dps_id, nomis_id in met.items() if nomis_id not in {None, *linked}}
        kept = [pair for pair in pairs if pair[0] not in lost and (pair[1] not in lost.values() or pair[0] in owns)]
        return [*kept, *lost.items()]

    async def _with_stages(self, seen: list[Sides]) -> list[Sides]:
        """Say of rows that NOMIS has alone whether their prison is one way."""
        if not any(each.row is not None and each.own is None for each in seen):
            return seen
        one_way = {each.prison_id for each in await self.locations.stages() if each.one_way}
        return [
            replace(each, one_way=each.row is not None and each.own is None and each.row.prison_id in one_way)
            for each in seen
        ]

    async def _rows(self, nomis_ids: Sequence[int | None]) -> dict[int, NomisRow]:
        wanted = [each for each in nomis_ids if each is not None]
        return {row.location_id: row for row in await self.nomis.rows(wanted)} if wanted else {}

    async def _parents(self, rows: Collection[NomisRow], links: Links) -> Mapping[int, str]:
        wanted = {row.parent_location_id for row in rows if row.parent_location_id is not None}
        pairs = await self.mappings.pairs_of_nomis([*(wanted - links.nomis.keys())])
        return {**links.nomis, **{pair.nomis_location_id: pair.dps_location_id for pair in pairs}}


def _pairs(suspects: Sequence[Suspect], links: Links) -> list[Pair]:
    """Name each location once, by both its ids where they are known."""
    pairs: dict[Pair, None] = {}
    for suspect in suspects:
        if suspect.dps_id is not None:
            pairs[(suspect.dps_id, links.dps.get(suspect.dps_id))] = None
        if suspect.nomis_id is not None:
            # Unlinked, it would be known by the derived id: there the other half may be.
            derived = str(dps_id_for(NomisLocationId(suspect.nomis_id)))
            dps_id = links.nomis.get(suspect.nomis_id, derived if derived not in links.dps else None)
            pairs[(dps_id, suspect.nomis_id)] = None
    halves = {dps_id for dps_id, nomis_id in pairs if nomis_id is not None}
    return [pair for pair in pairs if pair[1] is not None or pair[0] not in halves]


def _sides(
    dps_id: str | None,
    nomis_id: int | None,
    links: Links,
    owns: Mapping[str, MirrorRow],
    rows: Mapping[int, NomisRow],
    buried: Mapping[str, str],
    parents: Mapping[int, str],
) -> Sides:
    row = rows.get(nomis_id) if nomis_id is not None else None
    parent = row.parent_location_id if row else None
    return Sides(
        dps_id=dps_id,
        nomis_id=nomis_id,
        linked=dps_id is not None and nomis_id is not None and links.dps.get(dps_id) == nomis_id,
        own=owns.get(dps_id) if dps_id is not None else None,
        row=row,
        # An unlinked parent is no parent that DPS knows.
        parent=parents.get(parent, UNLINKED) if parent is not None else None,
        buried_key=buried.get(dps_id) if dps_id is not None else None,
    )
