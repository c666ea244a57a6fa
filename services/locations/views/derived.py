"""What follows for a location from those above and below it, where all of them are at hand: one walk down, one up.

`reference/locations-api.md` §3.2 and §3.4. The names are those under which `store.shown.one_look` has PostgreSQL derive
the same; a test holds the two together.
"""

from collections.abc import Iterable, Iterator
from functools import lru_cache
from types import MappingProxyType
from typing import Any, Protocol
from uuid import UUID

from libs.domain.codes import AREA_TYPES, STRUCTURAL_TYPES

NEVER_LEAVES = frozenset(each.value for each in STRUCTURAL_TYPES | AREA_TYPES)
_DETAILS = tuple(
    (name, f"up_{name}")
    for name in (
        "deactivated_date",
        "deactivated_reason",
        "deactivation_reason_description",
        "proposed_reactivation_date",
    )
)
# Under which name what the cells below have is gathered, and the column it comes from.
_SETS = (
    ("all_used_for", "used_for"),
    ("all_specialist_cell_types", "specialist_cell_types"),
    ("all_attributes", "attributes"),
)
_GATHERED = ("all_accommodation_types", *(name for name, _ in _SETS))
_NONE: frozenset[str] = frozenset()
_NOTHING = MappingProxyType(
    {
        "has_children": False,
        "max_total": 0,
        "working_total": 0,
        "any_certified": False,
        "certified_total": 0,
        "inactive_cells": 0,
        "cell_locations": 0,
        **dict.fromkeys(_GATHERED, _NONE),
    }
)
_TOP = MappingProxyType({"levels": 0, "up_active": True, "up_archived": False, **{up: None for _, up in _DETAILS}})


Id = UUID | str


class Fields(Protocol):
    """A row of `location`, by the names of its columns: a database record or a dict; codes are plain text."""

    def __getitem__(self, name: str, /) -> Any:
        """Return the value of a column."""
        ...


class Forest:
    """Locations and their derived values; `rows` must hold all that stands above and below those that are shown.

    Ids are of whatever type the rows have them in. It is made for a whole prison at once: siblings are handed one dict.
    """

    def __init__(self, rows: Iterable[Fields]) -> None:
        self.rows: dict[Id, Fields] = {row["id"]: row for row in rows}
        self.children: dict[Id | None, list[Fields]] = {}
        for row in self.rows.values():
            parent = row["parent_id"]
            self.children.setdefault(parent if parent in self.rows else None, []).append(row)
        self.derived: dict[Id, dict[str, Any]] = {}
        self._walk_down()
        self._walk_up()

    def below(self, location_id: Id) -> Iterator[Fields]:
        """Give what stands below a location, parents before children."""
        level = self.children.get(location_id, [])
        while level:
            yield from level
            level = [child for parent in level for child in self.children.get(parent["id"], [])]

    def line(self, location_id: Id) -> list[Fields]:
        """Give who stands above a location, from the top down, and itself."""
        found: list[Fields] = []
        at: Id | None = location_id
        while at in self.rows:
            found.append(self.rows[at])
            at = found[-1]["parent_id"]
        return found[::-1]

    def upwards(self) -> Iterator[Id]:
        """Give every id, children before parents."""
        return reversed(self.derived)

    def _walk_down(self) -> None:
        """Hand down to each location whether those above are open, and the details of the nearest that is not."""
        level = [(row, {**_NOTHING, **_TOP, "top_id": row["id"]}) for row in self.children.get(None, [])]
        while level:
            following: list[tuple[Fields, dict[str, Any]]] = []
            for row, derived in level:
                location_id = row["id"]
                self.derived[location_id] = derived
                children = self.children.get(location_id)
                if children:
                    derived["has_children"] = True
                    handed = _handed_down(row, derived)
                    following += [(child, handed.copy()) for child in children]
            level = following

    def _walk_up(self) -> None:
        """Add each location's own numbers to what its children handed up, and hand the sums on."""
        for location_id in self.upwards():
            row, derived = self.rows[location_id], self.derived[location_id]
            if row["residential_housing_type"] is not None and not is_archived(row, derived):
                _count(row, derived)
            above = self.derived.get(row["parent_id"])
            if above is None:
                continue
            above["max_total"] += derived["max_total"]
            above["working_total"] += derived["working_total"]
            above["certified_total"] += derived["certified_total"]
            above["inactive_cells"] += derived["inactive_cells"]
            above["cell_locations"] += derived["cell_locations"]
            above["any_certified"] = above["any_certified"] or derived["any_certified"]
            for name in _GATHERED:
                if not derived[name] <= above[name]:
                    above[name] |= derived[name]


def is_archived(row: Fields, derived: Fields) -> bool:
    """Whether a location is permanently inactive, by itself or by one above."""
    return bool(row["archived"] or derived["up_archived"])


def is_active(row: Fields, derived: Fields) -> bool:
    """Whether a location is in use: itself and all above it."""
    return bool(row["active"] and derived["up_active"] and not row["archived"] and not derived["up_archived"])


def is_cell(row: Fields) -> bool:
    """Whether a location is stored as a cell; a converted one stays one."""
    return row["residential_housing_type"] is not None and row["location_type"] == "CELL"


def is_inactive_leaf(row: Fields, derived: Fields) -> bool:
    """Whether a location is a cell or room that is temporarily out of use, by itself or by one above it."""
    leaf = not derived["has_children"] and row["location_type"] not in NEVER_LEAVES
    closed = not is_active(row, derived) and not is_archived(row, derived)
    return leaf and closed and row["residential_housing_type"] is not None


def _handed_down(parent: Fields, derived: dict[str, Any]) -> dict[str, Any]:
    handed: dict[str, Any] = {
        **_NOTHING,
        "levels": derived["levels"] + 1,
        "top_id": derived["top_id"],
        "up_active": derived["up_active"] and parent["active"],
        "up_archived": derived["up_archived"] or parent["archived"],
    }
    closed = parent["archived"] or not parent["active"]
    for name, up_name in _DETAILS:
        handed[up_name] = parent[name] if closed else derived[up_name]
    return handed


def _count(row: Fields, derived: dict[str, Any]) -> None:
    """Count a residential location that is not archived."""
    leaf = not derived["has_children"]
    if leaf and row["location_type"] not in NEVER_LEAVES:
        derived["cell_locations"] += 1
    if row["location_type"] != "CELL":
        return
    active = row["active"] and derived["up_active"]
    derived["inactive_cells"] += not active
    derived["any_certified"] = derived["any_certified"] or bool(row["certified"])
    derived["certified_total"] += row["capacity_of_certified_cell"] or 0
    if leaf:
        derived["max_total"] += row["max_capacity"] or 0
        if active:
            derived["working_total"] += row["working_capacity"] or 0
    accommodation = row["accommodation_type"]
    if accommodation is not None:
        derived["all_accommodation_types"] |= _alone(accommodation)
    for name, column in _SETS:
        codes = row[column]
        if codes:
            derived[name] |= _alone(",".join(codes))


@lru_cache(maxsize=4096)
def _alone(text: str) -> frozenset[str]:
    return frozenset({text})
