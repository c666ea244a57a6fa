"""Reads who is in which cell, and which cells have room: the tables first, then prisoner search, never both at once."""

from collections.abc import Sequence
from uuid import UUID

from libs.db.pool import Database
from libs.domain.codes import SpecialistCellType
from services.locations.errors import LocationNotFound
from services.locations.ports import PrisonerSearch
from services.locations.rules.groups import Groups
from services.locations.rules.naming import split_key
from services.locations.store import shown as stored
from services.locations.views.derived import Fields, Forest, is_archived, is_cell
from services.locations.views.location import Json
from services.locations.views.people import by_cell, may_have_room, occupied, with_room


class People:
    """Each read is one statement and, where there are cells, prisoner search asked for them."""

    def __init__(self, database: Database, search: PrisonerSearch, groups: Groups) -> None:
        self._db = database
        self._search = search
        self._groups = groups

    async def with_room(
        self,
        prison_id: str,
        location_id: UUID | None,
        group: str | None,
        specialist: SpecialistCellType | None,
        *,
        names: bool,
    ) -> list[Json]:
        """Return a prison's cells with room: below a location, of a group, of a specialist type, where asked.

        Raises LocationNotFound.
        """
        cells = await self._cells(prison_id, location_id)
        if group is not None:
            holds = self._groups.holds(prison_id, group)
            cells = [row for row in cells if holds(row["path_hierarchy"])]
        if specialist is not None:
            cells = [row for row in cells if specialist.value in row["specialist_cell_types"]]
        people = await self._search.prisoners_in(prison_id, _paths(cells))
        return with_room(cells, by_cell(people), names=names)

    async def below(self, location_id: UUID) -> list[Json]:
        """Return who is in the cells at and below a location. Raises LocationNotFound."""
        own_id = str(location_id)
        forest = Forest(await stored.tree(self._db, location_id))
        if own_id not in forest.rows:
            raise LocationNotFound(own_id)
        rows = (forest.rows[own_id], *forest.below(own_id))
        cells = [row for row in rows if is_cell(row) and not is_archived(row, forest.derived[row["id"]])]
        return occupied(await self._search.prisoners_in(forest.rows[own_id]["prison_id"], _paths(cells)))

    async def below_key(self, key: str) -> list[Json]:
        """Return who is in the cells at and below the location with this key. Raises LocationNotFound."""
        path = split_key(key)
        found = await stored.by_key(self._db, *path) if path else None
        if found is None:
            raise LocationNotFound(key)
        return await self.below(found["id"])

    async def of_prison(self, prison_id: str) -> list[Json]:
        """Return who is in the cells of a prison."""
        forest = Forest(await stored.prison(self._db, prison_id))
        cells = [
            row for row in forest.rows.values() if is_cell(row) and not is_archived(row, forest.derived[row["id"]])
        ]
        return occupied(await self._search.prisoners_in(prison_id, _paths(cells)))

    async def _cells(self, prison_id: str, location_id: UUID | None) -> list[Fields]:
        if location_id is None:
            forest = Forest(await stored.prison(self._db, prison_id))
            # With both capacity and certification, as the original joins them.
            rows: Sequence[Fields] = [row for row in forest.rows.values() if row["max_capacity"] is not None]
        else:
            own_id = str(location_id)
            forest = Forest(await stored.tree(self._db, location_id))
            if own_id not in forest.rows or forest.rows[own_id]["prison_id"] != prison_id:
                raise LocationNotFound(own_id)
            rows = [forest.rows[own_id], *forest.below(own_id)]
        return [row for row in rows if may_have_room(row, forest.derived[row["id"]])]


def _paths(cells: Sequence[Fields]) -> list[str]:
    return [row["path_hierarchy"] for row in cells]
