"""What staff change of a location's place and name: what is below it is renamed in one statement."""

from uuid import UUID

from msgspec.structs import replace

from libs.db.pool import Connection
from services.locations.changes.desk import Actor, Changed, Desk, E
from services.locations.errors import LocationNotFound
from services.locations.records import LocationRow
from services.locations.rules.hierarchy import Hierarchy
from services.locations.rules.naming import split_key
from services.locations.rules.placing import Patch, patched
from services.locations.store import rows
from services.locations.store.family import held, ids_at


class PlaceChanges:
    """Carries out what staff ask for."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def patch(self, location_id: UUID, patch: Patch, actor: Actor) -> Changed:
        """Change code, parent, kind or uses; what is below is announced too, of any kind, if its path changed.

        Raises LocationNotFound, LocationArchived, LocationKeyTaken, ParentNotAllowed, NotInCaseload, VersionStale.
        """
        async with self._desk.writing() as tx:
            hierarchy, row = await self._desk.one(tx, location_id, actor)
            parent_id = await self._new_parent(tx, hierarchy, patch)
            after = patched(hierarchy, row, patch, parent_id)
            moved = after.path_hierarchy != row.path_hierarchy
            if moved:
                await rows.rename(tx, row, after.path_hierarchy)
            done = await self._desk.save(tx, [(row, after)] if after != row else [], actor)
            await self._tell(tx, hierarchy, row, done)
            above = hierarchy.above(after) if after.parent_id != row.parent_id else ()
            return await self._desk.shown(tx, location_id, children=moved, above=above)

    async def patch_by_key(self, key: str, patch: Patch, actor: Actor) -> Changed:
        """Do the same by key."""
        async with self._desk.writing() as tx:
            location_id = await _id_at(tx, key, key)
        return await self.patch(location_id, patch, actor)

    async def set_local_name(self, location_id: UUID, name: str, actor: Actor) -> Changed:
        """Set the local name; a cell keeps none.

        Raises LocationNotFound, LocationArchived, NotInCaseload, VersionStale.
        """
        async with self._desk.writing() as tx:
            row = await self._desk.alone(tx, location_id, actor)
            after = row if row.is_cell else replace(row, local_name=name.strip() or None)
            done = await self._desk.save(tx, [(row, after)] if after != row else [], actor)
            await self._desk.tell(tx, *((E.AMENDED, each) for each in done))
            return await self._desk.shown(tx, location_id)

    async def _new_parent(self, tx: Connection, hierarchy: Hierarchy, patch: Patch) -> UUID | None:
        """Add the wanted parent to the hierarchy, with all above and below it."""
        wanted = patch.parent_id
        if wanted is None and patch.parent_key is not None:
            wanted = await _id_at(tx, patch.parent_key, f"{patch.parent_key} (parentLocationKey)")
        if wanted is None or hierarchy.get(wanted) is not None:
            return wanted
        hierarchy.put(await held(tx, [wanted]))
        if hierarchy.get(wanted) is None:
            raise LocationNotFound(f"{wanted} (parentId)")
        return wanted

    async def _tell(self, tx: Connection, hierarchy: Hierarchy, row: LocationRow, done: list[LocationRow]) -> None:
        """Announce the location, what its new path renamed, and those above whose totals changed, each once."""
        for after in done:
            told = [after]
            if after.path_hierarchy != row.path_hierarchy:
                told += [each for each in hierarchy.renamed(row, after) if not each.archived]
            if after.parent_id != row.parent_id:
                touched = {up.id: up for up in (*hierarchy.above(after), *hierarchy.above(row))}
                told += touched.values()
            await self._desk.tell(tx, *((E.AMENDED, each) for each in told))


async def _id_at(tx: Connection, key: str, called: str) -> UUID:
    path = split_key(key)
    found = await ids_at(tx, [path]) if path else []
    if not found:
        raise LocationNotFound(called)
    return found[0]
