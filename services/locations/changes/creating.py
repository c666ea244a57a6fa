"""What staff make: one location, or a wing with all that stands in it."""

from typing import Any

from libs.db.pool import Connection
from services.locations.changes.desk import Actor, Changed, Desk, E
from services.locations.errors import LocationNotFound
from services.locations.records import LocationRow
from services.locations.rules import history
from services.locations.rules.creating import NewLocation, NewWing, new_location, new_wing
from services.locations.rules.hierarchy import Hierarchy
from services.locations.rules.placing import check_parent
from services.locations.store import rows
from services.locations.store.family import held


class CreateChanges:
    """Carries out what staff ask for."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def create(self, wish: NewLocation, actor: Actor) -> Changed:
        """Create a location.

        Raises LocationNotFound (the parent), LocationKeyTaken, ParentNotAllowed, NotInCaseload, CapacityNotAllowed.
        """
        actor.may_act_on(wish.prison_id)
        async with self._desk.writing() as tx:
            await rows.lock_tree(tx, wish.prison_id)
            above = await self._parents(tx, wish)
            row = new_location(wish, above, self._desk.maker(actor))
            await self._insert(tx, [row], actor)
            counts = row.max_capacity is not None or bool(row.usages)
            told = [(E.AMENDED, ancestor) for ancestor in above if counts]
            await self._desk.tell(tx, (E.CREATED, row), *told)
            return await self._desk.shown(tx, row.id, above=above if counts else ())

    async def create_wing(self, wish: NewWing, actor: Actor) -> dict[str, Any]:
        """Create a wing with its landings, spurs and cells. Raises LocationKeyTaken, NotInCaseload, FieldNotAllowed."""
        actor.may_act_on(wish.prison_id)
        async with self._desk.writing() as tx:
            await rows.lock_tree(tx, wish.prison_id)
            made = new_wing(wish, self._desk.maker(actor))
            await self._insert(tx, made, actor)
            await self._desk.tell(tx, *((E.CREATED, row) for row in made))
            return (await self._desk.shown(tx, made[0].id, children=True)).location

    async def _insert(self, tx: Connection, made: list[LocationRow], actor: Actor) -> None:
        await rows.insert(tx, *made)
        await rows.add_history(
            tx, [told for row in made for told in history.beginning(row, row, row.updated_by, row.when_created)]
        )
        await self._desk.audit(tx, actor, *((E.CREATED, row) for row in made))

    async def _parents(self, tx: Connection, wish: NewLocation) -> list[LocationRow]:
        if wish.parent_id is None:
            return []
        hierarchy = Hierarchy(await held(tx, [wish.parent_id]))
        parent = hierarchy.get(wish.parent_id)
        if parent is None:
            raise LocationNotFound(f"{wish.parent_id} (parentId)")
        check_parent(hierarchy, parent, wish.prison_id, residential=wish.accommodation_type is not None)
        return [parent, *hierarchy.above(parent)]
