"""Reads locations with their relatives for the doors that show them."""

from collections.abc import Collection, Sequence
from typing import Any
from uuid import UUID

from libs.db.pool import Connection, Database
from services.locations.errors import LocationNotFound
from services.locations.records import LocationRow
from services.locations.rules.naming import split_key
from services.locations.store import rows as stored
from services.locations.store.family import family, ids_at, of_prison, page, relatives
from services.locations.views.legacy import legacy
from services.locations.views.location import Shower, shown_history


class Reading:
    """Each read is one consistent look at the database."""

    def __init__(self, database: Database) -> None:
        self._db = database

    async def location(self, location_id: UUID, *, children: bool = False, history: bool = False) -> dict[str, Any]:
        """Return a location. Raises LocationNotFound."""
        async with self._db.transaction(isolation="repeatable_read", readonly=True) as tx:
            return await self._shown(tx, location_id, children=children, history=history)

    async def by_key(self, key: str, *, children: bool = False, history: bool = False) -> dict[str, Any]:
        """Return the location with this key. Raises LocationNotFound."""
        async with self._db.transaction(isolation="repeatable_read", readonly=True) as tx:
            path = split_key(key)
            found = await ids_at(tx, [path]) if path else []
            if not found:
                raise LocationNotFound(key)
            return await self._shown(tx, found[0], children=children, history=history)

    async def by_keys(self, keys: Collection[str]) -> list[dict[str, Any]]:
        """Return the locations with these keys, in the order of their keys."""
        paths = [path for key in sorted(set(keys)) if (path := split_key(key))]
        async with self._db.transaction(isolation="repeatable_read", readonly=True) as tx:
            ids = set(await ids_at(tx, paths))
            shower = Shower(rows := await relatives(tx, ids))
        return [shower.shown(row) for row in sorted(rows, key=_by_key) if row.id in ids]

    async def of_prison(self, prison_id: str) -> list[dict[str, Any]]:
        """Return a prison's locations that are not permanently deactivated, by key."""
        async with self._db.transaction(readonly=True) as tx:
            shower = Shower(rows := await of_prison(tx, prison_id))
        return [shower.shown(row) for row in sorted(rows, key=_by_key) if not shower.standing(row).archived]

    async def page(self, order: Sequence[tuple[str, bool]], number: int, size: int) -> tuple[list[dict[str, Any]], int]:
        """Return one page of all locations as NOMIS's workers read them, archived ones included, and the total."""
        async with self._db.transaction(isolation="repeatable_read", readonly=True) as tx:
            ids, total = await page(tx, order, number, size)
            by_id = {row.id: row for row in await relatives(tx, ids)}
        shower = Shower(by_id.values())
        return [legacy(shower, by_id[location_id]) for location_id in ids], total

    async def legacy(self, location_id: UUID, *, history: bool = False) -> dict[str, Any]:
        """Return a location as NOMIS's workers read it. Raises LocationNotFound."""
        async with self._db.transaction(isolation="repeatable_read", readonly=True) as tx:
            found = await family(tx, location_id)
            if found is None:
                raise LocationNotFound(str(location_id))
            told = await stored.history(tx, location_id) if history else None
            return legacy(Shower(found.rows), found.row, told)

    async def _shown(
        self, tx: Connection, location_id: UUID, *, children: bool = False, history: bool = False
    ) -> dict[str, Any]:
        found = await family(tx, location_id)
        if found is None:
            raise LocationNotFound(str(location_id))
        shown = Shower(found.rows).shown(found.row, children=children)
        if history:
            shown["changeHistory"] = shown_history(await stored.history(tx, location_id))
        return shown


def _by_key(row: LocationRow) -> str:
    return row.key
