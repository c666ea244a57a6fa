"""Reads locations for the doors that show them, one by one and in lists."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from libs.db.pool import Connection, Database, Row
from services.locations.errors import LocationNotFound
from services.locations.rules.naming import natural, split_key
from services.locations.store import shown as stored
from services.locations.store.family import page
from services.locations.views.derived import Forest, Id, is_archived, is_inactive_leaf
from services.locations.views.legacy import legacy
from services.locations.views.location import Json, hierarchy_of, location, nested, shown_history, sort_name


@dataclass(frozen=True, slots=True)
class OneLocation:
    """A location as it is shown, and the version its row has."""

    version: int
    shown: Json


class Reading:
    """Each read is one consistent look at the database."""

    def __init__(self, database: Database) -> None:
        self._db = database

    async def location(self, location_id: UUID, *, children: bool = False, history: bool = False) -> OneLocation:
        """Return a location. Raises LocationNotFound."""
        if children:
            return await self._with_children(location_id, history=history)
        if history:
            async with self._db.transaction(isolation="repeatable_read", readonly=True) as tx:
                return await _with_history(tx, await stored.by_id(tx, location_id), str(location_id))
        return _plain(await stored.by_id(self._db, location_id), str(location_id))

    async def by_key(self, key: str, *, children: bool = False, history: bool = False) -> OneLocation:
        """Return the location with this key. Raises LocationNotFound."""
        path = split_key(key)
        if path is None:
            raise LocationNotFound(key)
        if not history and not children:
            return _plain(await stored.by_key(self._db, *path), key)
        async with self._db.transaction(isolation="repeatable_read", readonly=True) as tx:
            found = await stored.by_key(tx, *path)
            if found is not None and children:
                return await _nested(tx, found["id"], history=history)
            return await _with_history(tx, found, key)

    async def by_keys(self, keys: Collection[str]) -> list[Json]:
        """Return the locations with these keys, in the order of their keys."""
        paths = [path for key in set(keys) if (path := split_key(key))]
        found = await stored.by_keys(self._db, paths) if paths else []
        return [location(row, row) for row in sorted(found, key=_key)]

    async def of_prison(self, prison_id: str) -> list[Json]:
        """Return a prison's locations that are not permanently deactivated, by key."""
        forest = Forest(await stored.prison(self._db, prison_id))
        every = sorted(forest.rows.values(), key=lambda row: str(row["path_hierarchy"]))
        told = ((row, forest.derived[row["id"]]) for row in every)
        return [location(row, derived) for row, derived in told if not is_archived(row, derived)]

    async def hierarchy(self, prison_id: str, *, inactive: bool) -> list[Json]:
        """Return the whole hierarchy of a prison: what is in use, and with `inactive` what is temporarily not."""
        return hierarchy_of(Forest(await stored.prison(self._db, prison_id)), inactive=inactive)

    async def archived(self, prison_id: str) -> list[Json]:
        """Return a prison's residential locations that were archived themselves, in natural order."""
        return _looked(await stored.archived(self._db, prison_id))

    async def inactive_cells(self, prison_id: str) -> list[Json]:
        """Return a prison's cells that are out of use by their own flag and not archived, in natural order."""
        found = await stored.inactive_cells(self._db, prison_id)
        return _looked(row for row in found if not is_archived(row, row))

    async def inactive_below(self, location_id: UUID) -> list[Json]:
        """Return the cells and rooms below a location that are temporarily inactive, by themselves or by one above.

        Raises LocationNotFound.
        """
        forest = Forest(await stored.tree(self._db, location_id))
        if str(location_id) not in forest.rows:
            raise LocationNotFound(str(location_id))
        found = [
            (row, derived)
            for row in forest.below(str(location_id))
            if (derived := forest.derived[row["id"]]) and is_inactive_leaf(row, derived)
        ]
        return [location(row, derived) for row, derived in sorted(found, key=lambda pair: natural(sort_name(pair[0])))]

    async def page(self, order: Sequence[tuple[str, bool]], number: int, size: int) -> tuple[list[Json], int]:
        """Return one page of all locations as NOMIS's workers read them, archived ones included, and the total."""
        async with self._db.transaction(isolation="repeatable_read", readonly=True) as tx:
            ids, total = await page(tx, order, number, size)
            by_id = {row["id"]: row for row in await stored.with_attributes(tx, ids)}
        return [legacy(by_id[each], by_id[each]) for each in ids], total

    async def legacy(self, location_id: UUID, *, history: bool = False) -> dict[str, Any]:
        """Return a location as NOMIS's workers read it. Raises LocationNotFound."""
        if not history:
            found = await stored.with_attributes(self._db, [location_id])
            told = None
        else:
            async with self._db.transaction(isolation="repeatable_read", readonly=True) as tx:
                found = await stored.with_attributes(tx, [location_id])
                told = (await stored.histories(tx, [location_id])).get(str(location_id), [])
        if not found:
            raise LocationNotFound(str(location_id))
        return legacy(found[0], found[0], told)

    async def _with_children(self, location_id: UUID, *, history: bool) -> OneLocation:
        if not history:
            return await _nested(self._db, location_id, history=False)
        async with self._db.transaction(isolation="repeatable_read", readonly=True) as tx:
            return await _nested(tx, location_id, history=True)


def _plain(found: Row | None, asked: str) -> OneLocation:
    if found is None:
        raise LocationNotFound(asked)
    return OneLocation(found["version"], location(found, found))


async def _with_history(tx: Connection, found: Row | None, asked: str) -> OneLocation:
    one = _plain(found, asked)
    assert found is not None
    told = await stored.histories(tx, [found["id"]])
    one.shown["changeHistory"] = shown_history(told.get(str(found["id"]), []))
    return one


async def _nested(asked: Database | Connection, location_id: UUID, *, history: bool) -> OneLocation:
    forest = Forest(await stored.tree(asked, location_id))
    own_id = str(location_id)
    if own_id not in forest.rows:
        raise LocationNotFound(own_id)
    told = await stored.histories(asked, forest.rows.keys()) if history else {}

    def with_history(shown: Json, each: Id) -> None:
        shown["changeHistory"] = shown_history(told.get(str(each), []))

    return OneLocation(forest.rows[own_id]["version"], nested(forest, own_id, with_history if history else None))


def _looked(rows: Iterable[Row]) -> list[Json]:
    """Show rows as one look brings them, in natural order of the names they are sorted by."""
    return [location(row, row) for row in sorted(rows, key=lambda row: natural(sort_name(row)))]


def _key(row: Row) -> str:
    return f"{row['prison_id']}-{row['path_hierarchy']}"
