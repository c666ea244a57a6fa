"""What must hold once all is quiet; every sentence that does not is told in words.

What it lets pass, each with its reason:

- *Edits in a NOMIS row that is deleted by hand*: whoever deleted it did away with what was edited in it. So did
  whoever deleted a row that showed a DPS edit; a row made again in its place brings values of its own.
- *Edits of a location that a client deleted in DPS*: it goes out of use in NOMIS, so its state and capacities there
  are moot; what else a screen edited stays in the row or is on record, unless one of our PUTs replaced it before it
  was seen and the deletion came before the next look: then there is no location to record it with.
- *An edit that sets a field back to what both sides agreed on*, before any walk saw what it undoes, while the other
  side edits the field: nothing is left of it, and the other side's edit stands, without a conflict.
- *The gap* (ADR 0007): of name, parent, attributes and uses only, a PUT that was begun before the edit replaced it,
  or the edit set the field back to what was agreed on. In a NOMIS with conditional writes no PUT can, and the first
  never passes.
- *Fields that are no longer shared* since a location was converted or archived: each side keeps its own, which is
  checked.
- *Details of a deactivation* where a person put the location to use again later.
- *Rows left over* by a create that came twice are equal to nothing in DPS (`is_spare`), and rows inserted in a prison
  that is one way stay where people were told of them.
- *Operators* (`Player._mend`): after the quiet they give one of two rows with one path another code, try again what
  failed in a migration, and send dead letters again, up to three times; what is then still dead or different is a
  fault. What reconciliation parked they ask for again only with a failed item of a migration: the rest comes back by
  itself.
- *Parked for good*: a converted cell whose attributes differ, who stands aside until a person gives it a code, and
  whose row cannot be called by its key, because another is.
- *People* do not delete a location that is just being created again in NOMIS, and do not rename, move or delete a row
  that DPS made and has not linked yet (ADR 0007, Not covered).
"""

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
from libs.domain.sync import OwnLocation, Side
from libs.domain.writing import is_soft_deleted
from libs.settling.keys import aside_code
from services.reconciliation.records import DueLocation, Finding
from services.reconciliation.rules.settling import PARKED_ONE_WAY
from tests.simulation.people import People
from tests.simulation.sides import Edit, Told
from tests.simulation.world import World

DUPLICATE = "duplicate path"
COMPARED_ONLY = f"{Finding.DIFFERENT.value}: {Field.ATTRIBUTES.value}"
"""Why a converted cell is parked whose attributes differ: no walk moves them."""
CAPACITIES = (Field.MAX_CAPACITY, Field.WORKING_CAPACITY, Field.CERTIFIED, Field.CERTIFIED_CAPACITY)
UNLABELLED = frozenset({Field.LOCAL_NAME, Field.PARENT, Field.ATTRIBUTES, Field.USAGES})
"""Fields whose change leaves no amendment in NOMIS that names it (ADR 0007, The gap)."""
CLOSING = frozenset({Field.DEACTIVATED_DATE, Field.DEACTIVATED_REASON})
OUT_OF_USE = frozenset({*DETAIL_FIELDS, Field.ACTIVE, *CAPACITIES})
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


def lost_in_the_gap(world: World, people: People) -> int:
    """Count the edits of which there is no record, by the gap that ADR 0007 states."""
    return len([*Kept(world, people, excuses_gap=False).lost()]) - len([*Kept(world, people).lost()])


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
        parked = due.parked is not None and due.parked not in (PARKED_ONE_WAY, COMPARED_ONLY)
        if parked and not _waits_for_a_place(world, where) and not _waits_for_a_name(world, where, due.key):
            yield f"{where.side} {where.id} is parked: {due.parked}"
    for where in world.due.parked_unheard:
        yield f"{where.side} {where.id} was parked while a worker had still to come to what it was asked"


def _waits_for_a_place(world: World, where: DueLocation) -> bool:
    """Whether it stands aside on both sides until a person gives it a code."""
    link = world.mappings.by_nomis.get(NomisLocationId(int(where.id))) if where.side is Side.NOMIS else None
    dps_id = UUID(where.id) if where.side is Side.DPS else link.dps_location_id if link else None
    row = world.locations.rows.get(dps_id) if dps_id else None
    return row is not None and _stands_aside(world, row.own()) and _has_no_place(world, row.own())


def _waits_for_a_name(world: World, where: DueLocation, key: str) -> bool:
    """Whether another row of NOMIS still has the description that is its key."""
    dps_id = UUID(where.id) if where.side is Side.DPS else None
    link = world.mappings.by_dps.get(dps_id) if dps_id else None
    nomis_id = link.nomis_location_id if link else where.id
    return any(row.description == key and str(row.location_id) != str(nomis_id) for row in world.nomis.rows.values())


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
    excuses_gap: bool = True

    def lost(self) -> Iterator[str]:
        """Return the edits of which nobody will ever know."""
        for number, edit in enumerate(self.people.journal):
            who = self._dps_id(edit)
            if who is None or edit.who in self.world.nomis.deleted or self._replaced(number, edit, who):
                continue
            if who in self.people.buried:
                found = not self._stayed_in_nomis(edit) and not self._recorded(edit, who)
                found = found and not self._buried_in_the_gap(edit, who)
            elif who in self.world.locations.rows:
                found = not self._survived(number, edit, who) and not self._recorded(edit, who)
            else:
                found = edit.side is Source.DPS and not self._went_knowingly(edit, who)
            if found:
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
            # With NOMIS's value that of the base, somebody touched the field and set it back.
            both = both and conflict.nomis != conflict.base
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

    def _survived(self, number: int, edit: Edit, who: UUID) -> bool:
        world = self.world
        own, final = world.locations.rows[who].own(), world.locations.shown(who)[edit.field]
        if self._same(edit.new, final):
            return True
        if edit.field not in SYNCED[kind_in_dps(own)]:
            return self._stayed_in_nomis(edit)
        if edit.field in DETAIL_FIELDS and own.active and self._activated(number, who):
            return True
        if self._in_the_gap(edit) or (edit.side is Source.DPS and self._deleted_with_it(edit, who)):
            return True
        return self._undoes(edit, who) and self._set_by_the_other(edit, who, final)

    def _undoes(self, edit: Edit, who: UUID) -> bool:
        """Whether it set the field to what was agreed on: with its row, or with the one before, if adopted later.

        A location whose row is gone takes one that was made again, and what both agreed on before is its base still.
        """
        if edit.undoes or isinstance(edit.who, UUID):
            return edit.undoes
        step, base = self.world.mappings.met.get((who, edit.who), (0, {}))
        name = edit.field.value
        return edit.step <= step and name in base and base[name] == self._plain(edit.new)

    def _stayed_in_nomis(self, edit: Edit) -> bool:
        """Whether NOMIS keeps it as its own; a location that was deleted in DPS is out of use there."""
        if edit.side is Source.DPS:
            return True
        row = self.world.nomis.rows.get(NomisLocationId(int(str(edit.who))))
        if row is None or (is_soft_deleted(row) and edit.field in OUT_OF_USE):
            return True
        overwritten = any(
            put.step > edit.step
            and self._same(put.before[edit.field], edit.new)
            and put.after[edit.field] != put.before[edit.field]
            for put in self.world.nomis.puts
            if put.row == edit.who
        )
        return not overwritten or self._in_the_gap(edit)

    def _buried_in_the_gap(self, edit: Edit, who: UUID) -> bool:
        return self.excuses_gap and who in self.people.buried and self._overwritten_unseen(edit)

    def _activated(self, number: int, who: UUID) -> bool:
        """Whether a person, who may have seen it, put the location to use again."""
        return any(
            later.field is Field.ACTIVE and later.new is True and self._dps_id(later) == who
            for later in self.people.journal[number + 1 :]
        )

    def _in_the_gap(self, edit: Edit) -> bool:
        """The stated gap, of fields that leave no amendment: a PUT of ours replaced it that was begun before it.

        Or it set the field back to what was agreed on before, and looked like a PUT that had not come or came late.
        """
        if not self.excuses_gap or edit.side is not Source.NOMIS or edit.field not in UNLABELLED:
            return False
        return edit.undoes or self._overwritten_unseen(edit)

    def _overwritten_unseen(self, edit: Edit) -> bool:
        return not self.world.nomis.conditional_writes and any(
            put.read_at <= edit.step < put.step and self._same(put.before[edit.field], edit.new)
            for put in self.world.nomis.puts
            if put.row == edit.who and put.after[edit.field] != put.before[edit.field]
        )

    def _set_by_the_other(self, edit: Edit, who: UUID, final: object) -> bool:
        """Whether an edit of the other side stood instead: it is there at the end, or was replaced by who saw it."""
        return any(
            each.side is not edit.side
            and each.field is edit.field
            and self._dps_id(each) == who
            and (self._same(each.new, final) or self._replaced(number, each, who))
            for number, each in enumerate(self.people.journal)
        )

    def _recorded(self, edit: Edit, who: UUID) -> bool:
        told = [each.conflict for each in self._told(edit, who)]
        closed = edit.field is Field.ACTIVE and edit.new is False and edit.side is Source.NOMIS
        if closed and any(c.field in CLOSING and c.nomis for c in told):
            # Who closes a row gives a day and a reason, and these tell of it as well.
            return True
        same = (c for c in told if c.field == edit.field)
        return any(self._same(edit.new, value) for c in same for value in (c.dps, c.nomis))

    def _told(self, edit: Edit, who: UUID) -> Iterator[Told]:
        """Return what was recorded of the location since the edit."""
        return (told for told in self.world.locations.told if told.who == who and told.step >= edit.step)

    def _went_knowingly(self, edit: Edit, who: UUID) -> bool:
        gone = self.world.locations.gone.get(who)
        if gone is not None and edit.field not in SYNCED[kind_in_dps(gone.own())]:
            return True
        if any(told.conflict.field == "deleted" and told.conflict.won is Side.NOMIS for told in self._told(edit, who)):
            return True
        return edit.undoes or self._recorded(edit, who) or self._deleted_with_it(edit, who)

    def _deleted_with_it(self, edit: Edit, who: UUID) -> bool:
        """Whether a row that held it was deleted by hand: whoever did that saw it."""
        rows = [self.world.nomis.deleted.get(i) for d, i in self.world.mappings.ever if d == who]
        return any(row and self._same(edit.new, row[edit.field]) for row in rows)

    def _replaced(self, number: int, edit: Edit, who: UUID) -> bool:
        """Whether somebody who saw it made it something else later."""
        return any(
            later.field is edit.field and self._same(edit.new, later.old) and self._dps_id(later) == who
            for later in self.people.journal[number + 1 :]
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
