"""What must hold once all is quiet; every sentence that does not is told in words."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from libs.domain.comparing import is_spare
from libs.domain.events import Source
from libs.domain.identity import dps_id_for, is_vsip_room, stands_aside
from libs.domain.nomis import NomisLocation, NomisLocationId
from libs.domain.shared import DETAIL_FIELDS, DPS_MASTERED, SYNCED, Field, kind_in_dps, project_dps, project_nomis
from libs.domain.sync import Conflict, OwnLocation, Side
from libs.domain.writing import is_soft_deleted
from libs.settling.keys import aside_code
from services.reconciliation.records import DueLocation
from services.reconciliation.rules.settling import PARKED_ONE_WAY
from tests.simulation.people import People
from tests.simulation.sides import Edit
from tests.simulation.world import World

DUPLICATE = "duplicate path"
UNLABELLED = frozenset({Field.LOCAL_NAME, Field.PARENT, Field.ATTRIBUTES, Field.USAGES})
"""Fields whose change leaves no amendment in NOMIS that names it (ADR 0007, The gap)."""
EVENTS_FOR_EDIT = 30
"""A rename announces all that is below, and each of those is settled: what a storm would be is far beyond."""


def faults(world: World, people: People) -> list[str]:
    """Return everything that is wrong."""
    kept = Kept(world, people)
    return [
        *_equal(world),
        *_links(world),
        *_remembered(world),
        *_messages(world, people),
        *kept.lost(),
        *kept.made_up(),
        *kept.copied(),
    ]


def duplicates(world: World) -> list[NomisLocation]:
    """Rows that DPS cannot hold, because a linked location has their path: a person gives one another code."""
    found: list[NomisLocation] = []
    if world.one_way_since is not None:
        return found
    for row in world.nomis.rows.values():
        link = world.mappings.by_nomis.get(row.parent_location_id) if row.parent_location_id is not None else None
        above = world.locations.rows.get(link.dps_location_id) if link else None
        path = f"{above.path_hierarchy}-{row.location_code}" if above else row.location_code
        unlinked = row.location_id not in world.mappings.by_nomis and not is_spare(row)
        if unlinked and world.locations.holder_of(row.prison_id, path):
            found.append(row)
    return found


def _equal(world: World) -> Iterator[str]:
    for own in world.locations.locations.values():
        link = world.mappings.by_dps.get(own.id)
        row = world.nomis.rows.get(link.nomis_location_id) if link else None
        if row is None:
            yield f"{own.key} {own.id} is only in DPS"
            continue
        mine, theirs = project_dps(own), project_nomis(row, _parent(world, row))
        for field in SYNCED[kind_in_dps(own)]:
            if mine[field] != theirs[field]:
                yield f"{own.key} {own.id}: {field} is {mine[field]!r} in DPS and {theirs[field]!r} in NOMIS"
        if _stands_aside(world, own) and not _has_no_place(world, own):
            yield f"{own.key} still stands aside in DPS"
        if stands_aside(row.description) and not stands_aside(own.key) and not _held_one_way(world, own.key):
            yield f"{row.description} still stands aside in NOMIS"
    for row in world.nomis.rows.values():
        alone = row.location_id not in world.mappings.by_nomis and not is_spare(row)
        if alone and not _reported_one_way(world, row):
            yield f"{row.description} {row.location_id} is only in NOMIS"


def _held_one_way(world: World, key: str) -> bool:
    """Whether a row that people were told of has this key: they have to say what becomes of it."""
    return any(row.description == key and _reported_one_way(world, row) for row in world.nomis.rows.values())


def _reported_one_way(world: World, row: NomisLocation) -> bool:
    """Whether it was inserted in a prison that takes nothing from NOMIS, and people were told."""
    if world.one_way_since is None or is_vsip_room(row.description):
        return False
    due = world.due.rows.get(DueLocation(Side.NOMIS, str(row.location_id)))
    return due is not None and due.parked == PARKED_ONE_WAY


def _stands_aside(world: World, own: OwnLocation) -> bool:
    """Whether it has the code of one who stands aside; `~ID` of a row that was never its own was given by a screen.

    An archived location keeps `~ID` and gives it to its row; somebody deletes that row and makes it again.
    """
    return own.code in {aside_code(nomis_id) for dps_id, nomis_id in world.mappings.ever if dps_id == own.id}


def _has_no_place(world: World, own: OwnLocation) -> bool:
    """Whether only people can give it a code again, which the record tells them (ADR 0016).

    It was archived or converted in that very moment, or both the place it left and the one it wants were taken.
    """
    told = any(location_id == own.id and c.field == Field.CODE for location_id, c in world.locations.conflicts)
    return told or kind_in_dps(own) in DPS_MASTERED


def _parent(world: World, row: NomisLocation) -> str | None:
    above = row.parent_location_id
    if above is None:
        return None
    link = world.mappings.by_nomis.get(above)
    return str(link.dps_location_id) if link else f"unlinked {above}"


def _links(world: World) -> Iterator[str]:
    if len(world.mappings.by_dps) != len(world.mappings.by_nomis):
        yield "links are not one to one"
    for dps_id, link in world.mappings.by_dps.items():
        row = world.nomis.rows.get(link.nomis_location_id)
        if dps_id in world.locations.tombstones and row is not None:
            if not is_soft_deleted(row):
                yield f"{row.description} {row.location_id} was deleted in DPS and is in use in NOMIS"
        elif dps_id not in world.locations.rows:
            yield f"a link leads from {link.nomis_location_id} to {dps_id}, which is not there"


def _remembered(world: World) -> Iterator[str]:
    for location_id, state in world.locations.states.items():
        own = world.locations.rows[location_id]
        if state.published:
            yield f"{own.key} {own.id}: {sorted(state.published)} are still on their way"
    for where, due in world.due.rows.items():
        if due.parked is None and world.seams.settle_check:
            yield f"{where.side} {where.id} is still due for a look"


def _messages(world: World, people: People) -> Iterator[str]:
    for queue, parcel in world.dead_letters():
        yield f"stuck in {queue}: {parcel.attributes.get('failureReason')}"
    if world.counted.echoes:
        yield f"{len(world.counted.echoes)} of our own changes were walked again, first {world.counted.echoes[0]}"
    events = sum(len(outbox.rows) for _, outbox in world.relays)
    if events > EVENTS_FOR_EDIT * (people.made + 10):
        yield f"{events} events of {people.made} edits"


@dataclass(frozen=True, slots=True)
class Kept:
    """Judges for each edit whether it survived, was overwritten by somebody who saw it, or is in the record."""

    world: World
    people: People

    def lost(self) -> Iterator[str]:
        """Return the edits of which nobody will ever know."""
        for edit in self.people.journal:
            who = self._dps_id(edit)
            # Whoever deleted the row on that side did away with what was edited in it.
            if who is None or who in self.people.buried or edit.who in self.world.nomis.deleted:
                continue
            if who in self.world.locations.rows:
                found = not self._survived(edit, who) and not self._recorded(edit, who)
            else:
                found = edit.side is Source.DPS and not self._went_knowingly(edit, who)
            if found and not self._replaced(edit, who):
                yield f"lost: {edit.side} {edit.who} {edit.field} {edit.old!r} -> {edit.new!r} of step {edit.step}"

    def made_up(self) -> Iterator[str]:
        """Return the conflicts over a field that nobody changed in NOMIS: there was nothing to overwrite.

        One that was linked to another row meanwhile met the values of that, and one that met an inserted row those.
        The row that a location was made of counts though its link was never saved: it may have been deleted before.
        """
        nomis = self.world.nomis
        made_of = {(dps_id_for(nomis_id), nomis_id) for nomis_id in (*nomis.rows, *nomis.deleted)}
        rows = Counter(dps_id for dps_id, _ in {*self.world.mappings.ever} | made_of)
        edited = {(self._dps_id(e), e.field.value) for e in self.people.journal if e.side is Source.NOMIS}
        for who, conflict in self.world.locations.conflicts:
            both = conflict.reason == "changed on both sides" and conflict.field != "description"
            brought = isinstance(conflict.nomis, str | int) and conflict.nomis in self.people.brought
            if both and not brought and rows[who] == 1 and (who, conflict.field) not in edited:
                yield f"made up: {who} {conflict.field} is {conflict.dps!r} in DPS and was never {conflict.nomis!r}"

    def copied(self) -> Iterator[str]:
        """Return what a prison that is one way took from NOMIS. Texts and orders are never used twice."""
        since = self.world.one_way_since
        for edit in self.people.journal if since is not None else ():
            who = self._dps_id(edit)
            told = edit.field in (Field.COMMENTS, Field.LOCAL_NAME, Field.ORDER) and edit.side is Source.NOMIS
            if since is None or not told or edit.step <= since or who not in self.world.locations.rows:
                continue
            row = self.world.nomis.rows.get(NomisLocationId(int(str(edit.who))))
            if row is not None and is_vsip_room(row.description):
                continue
            if edit.new == self.world.locations.shown(who)[edit.field]:
                yield f"copied though one way: {edit.who} {edit.field} {edit.new!r} of step {edit.step}"

    def _survived(self, edit: Edit, who: UUID) -> bool:
        world = self.world
        own = world.locations.rows[who].own()
        if edit.field not in SYNCED[kind_in_dps(own)]:
            return True
        if edit.field in DETAIL_FIELDS and own.active:
            return True
        if edit.side is Source.NOMIS and edit.field in UNLABELLED and self._may_be_missed(edit):
            return True
        return self._same(edit.new, world.locations.shown(who)[edit.field])

    def _may_be_missed(self, edit: Edit) -> bool:
        """The stated gap: overwritten in a NOMIS without conditional writes, or set back to what it was."""
        if not self.world.nomis.conditional_writes:
            return True
        earlier = [e for e in self.people.journal if (e.who, e.field) == (edit.who, edit.field) and e.step < edit.step]
        return any(e.old == edit.new for e in earlier) or edit.field in (Field.ATTRIBUTES, Field.PARENT)

    def _recorded(self, edit: Edit, who: UUID) -> bool:
        return any(
            conflict.field in (edit.field.value, "deleted") and self._tells(conflict, edit)
            for location_id, conflict in self.world.locations.conflicts
            if location_id == who
        )

    def _tells(self, conflict: Conflict, edit: Edit) -> bool:
        if conflict.field == "deleted" or "before it was seen" in conflict.reason:
            return True
        return any(self._same(edit.new, told) for told in (conflict.dps, conflict.nomis))

    def _went_knowingly(self, edit: Edit, who: UUID) -> bool:
        gone = self.world.locations.gone.get(who)
        if gone is not None and edit.field not in SYNCED[kind_in_dps(gone.own())]:
            return True
        rows = [self.world.nomis.deleted.get(i) for d, i in self.world.mappings.ever if d == who]
        return self._recorded(edit, who) or any(row and self._same(edit.new, row[edit.field]) for row in rows)

    def _replaced(self, edit: Edit, who: UUID) -> bool:
        return any(
            later.field is edit.field and self._same(edit.new, later.old) and self._dps_id(later) == who
            for later in self.people.journal
            if later is not edit
        )

    def _dps_id(self, edit: Edit) -> UUID | None:
        if isinstance(edit.who, UUID):
            return edit.who
        return self._linked(edit.who)

    def _linked(self, nomis_id: Any) -> UUID | None:
        return next((d for d, i in reversed(self.world.mappings.ever) if i == nomis_id), None)

    def _same(self, one: object, other: object) -> bool:
        return self._plain(one) == self._plain(other)

    def _plain(self, value: object) -> object:
        """Name a parent by its DPS id, whichever side named it."""
        match value:
            case (Source.DPS, parent):
                return str(parent)
            case (Source.NOMIS, parent):
                return str(self._linked(parent))
        return value


def told(wrong: Iterable[str]) -> str:
    return "\n".join(f"  {each}" for each in wrong)
