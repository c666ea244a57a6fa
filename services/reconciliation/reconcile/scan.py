"""Streams both systems and the links past each other and names every location that does not look equal.

NOMIS's ids are cut into blocks; of each block the rows, the links of its range and the linked locations are read and
compared. What is kept for the whole estate is eight bytes for each id: enough to tell which locations of DPS no link
led to.
"""

import asyncio
from array import array
from bisect import bisect_left
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field

from libs.domain.bulk import MIRRORS_MAX, MirrorRow, NomisRow, PairRow
from libs.domain.comparing import differences
from libs.domain.prisons import is_ignored
from libs.domain.translation import Untranslatable
from services.reconciliation.ports import Locations, Mappings, NomisEstate
from services.reconciliation.records import Counts, Suspect
from services.reconciliation.rules.quick import surely_equal
from services.reconciliation.settings import RunLimits

BEFORE_ALL, AFTER_ALL = -(2**63), 2**63 - 1
UNLINKED = "unlinked"
BUCKETS = 256
Found = Callable[[Sequence[Suspect]], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Block:
    """A page of NOMIS's ids, and the range of ids whose links are looked at with it."""

    ids: Sequence[int]
    after: int
    up_to: int


class Met:
    """Ids that a link led to, by their first halves: eight bytes tell one from all others of an estate."""

    def __init__(self) -> None:
        self._buckets = [array("Q") for _ in range(BUCKETS)]

    def add(self, dps_id: str) -> None:
        """Note an id."""
        half = _half(dps_id)
        self._buckets[half % BUCKETS].append(half)

    def sort(self) -> None:
        """Be ready to be asked; bucket by bucket, so that no list of all ids is made on the way."""
        self._buckets = [array("Q", sorted(bucket)) for bucket in self._buckets]

    def __contains__(self, dps_id: str) -> bool:
        half = _half(dps_id)
        bucket = self._buckets[half % BUCKETS]
        at = bisect_left(bucket, half)
        return at < len(bucket) and bucket[at] == half


def _half(dps_id: str) -> int:
    return int(dps_id[:8] + dps_id[9:13] + dps_id[14:18], 16)


@dataclass(slots=True)
class Scan:
    """One pass over the estate, or over one prison. `found` is told of suspects as they turn up."""

    nomis: NomisEstate
    mappings: Mappings
    locations: Locations
    limits: RunLimits
    prison_id: str | None
    found: Found
    counts: Counts = field(default_factory=Counts)
    _met: Met = field(default_factory=Met)
    _parents: dict[int, str] = field(default_factory=dict)

    async def run(self) -> None:
        """Compare everything once."""
        waiting = asyncio.Semaphore(self.limits.blocks_in_flight_max)
        async with asyncio.TaskGroup() as blocks:
            async for block in self._blocks():
                await waiting.acquire()
                blocks.create_task(self._freeing(waiting, block))
        await self._unmet()

    async def _freeing(self, waiting: asyncio.Semaphore, block: Block) -> None:
        try:
            await self._compare(block)
        finally:
            waiting.release()

    async def _blocks(self) -> AsyncIterator[Block]:
        """Cut NOMIS's ids into blocks that leave no gap between their ranges."""
        after, rest = BEFORE_ALL, list[int]()
        async for page in self.nomis.ids(self.limits.ids_page, self.prison_id):
            rest += page
            while len(rest) > self.limits.block:
                ids, rest = rest[: self.limits.block], rest[self.limits.block :]
                yield Block(ids, after, ids[-1])
                after = ids[-1]
        yield Block(rest, after, AFTER_ALL)

    async def _compare(self, block: Block) -> None:
        rows, pairs = await self._read(block)
        linked = {pair.nomis_location_id: pair.dps_location_id for pair in pairs}
        owns = await self._owns([*linked.values()])
        await self._learn_parents(rows, linked)
        suspects = [Suspect(linked[gone], gone) for gone in linked.keys() - {row.location_id for row in rows}]
        for row in rows:
            dps_id = linked.get(row.location_id)
            if dps_id is not None:
                self._met.add(dps_id)
                self.counts.compared += 1
                if not self._equal(owns.get(dps_id), row, linked):
                    suspects.append(Suspect(dps_id, row.location_id))
            elif is_ignored(row.prison_id):
                self.counts.ignored += 1
            else:
                suspects.append(Suspect(None, row.location_id))
        self.counts.nomis_rows += len(rows)
        await self._tell(suspects)

    def _equal(self, own: MirrorRow | None, row: NomisRow, linked: Mapping[int, str]) -> bool:
        if own is None or own.sync.nomis_location_id not in {None, row.location_id}:
            return False
        above = row.parent_location_id
        parent = None if above is None else linked.get(above) or self._parents.get(above, UNLINKED)
        try:
            return surely_equal(own, row, parent) or not differences(own, row, parent)
        except Untranslatable:
            return False

    async def _read(self, block: Block) -> tuple[list[NomisRow], list[PairRow]]:
        if self.prison_id is None:
            return await asyncio.gather(self.nomis.rows(block.ids), self._pairs(block))
        # The links of other prisons' rows lie in the same range, so these are asked for by id.
        rows = [row for row in await self.nomis.rows(block.ids) if row.prison_id == self.prison_id]
        return rows, await self.mappings.pairs_of_nomis([row.location_id for row in rows])

    async def _pairs(self, block: Block) -> list[PairRow]:
        pairs: list[PairRow] = []
        after, size = block.after, 2 * self.limits.block
        while page := await self.mappings.pairs(after, block.up_to, size):
            pairs += page
            after = page[-1].nomis_location_id
            if len(page) < size:
                break
        return pairs

    async def _owns(self, dps_ids: Sequence[str]) -> dict[str, MirrorRow]:
        owns: dict[str, MirrorRow] = {}
        for start in range(0, len(dps_ids), MIRRORS_MAX):
            found = await self.locations.mirrors(dps_ids[start : start + MIRRORS_MAX])
            owns |= {own.location.id: own for own in found.content}
        return owns

    async def _learn_parents(self, rows: Sequence[NomisRow], linked: Mapping[int, str]) -> None:
        """Learn the links of parents outside the block; blocks are in the order of ids, so most are known."""
        above = {row.parent_location_id for row in rows if row.parent_location_id is not None}
        unknown = [each for each in above if each not in linked and each not in self._parents]
        if len(self._parents) + len(unknown) > self.limits.parents_kept_max:
            self._parents.clear()
            unknown = [each for each in above if each not in linked]
        if unknown:
            pairs = await self.mappings.pairs_of_nomis(unknown)
            self._parents |= {pair.nomis_location_id: pair.dps_location_id for pair in pairs}

    async def _unmet(self) -> None:
        """Name the locations of DPS that no link led to."""
        self._met.sort()
        after, last = None, False
        while not last:
            page = await self.locations.ids(after, self.limits.ids_page, self.prison_id)
            self.counts.dps_locations += len(page.ids)
            await self._tell([Suspect(dps_id, None) for dps_id in page.ids if dps_id not in self._met])
            last, after = page.last, page.ids[-1] if page.ids else None

    async def _tell(self, suspects: Sequence[Suspect]) -> None:
        self.counts.suspected += len(suspects)
        if suspects:
            await self.found(suspects)
