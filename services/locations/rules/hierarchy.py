"""Locations by who stands above and below whom: what every decision over more than one of them is taken on."""

from collections.abc import Iterable
from uuid import UUID

from msgspec.structs import replace

from services.locations.records import LocationRow
from services.locations.rules.status import Standing


class Hierarchy:
    """Rows and their relatives; complete for those that are asked about. `put` replaces rows by what became of them."""

    def __init__(self, rows: Iterable[LocationRow]) -> None:
        self._by_id: dict[UUID, LocationRow] = {}
        self._children: dict[UUID, list[UUID]] = {}
        self.put(rows)

    @property
    def rows(self) -> list[LocationRow]:
        """All of them, in no order."""
        return [*self._by_id.values()]

    def put(self, rows: Iterable[LocationRow]) -> None:
        """Add rows, or take them in place of those with the same id."""
        placed = True
        for row in rows:
            known = self._by_id.get(row.id)
            placed = placed and known is not None and _place(known) == _place(row)
            self._by_id[row.id] = row
        if not placed:
            self._place_all()

    def _place_all(self) -> None:
        self._children = {}
        for row in sorted(self._by_id.values(), key=lambda each: each.path_hierarchy):
            if row.parent_id is not None:
                self._children.setdefault(row.parent_id, []).append(row.id)

    def get(self, location_id: UUID) -> LocationRow | None:
        """Return a row as it stands."""
        return self._by_id.get(location_id)

    def above(self, row: LocationRow) -> list[LocationRow]:
        """Return those above, nearest first."""
        found: list[LocationRow] = []
        at: LocationRow | None = row
        while at is not None and (at := self._by_id.get(at.parent_id) if at.parent_id else None) is not None:
            found.append(at)
        return found

    def below(self, row: LocationRow) -> list[LocationRow]:
        """Return those below, each before what stands below it, siblings by path."""
        found: list[LocationRow] = []
        waiting = [*reversed(self._children.get(row.id, ()))]
        while waiting:
            at = waiting.pop()
            found.append(self._by_id[at])
            waiting += reversed(self._children.get(at, ()))
        return found

    def standing(self, row: LocationRow) -> Standing:
        """Return a row with its ancestors."""
        return Standing(row, self.above(row))

    def renamed(self, row: LocationRow, after: LocationRow) -> list[LocationRow]:
        """Return those below a row with the paths they have once it is `after`."""
        cut = len(row.path_hierarchy)
        return [
            replace(each, path_hierarchy=after.path_hierarchy + each.path_hierarchy[cut:]) for each in self.below(row)
        ]

    def cells(self, row: LocationRow) -> list[LocationRow]:
        """Return the cells at and below a row that are not permanently deactivated by themselves, converted or not."""
        return [each for each in (row, *self.below(row)) if each.is_cell and not each.archived]

    def ancestors_of(self, rows: Iterable[LocationRow]) -> list[LocationRow]:
        """Return all that stand above any of these and are none of these, each once, nearest first."""
        given = [*rows]
        named = {row.id for row in given}
        found = {up.id: up for row in given for up in self.above(row)}
        lonely = [row for row in found.values() if row.id not in named]
        return sorted(lonely, key=lambda row: -len(self.above(row)))


def _place(row: LocationRow) -> tuple[UUID | None, str]:
    return row.parent_id, row.path_hierarchy
