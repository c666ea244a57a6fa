"""What people do about conflicts: read them, say that they saw them, choose the other value.

Choosing is an ordinary edit of DPS, with its version, history and event; the walk takes it to NOMIS like any other.
"""

from msgspec.structs import replace
from pydantic import JsonValue

from libs.db.pool import Connection
from libs.domain.shared import Field
from libs.domain.sync import Side
from libs.domain.translation import UNSHARED_ATTRIBUTES
from libs.messaging.audit import Act
from services.locations.changes.desk import Actor, Changed, Desk, E
from services.locations.changes.fields import parsed
from services.locations.errors import ConflictNotFound, LocationArchived, LocationNotFound, NothingToChoose
from services.locations.records import ConflictFilter, LocationRow, RecordedConflict
from services.locations.rules import announcing, synced
from services.locations.rules.hierarchy import Hierarchy
from services.locations.rules.placing import placed
from services.locations.store import conflicts, rows
from services.locations.store.family import held

# A deleted row or a description has no value that an edit could bring back.
CHOOSABLE = frozenset(field.value for field in Field)
NUMBERS = frozenset(
    {Field.ORDER, Field.MAX_CAPACITY, Field.WORKING_CAPACITY, Field.CERTIFIED_CAPACITY},
)


class ConflictChanges:
    """Carries out what people ask for."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def listed(self, wish: ConflictFilter, after: int, most: int) -> list[RecordedConflict]:
        """Return conflicts in the order they were found, after one."""
        async with self._desk.writing() as tx:
            return await conflicts.listed(tx, wish, after, most)

    async def one(self, conflict_id: int, actor: Actor) -> RecordedConflict:
        """Return a conflict. Raises ConflictNotFound, NotInCaseload."""
        async with self._desk.writing() as tx:
            return await _found(tx, conflict_id, actor)

    async def acknowledge(self, conflict_id: int, actor: Actor) -> RecordedConflict:
        """Note that somebody saw it; twice is once. Raises ConflictNotFound, NotInCaseload."""
        async with self._desk.writing() as tx:
            conflict = await _found(tx, conflict_id, actor, lock=True)
            await conflicts.answer(tx, conflict_id, actor.username, self._desk.announcer.now())
            if conflict.acknowledged_at is None:
                await self._audit(tx, conflict, actor)
            return await _found(tx, conflict_id, actor)

    async def choose(self, conflict_id: int, side: Side, actor: Actor) -> Changed:
        """Give the location the value that a side had, whoever won.

        Raises ConflictNotFound, NotInCaseload, NothingToChoose, LocationNotFound, LocationArchived, FieldNotAllowed,
        ParentNotAllowed, LocationKeyTaken, LocationBusy.
        """
        async with self._desk.writing() as tx:
            # The order of locks: tree and rows of the location, then the conflict.
            conflict = await _found(tx, conflict_id, actor)
            hierarchy, row = await self._desk.one(tx, conflict.location_id, actor)
            conflict = await _found(tx, conflict_id, actor, lock=True)
            if hierarchy.standing(row).archived:
                raise LocationArchived(row.key)
            after = await self._chosen(
                tx, hierarchy, row, conflict, conflict.dps if side is Side.DPS else conflict.nomis
            )
            kind = announcing.event_type(row, after)
            done = await self._desk.save(tx, [(row, after)] if kind else [], actor)
            told = [(kind, each) for each in done if kind is not None]
            if after.path_hierarchy != row.path_hierarchy:
                told += [(E.AMENDED, each) for each in hierarchy.renamed(row, after)]
            await self._desk.tell(tx, *told)
            await conflicts.answer(tx, conflict_id, actor.username, self._desk.announcer.now(), side.value)
            await self._audit(tx, conflict, actor, side)
            return await self._desk.shown(tx, row.id)

    async def _audit(
        self, tx: Connection, conflict: RecordedConflict, actor: Actor, chosen: Side | None = None
    ) -> None:
        what = "LOCATION_CONFLICT_ACKNOWLEDGED" if chosen is None else "LOCATION_CONFLICT_DECIDED"
        told = {"conflictId": conflict.id, "key": conflict.key, "field": conflict.field, "chosen": chosen}
        await self._desk.announcer.auditor.note(
            tx, Act(what, actor.username, str(conflict.location_id), "LOCATION_ID", told)
        )

    async def _chosen(
        self, tx: Connection, hierarchy: Hierarchy, row: LocationRow, conflict: RecordedConflict, value: JsonValue
    ) -> LocationRow:
        """Return the location with the value, placed by the rules of staff where it is a code or a parent."""
        if conflict.field not in CHOOSABLE or row.converted_cell_type is not None:
            raise NothingToChoose(conflict.field, row.key)
        field = Field(conflict.field)
        read = parsed({field.value: _as_written(field, value, row)})
        if field not in {Field.CODE, Field.PARENT}:
            after = synced.changed(row, read)
            closes = row.active and not after.active and after.deactivated_date is None
            return replace(after, deactivated_date=self._desk.now()) if closes else after
        after = synced.changed(row, read)
        if after.parent_id is not None and hierarchy.get(after.parent_id) is None:
            hierarchy.put(await held(tx, [after.parent_id]))
            if hierarchy.get(after.parent_id) is None:
                raise LocationNotFound(f"{after.parent_id} (parentId)")
        after = placed(hierarchy, row, after.code, after.parent_id)
        await rows.rename(tx, row, after.path_hierarchy)
        return after


async def _found(tx: Connection, conflict_id: int, actor: Actor, *, lock: bool = False) -> RecordedConflict:
    found = await conflicts.get(tx, conflict_id, lock=lock)
    if found is None:
        raise ConflictNotFound(conflict_id)
    actor.may_act_on(found.prison_id)
    return found


def _as_written(field: Field, value: JsonValue, row: LocationRow) -> JsonValue:
    """Return a value as a write has it: what NOMIS cannot express stays, and amendments tell of numbers in text."""
    if field is Field.ATTRIBUTES and isinstance(value, list):
        return [*value, *(each.value for each in row.attributes if each in UNSHARED_ATTRIBUTES)]
    if field in NUMBERS and isinstance(value, str):
        return int(value) if value.lstrip("-").isdigit() else None
    return value
