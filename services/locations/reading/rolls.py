"""Reads the roll of a prison, and of one location with its cells."""

import asyncio
from uuid import UUID

from libs.db.pool import Database
from services.locations.errors import LocationNotFound, UnknownElsewhere
from services.locations.ports import PrisonerSearch, PrisonMovements
from services.locations.store import shown as stored
from services.locations.views.derived import Forest, is_archived, is_cell
from services.locations.views.location import Json
from services.locations.views.roll import Roll, is_on_roll
from services.locations.views.summary import hierarchy


class Rolls:
    """Each read is one statement; prisoner search and prison-api are asked beside it, or after it for its cells."""

    def __init__(self, database: Database, search: PrisonerSearch, prison_api: PrisonMovements) -> None:
        self._db = database
        self._search = search
        self._prison_api = prison_api

    async def of_prison(self, prison_id: str, *, cells: bool) -> Json:
        """Return the roll of a prison; its cells too if asked. Raises UnknownElsewhere."""
        rows, people, moved = await asyncio.gather(
            stored.prison(self._db, prison_id),
            self._search.prisoners_of(prison_id),
            self._prison_api.movements(prison_id),
        )
        if people is None or moved is None:
            raise UnknownElsewhere(prison_id)
        roll = Roll(Forest(rows), people)
        today = moved.in_out_movements_today
        return {
            **roll.unlock(prison_id, people, today.into, today.out, moved.en_route_today),
            "totals": roll.totals(roll.tops()),
            "locations": roll.shown(roll.tops(), cells=cells),
        }

    async def of_cells(self, prison_id: str, location_id: UUID) -> Json:
        """Return the roll of a location with its cells. Raises LocationNotFound."""
        own_id = str(location_id)
        forest = Forest(await stored.tree(self._db, location_id))
        own = forest.rows.get(own_id)
        if own is None or own["prison_id"] != prison_id or not is_on_roll(own, forest.derived[own_id]):
            raise LocationNotFound(own_id)
        rows = (own, *forest.below(own_id))
        cells = [row for row in rows if is_cell(row) and not is_archived(row, forest.derived[row["id"]])]
        people = await self._search.prisoners_in(prison_id, [row["path_hierarchy"] for row in cells])
        roll = Roll(forest, people)
        return {
            "locationHierarchy": hierarchy(forest.line(own_id)),
            "totals": roll.totals([own_id]),
            "locations": roll.shown([own_id], cells=True),
        }
