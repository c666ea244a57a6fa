"""Reads locations by group, type and use."""

from libs.db.pool import Database, Row
from libs.domain.codes import STRUCTURAL_TYPES, LocationType, UsageType
from services.locations.errors import LocationPrefixNotFound
from services.locations.rules.groups import Groups
from services.locations.rules.naming import natural
from services.locations.store import shown as stored
from services.locations.views.derived import Fields, Forest, Id, is_active
from services.locations.views.location import Json, location, shown_name, sort_name

_STRUCTURAL = frozenset(each.value for each in STRUCTURAL_TYPES)


class GroupReading:
    """Each read is one statement, or none."""

    def __init__(self, database: Database, groups: Groups) -> None:
        self._db = database
        self._groups = groups

    async def groups(self, prison_id: str) -> list[Json]:
        """Return a prison's groups: as configured, else its wings in use with the landings and spurs right below."""
        configured = self._groups.of(prison_id)
        if configured:
            return configured
        forest = Forest(await stored.prison(self._db, prison_id))
        return _structure(forest, None, below=1)

    def prefix(self, prison_id: str, group: str) -> str:
        """Return what the keys of a group's cells begin with. Raises LocationPrefixNotFound."""
        prefix = self._groups.prefix(prison_id, group)
        if prefix is None:
            raise LocationPrefixNotFound(f"{prison_id}_{group}")
        return prefix

    async def cells(self, prison_id: str, group: str) -> list[Json]:
        """Return the cells of a group that are not out of use by themselves, in natural order."""
        holds = self._groups.holds(prison_id, group)
        forest = Forest(await stored.prison(self._db, prison_id))
        found = [row for row in forest.rows.values() if _is_open_cell(row) and holds(row["path_hierarchy"])]
        found.sort(key=lambda row: natural(sort_name(row)))
        return [location(row, forest.derived[row["id"]]) for row in found]

    async def of_type(self, prison_id: str, kind: LocationType) -> list[Json]:
        """Return the locations stored as this type that are not out of use by themselves, by key."""
        forest = Forest(await stored.prison(self._db, prison_id))
        found = [row for row in forest.rows.values() if row["location_type"] == kind.value and row["active"]]
        return [location(row, forest.derived[row["id"]]) for row in sorted(found, key=_path)]

    async def used_for(self, prison_id: str, use: UsageType) -> list[Json]:
        """Return the rooms that have this use, whatever their state, by key."""
        found: list[Row] = await stored.with_usage(self._db, prison_id, use.value)
        return [location(row, row) for row in sorted(found, key=_path)]


def _structure(forest: Forest, above: Id | None, below: int) -> list[Json]:
    """Return the structural locations in use right below one, and what is `below` levels further down."""
    rows = [row for row in forest.children.get(above, []) if _is_open_structure(row, forest.derived[row["id"]])]
    return [
        {
            "name": shown_name(row) or row["code"],
            "key": row["code"],
            "children": _structure(forest, row["id"], below - 1) if below else [],
        }
        for row in sorted(rows, key=lambda row: natural(sort_name(row)))
    ]


def _is_open_structure(row: Fields, derived: Fields) -> bool:
    residential = row["residential_housing_type"] is not None
    return residential and row["location_type"] in _STRUCTURAL and is_active(row, derived)


def _is_open_cell(row: Fields) -> bool:
    return row["location_type"] == "CELL" and row["residential_housing_type"] is not None and bool(row["active"])


def _path(row: Fields) -> str:
    return str(row["path_hierarchy"])
