"""Reads a prison as a whole: the summary of its top level or of what stands below one location, and what is signed."""

import asyncio
from uuid import UUID

from libs.db.pool import Connection, Database, Row
from libs.domain.codes import SHOWN_TYPES
from services.locations.errors import LocationNotFound, SignedCapacityNotFound
from services.locations.ports import PrisonRegister
from services.locations.rules.naming import natural
from services.locations.store import shown as stored
from services.locations.store import signed_capacity
from services.locations.views.constants import used_for
from services.locations.views.derived import is_archived
from services.locations.views.location import Json, sort_name
from services.locations.views.signed_capacity import signed
from services.locations.views.summary import below_summary, prison_summary

TYPES = tuple(sorted(each.value for each in SHOWN_TYPES))


class Prisons:
    """Each read is one consistent look at the database; the register is asked beside it."""

    def __init__(self, database: Database, register: PrisonRegister) -> None:
        self._db = database
        self._register = register

    async def signed_capacity(self, prison_id: str) -> Json:
        """Return what is signed for a prison. Raises SignedCapacityNotFound."""
        row = await signed_capacity.get(self._db, prison_id)
        if row is None:
            raise SignedCapacityNotFound(prison_id)
        return signed(row)

    async def used_for(self, prison_id: str) -> Json:
        """Return what cells of a prison may be used for. Raises LocationNotFound (the prison)."""
        prison = await self._register.prison(prison_id)
        if prison is None:
            raise LocationNotFound(f"{prison_id} (a prison)")
        return used_for(female=prison.female, secure=prison.lthse)

    async def top(self, prison_id: str) -> Json:
        """Return the summary of a prison's top level. Raises LocationNotFound (the prison)."""
        prison, (rows, capacity) = await asyncio.gather(self._register.prison(prison_id), self._top_rows(prison_id))
        if prison is None:
            raise LocationNotFound(f"{prison_id} (a prison)")
        return prison_summary(prison.prison_name, capacity["signed_operation_capacity"] if capacity else 0, rows)

    async def below(self, prison_id: str, parent_id: UUID | None, parent_path: str | None) -> Json:
        """Return the summary of what stands below a residential location. Raises LocationNotFound (the location)."""
        async with self._db.transaction(isolation="repeatable_read", readonly=True) as tx:
            if parent_id is not None:
                parent = await stored.by_id(tx, parent_id)
            else:
                parent = await stored.by_key(tx, prison_id, parent_path or "")
            if parent is None or parent["residential_housing_type"] is None:
                raise LocationNotFound(str(parent_id) if parent_id else f"{prison_id}-{parent_path}")
            rows = _sorted(await stored.below(tx, prison_id, parent["id"], TYPES))
            line = await stored.line(tx, parent["id"])
            newest = await stored.newest_change(tx, parent["id"])
        return below_summary(parent, line, newest, rows)

    async def _top_rows(self, prison_id: str) -> tuple[list[Row], Row | None]:
        async with self._db.transaction(isolation="repeatable_read", readonly=True) as tx:
            return await _top(tx, prison_id), await signed_capacity.get(tx, prison_id)


async def _top(tx: Connection, prison_id: str) -> list[Row]:
    return _sorted(await stored.below(tx, prison_id, None, TYPES))


def _sorted(rows: list[Row]) -> list[Row]:
    kept = [row for row in rows if not is_archived(row, row)]
    return sorted(kept, key=lambda row: natural(sort_name(row)))
