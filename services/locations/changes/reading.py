"""Reads locations with their relatives for the doors that show them."""

from collections.abc import Collection
from typing import Any
from uuid import UUID

from libs.db.pool import Connection, Database
from services.locations.errors import LocationNotFound
from services.locations.rules.naming import split_key
from services.locations.store import rows
from services.locations.store.family import family, ids_at
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
            found = [await self._shown(tx, location_id) for location_id in await ids_at(tx, paths)]
        return sorted(found, key=lambda location: str(location["key"]))

    async def legacy(self, location_id: UUID, *, history: bool = False) -> dict[str, Any]:
        """Return a location as NOMIS's workers read it. Raises LocationNotFound."""
        async with self._db.transaction(isolation="repeatable_read", readonly=True) as tx:
            found = await family(tx, location_id)
            if found is None:
                raise LocationNotFound(str(location_id))
            told = await rows.history(tx, location_id) if history else None
            return legacy(Shower(found), found.row, told)

    async def _shown(
        self, tx: Connection, location_id: UUID, *, children: bool = False, history: bool = False
    ) -> dict[str, Any]:
        found = await family(tx, location_id)
        if found is None:
            raise LocationNotFound(str(location_id))
        shown = Shower(found).shown(found.row, children=children)
        if history:
            shown["changeHistory"] = shown_history(await rows.history(tx, location_id))
        return shown
