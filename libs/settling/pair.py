"""The walk over a linked pair: read DPS, read NOMIS, merge, write what differs, look again until both are seen equal.

Every write to DPS is conditional on what was read. What is about to go to NOMIS is noted in DPS first (`published`), so
that a later walk knows our own late write from an edit. The base moves, field by field, only once both sides were seen
to hold the value. DPS is read first: whatever another walk agrees on afterwards moves its tag, so that a NOMIS row that
was read later can be behind, but never ahead of what we compare it with (`docs/adr/0007-merge-walk.md`).
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import Enum, auto
from typing import Protocol
from uuid import UUID

from pydantic import JsonValue

from libs.domain.identity import dps_id_for, stands_aside
from libs.domain.merge import Merged, Published, merge, with_published
from libs.domain.nomis import NomisLocationId
from libs.domain.shared import DPS_MASTERED, Field, project_dps, project_nomis
from libs.domain.sync import Conflict, LocationMirror, Side, SyncWrite
from libs.domain.writing import NomisWrites, dps_fields, nomis_writes
from libs.messaging.outcome import RetryLater, Unprocessable
from libs.settling.aside import leave_place
from libs.settling.gap import (
    BESIDE,
    EARLIER,
    KNOWN,
    SENT,
    earlier_values,
    edited_by_others,
    in_doubt,
    known_amendments,
    lost_in_the_gap,
    made_since,
    sent_from_dps,
    sent_values,
    written_late,
)
from libs.settling.keys import (
    KEY,
    LEFT,
    MOVES,
    Circle,
    aside_code,
    description_conflicts,
    rewrites_description,
)
from libs.settling.outcome import Act, Settled, Us, WalkLimits, Way
from libs.settling.ports import (
    KeyTaken,
    Locations,
    Nomis,
    NomisKeyTaken,
    NomisRow,
    NotAccepted,
    ParentRefused,
    RefusedByDps,
    Stale,
    SyncOff,
)

ASKED_MAX = 3
"""How often a walk sees to one place: it asks the holder, asks again after standing aside, and takes the place."""
Links = dict[NomisLocationId, UUID]


class Relatives(Protocol):
    """Finds the other side's id of a parent, creating the parent there when it is missing."""

    async def dps_parent(self, nomis_parent: NomisLocationId, way: Way) -> UUID:
        """Return the DPS id of a NOMIS parent. Raises SyncOff."""

    async def nomis_parent(self, dps_parent: UUID, way: Way) -> NomisLocationId:
        """Return the NOMIS id of a DPS parent."""

    async def restore_parent(self, dps_parent: UUID, nomis_parent: NomisLocationId, child: UUID, way: Way) -> None:
        """Settle a parent whose NOMIS row turned out to be gone while it has children."""


class SettlesPair(Protocol):
    """Settles two halves that are linked."""

    async def settle_pair(
        self, dps_id: UUID, nomis_id: NomisLocationId, way: Way, known: "Known | None" = None
    ) -> Settled:
        """Settle the pair."""


class Place(Enum):
    """How it stands with a place that somebody wants."""

    FREE = auto()
    ASKED = auto()
    """Whoever held it was settled, and may have moved."""
    TAKEN = auto()


class MakesRoom(Protocol):
    """Has whoever holds a place move on, if it has another place to be. Raises Circle."""

    async def in_nomis(self, key: str, nomis_id: NomisLocationId | None, waits: UUID, way: Way) -> Place:
        """Return how it stands with a description that the row `nomis_id` wants."""

    async def in_dps(self, holder: UUID, waits: UUID, way: Way) -> bool:
        """Return whether the holder may have moved."""


class Gone(Exception):
    """The NOMIS row of a linked pair is not there."""


class NotInDps(Exception):
    """DPS knows nothing of the location of a linked pair, not even that it was deleted; its NOMIS row is there."""


@dataclass(frozen=True, slots=True)
class Known:
    """What a walk was told before it came here, so that it need not ask again: true at some moment of this very walk.

    A stale mirror does no harm: every write is conditional on it.
    """

    mirror: LocationMirror | None = None
    links: Mapping[NomisLocationId, UUID] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Look:
    """Both sides as seen at one moment, and what follows."""

    mirror: LocationMirror
    row: NomisRow
    merged: Merged
    rewrites: bool
    lost: tuple[Conflict, ...]
    kept: bool

    @property
    def stands_aside(self) -> bool:
        """Whether DPS has us under the code of one who stands aside."""
        return self.mirror.location.code == aside_code(self.row.location.location_id)

    @property
    def may_move_on(self) -> bool:
        """Whether we still stand aside in DPS after this look, and sync may give us a code again."""
        waits = self.stands_aside and self.row.location.location_code != self.mirror.location.code
        return waits and Field.CODE not in self.merged.to_dps and self.merged.kind not in DPS_MASTERED

    @property
    def writes_nomis(self) -> bool:
        """Whether NOMIS lacks something."""
        return bool(self.merged.to_nomis) or self.rewrites

    @property
    def news(self) -> bool:
        """Whether anything is left to write, the record of the agreement included."""
        state, row = self.mirror.sync, self.row.location
        agreed = self.merged.base | ({} if self.kept else {KEY: self.mirror.location.key})
        return bool(
            self.writes_nomis
            or self.merged.to_dps
            or self.merged.conflicts
            or state.published
            or {**(state.base or {}), **agreed} != state.base
            or state.nomis_location_id != row.location_id
            or (state.nomis_description != row.description and not stands_aside(row.description)),
        )


@dataclass(slots=True)
class Memory:
    """What one walk over a pair learns on the way. `kept` says that NOMIS's description stays, as its key is taken."""

    links: Links
    refused: frozenset[Field] = frozenset()
    kept: bool = False
    known: dict[str, list[JsonValue]] = field(default_factory=dict)
    """The amendments known before our first PUT: `published` forgets them if another walk confirms before us."""
    asked: Counter[UUID | str] = field(default_factory=Counter)
    rounds: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True, slots=True)
class PairWalk:
    """Walks one pair; holds no state of its own between calls."""

    locations: Locations
    nomis: Nomis
    relatives: Relatives
    room: MakesRoom
    limits: WalkLimits
    us: Us

    async def settle(self, dps_id: UUID, nomis_id: NomisLocationId, way: Way, known: Known) -> Settled:
        """Settle the pair. Raises Gone, NotInDps, Tombstoned, Circle, RetryLater when it keeps moving."""
        act = Act.NOTHING
        mirror = known.mirror
        memory = Memory(dict(known.links))
        for _ in range(self.limits.looks_max):
            seen = await self._look(mirror or await self._mirror(dps_id, nomis_id), nomis_id, memory, way)
            mirror = None
            recorded = await self._recorded(seen) if seen.lost else seen
            look = await self._with_room(recorded, memory, way) if recorded else None
            if look is None:
                continue
            if not look.news:
                return Settled(act, dps_id, nomis_id, look.mirror.location.key)
            if act is Act.NOTHING and not look.merged.settled:
                act = Act.AMENDED
            try:
                mirror = await self._write(look, memory, way)
            except (Stale, RefusedByDps, NomisKeyTaken):
                continue
            except ParentRefused:
                memory.refused |= {Field.PARENT}
            except KeyTaken as taken:
                await self._room_in_dps(taken, look, memory, way)
            if mirror is None:
                continue
            if not look.writes_nomis and not look.merged.to_dps:
                return Settled(act, dps_id, nomis_id, mirror.location.key)
            # What was taken over may have been taken back meanwhile, by an edit whose own walk found both sides equal.
            act = Act.AMENDED
            self._stop_endless(look, memory)
        raise RetryLater(f"{dps_id} and {nomis_id} keep changing")

    async def _recorded(self, look: Look) -> Look | None:
        """Record what a PUT of ours overwrote before anything else happens: a walk may be left for many reasons.

        None: look again.
        """
        mirror, lost = look.mirror, SyncWrite(last_updated_by=self.us.sync_user, conflicts=look.lost)
        try:
            after = await self.locations.write(mirror.location.id, lost, mirror.sync.etag)
        except Stale:
            return None
        return replace(look, mirror=after, lost=())

    async def _mirror(self, dps_id: UUID, nomis_id: NomisLocationId) -> LocationMirror:
        mirror = await self.locations.mirror(dps_id)
        if mirror is None and await self.nomis.read(nomis_id) is None:
            # Both halves are gone, or never were: only the link is left.
            raise Gone(str(nomis_id))
        if mirror is None:
            raise NotInDps(str(dps_id))
        return mirror

    async def _look(self, mirror: LocationMirror, nomis_id: NomisLocationId, memory: Memory, way: Way) -> Look:
        row = await self.nomis.read(nomis_id)
        if row is None:
            raise Gone(str(nomis_id))
        state, own = mirror.sync, mirror.location
        noted, own_known = made_since(state.published, row.location), made_since(memory.known, row.location)
        fresh = own_known if memory.known else noted
        theirs = project_nomis(row.location, await self._dps_parent(row.location.parent_location_id, memory.links, way))
        ours = self.us.nomis_api_user
        mine = project_dps(own)
        base = state.base or {}
        late, doubtful = written_late(row.location, mine, theirs, base, (noted, own_known), ours)
        if row.etag is not None:
            unsent = late - sent_from_dps(base, state.published, theirs, late)
            late, doubtful = late - unsent, doubtful - unsent.intersection(BESIDE)
        merged = merge(
            state.base,
            mine,
            theirs,
            published=with_published(state.published, {field: theirs[field] for field in late}),
            authority=state.authority,
            converted=own.converted_cell_type is not None,
            archived=own.archived,
            one_way=state.one_way,
            touched=edited_by_others(fresh, row.location, ours),
            refused=memory.refused,
        )
        merged = replace(merged, conflicts=merged.conflicts + in_doubt(merged, mine, theirs, base, doubtful))
        rewrites = not memory.kept and rewrites_description(mirror, row.location, merged, way.freeing, ours)
        lost = () if row.etag is not None else lost_in_the_gap(fresh, row.location, ours)
        return Look(mirror, row, merged, rewrites, lost, memory.kept)

    async def _dps_parent(self, parent: NomisLocationId | None, links: Links, way: Way) -> str | None:
        if parent is None:
            return None
        if parent not in links:
            try:
                links[parent] = await self.relatives.dps_parent(parent, way)
            except SyncOff:
                # Moved below a row that DPS does not take: the id it would have says that this is not DPS's parent.
                return str(dps_id_for(parent))
        return str(links[parent])

    def _stop_endless(self, look: Look, memory: Memory) -> None:
        """Give up a pair that stays as it was whatever is written; it comes again when either side changes.

        Raises Unprocessable.
        """
        states = look.row.location.model_dump_json(exclude={"amendments", "modify_username"})
        pair = look.mirror.location.model_dump_json() + states
        memory.rounds[pair] += 1
        if memory.rounds[pair] >= self.limits.rounds_max:
            stuck = ", ".join(sorted({f.value for f in (*look.merged.to_dps, *look.merged.to_nomis)})) or "description"
            raise Unprocessable(f"cannot settle {look.mirror.location.id} and {look.row.location.location_id}: {stuck}")

    async def _write(self, look: Look, memory: Memory, way: Way) -> LocationMirror | None:
        """Write to DPS, then to NOMIS; return DPS as it was left."""
        mirror = await self._write_dps(look, memory)
        if look.writes_nomis:
            memory.known = memory.known or {KNOWN: known_amendments(look.row.location)}
            await self._write_nomis(look, way)
        return mirror

    async def _write_dps(self, look: Look, memory: Memory) -> LocationMirror:
        """Write in one call what DPS lacks, what both are seen to agree on, and what is about to go to NOMIS."""
        mirror, row, merged = look.mirror, look.row.location, look.merged
        published: dict[str, list[JsonValue]] = {}
        before = dict(mirror.sync.published)
        left = before.pop(LEFT, None)
        if look.writes_nomis:
            published = with_published(before, merged.to_nomis) | {KNOWN: known_amendments(row)}
        if left is not None and look.may_move_on:
            published[LEFT] = left
        write = SyncWrite(
            last_updated_by=row.modify_username or row.create_username or self.us.sync_user,
            fields=dps_fields(merged.to_dps, mirror.location),
            base=_agreed(mirror.sync.base, merged, before, published),
            key_agreed=not look.writes_nomis and not memory.kept,
            published=published,
            nomis_location_id=row.location_id,
            # Not remembered while it is to be another: whoever takes over then sees that it has yet to take its place.
            nomis_description=None if look.rewrites or stands_aside(row.description) else row.description,
            conflicts=(
                *merged.conflicts,
                *description_conflicts(mirror, row, rewrites=look.rewrites),
            ),
        )
        return await self.locations.write(mirror.location.id, write, mirror.sync.etag)

    async def _write_nomis(self, look: Look, way: Way) -> None:
        own, row, merged = look.mirror.location, look.row.location, look.merged
        parent = row.parent_location_id
        if Field.PARENT in merged.to_nomis:
            parent = await self.relatives.nomis_parent(own.parent_id, way) if own.parent_id else None
        description = own.key if look.rewrites else row.description
        writes = nomis_writes(row, merged.to_nomis, parent=parent, description=description)
        try:
            await self._carry_out(look.row, writes)
        except NotAccepted:
            if parent is None or own.parent_id is None or await self.nomis.read(parent) is not None:
                raise
            await self.relatives.restore_parent(own.parent_id, parent, own.id, way)
            raise Stale from None

    async def _carry_out(self, row: NomisRow, writes: NomisWrites) -> None:
        """Write to NOMIS. One without conditional writes is read again right before. Raises Stale, NomisKeyTaken."""
        await self._check_unmoved(row)
        await self.nomis.carry_out(row.location.location_id, writes, row.etag)

    async def _check_unmoved(self, row: NomisRow) -> None:
        if row.etag is None:
            again = await self.nomis.read(row.location.location_id)
            if again is None or again.location != row.location:
                raise Stale

    async def _with_room(self, look: Look, memory: Memory, way: Way) -> Look | None:
        """Have the row with our key move on; else our description stays as it is: it need not be the key.

        None: look again.
        """
        if not look.rewrites:
            return look
        own = look.mirror.location
        memory.asked[own.key] += 1
        place = Place.TAKEN
        if memory.asked[own.key] <= ASKED_MAX:
            try:
                place = await self.room.in_nomis(own.key, look.row.location.location_id, own.id, way)
            except Circle as circle:
                if await self._stood_aside(circle, look, memory):
                    return None
        if place is Place.ASKED:
            return None
        if place is Place.TAKEN and look.row.location.description == way.freeing:
            # Ours is held for good, and what we have instead somebody needs.
            await self._aside_in_nomis(look, memory)
            return None
        if place is Place.TAKEN:
            memory.kept = True
            return replace(look, rewrites=False, kept=True)
        return look

    async def _room_in_dps(self, taken: KeyTaken, look: Look, memory: Memory, way: Way) -> None:
        """Have the location with that path move on, or refuse NOMIS's move: DPS has each path once."""
        own = look.mirror.location
        if taken.holder == own.id:
            return
        try:
            moves = await self._moves_on(taken.holder, own.id, memory, way)
        except Circle as circle:
            moves = await self._stood_aside(circle, look, memory)
        if not moves:
            memory.refused |= MOVES
            await self._step_back(look)

    async def _moves_on(self, holder: UUID | None, waits: UUID, memory: Memory, way: Way) -> bool:
        if holder is None:
            return False
        memory.asked[holder] += 1
        return memory.asked[holder] <= ASKED_MAX and await self.room.in_dps(holder, waits, way)

    async def _stood_aside(self, circle: Circle, look: Look, memory: Memory) -> bool:
        """Leave our place so that the others of a circle can move; ours is free when we look again.

        False where that would wipe a code that staff just gave. Raises Circle when it is not about us.
        """
        own, row, state = look.mirror.location, look.row.location, look.mirror.sync
        if circle.who != own.id:
            raise circle
        if circle.side is Side.NOMIS:
            await self._aside_in_nomis(look, memory)
        elif _edited_code(look) or not MOVES & set(look.merged.to_dps):
            # Staff just gave us that code, or we have no other place to go in DPS: whoever wants ours does not get it.
            return False
        else:
            await self._take_code(look, aside_code(row.location_id), {**state.published, LEFT: [own.code]})
        return True

    async def _aside_in_nomis(self, look: Look, memory: Memory) -> None:
        """Give up our description. It is a PUT as any other: what it might overwrite has to be seen afterwards."""
        row, state = look.row, look.mirror.sync
        try:
            if row.etag is None and KNOWN not in state.published:
                noted = {**state.published, KNOWN: known_amendments(row.location)}
                write = SyncWrite(last_updated_by=self.us.sync_user, published=noted)
                await self.locations.write(look.mirror.location.id, write, state.etag)
            memory.known = memory.known or {KNOWN: known_amendments(row.location)}
            await self._check_unmoved(row)
            await leave_place(self.nomis, row)
        except Stale:
            return

    async def _step_back(self, look: Look) -> None:
        """Take back the code that we had before we stood aside: there was no place for us elsewhere.

        If that place is taken too, we stay as we are, on both sides, and the record tells people why.
        """
        published = dict(look.mirror.sync.published)
        left = published.pop(LEFT, None)
        if left is None or not look.stands_aside:
            return
        try:
            await self._take_code(look, str(left[0]), published)
        except KeyTaken:
            await self._take_code(look, look.mirror.location.code, published)

    async def _take_code(self, look: Look, code: str, published: Mapping[str, list[JsonValue]]) -> None:
        """Change our code in DPS as nobody's edit: the base takes it too."""
        state = look.mirror.sync
        write = SyncWrite(
            last_updated_by=self.us.sync_user,
            fields={Field.CODE.value: code},
            base=dict(state.base or {}) | {Field.CODE.value: code},
            published=dict(published),
        )
        try:
            await self.locations.write(look.mirror.location.id, write, state.etag)
        except (Stale, RefusedByDps):
            return


def _edited_code(look: Look) -> bool:
    """Whether DPS has a code of its own that standing aside would wipe."""
    return (look.mirror.sync.base or {}).get(Field.CODE.value) != look.mirror.location.code


def _agreed(
    base: Mapping[str, JsonValue] | None, merged: Merged, published: Published, going: Published
) -> dict[str, JsonValue]:
    """Return the base after this write: what is still on its way to NOMIS, and so the key, keeps the old one."""
    old = base or {}
    agreed: dict[str, JsonValue] = {}
    for name, value in merged.base.items():
        if Field(name) not in merged.to_nomis:
            agreed[name] = value
        elif name in old:
            agreed[name] = old[name]
    if KEY in old:
        agreed[KEY] = old[KEY]
    if earlier := earlier_values(old, agreed, published, going):
        agreed[EARLIER] = earlier
    if sent := sent_values(old, published):
        agreed[SENT] = sent
    return agreed
