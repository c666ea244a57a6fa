"""One prison while it is being laid out: hands out ids and keeps keys unique."""

from datetime import datetime, timedelta
from random import Random

from services.nomis.estate.chance import stream
from services.nomis.estate.location import Kind, Location
from services.nomis.estate.presets import Preset
from services.nomis.estate.prisons import Prison

LOADED = datetime(2005, 11, 1, 8, 0)  # noqa: DTZ001 - NOMIS keeps London's wall clock, without a zone
LOADED_DAYS_APART = 9


class Site:
    """The locations of one prison so far, parents before children but for the few that came later."""

    def __init__(self, prison: Prison, preset: Preset, seed: int, first_id: int, first_late_id: int) -> None:
        self.prison = prison
        self.preset = preset
        self.seed = seed
        self.loaded_at = LOADED + timedelta(days=prison.place * LOADED_DAYS_APART)
        self.locations: list[Location] = []
        self.descriptions: set[str] = set()
        self._first_id = self._next_id = first_id
        self._first_late_id = self._next_late_id = first_late_id

    @property
    def dense(self) -> int:
        """How many ids of the load's range are taken."""
        return self._next_id - self._first_id

    @property
    def late(self) -> int:
        """How much of the range for later additions is taken, gaps included."""
        return self._next_late_id - self._first_late_id

    def chance(self, purpose: str) -> Random:
        """Give each purpose its own stream, so that a change in one leaves the others as they were."""
        return stream(self.seed, self.prison.id, purpose)

    def scaled(self, number: int) -> int:
        """How many of a numbered series this preset has, at least one."""
        return max(1, round(number * self.preset.series))

    def add(self, kind: Kind, code: str, type_: str, parent: Location | None, usages: tuple[str, ...] = ()) -> Location:
        """Add a row of the first load, with the next dense id."""
        self._next_id += 1
        return self._append(self._next_id - 1, kind, code, type_, parent, usages)

    def add_late(
        self, kind: Kind, code: str, type_: str, parent: Location | None, usages: tuple[str, ...] = ()
    ) -> Location:
        """Add a row made in a screen years after the load: its id is far above all of the load's."""
        rng = self.chance(f"late {code}")
        self._next_late_id += rng.randint(1, 40)
        row = self._append(self._next_late_id, kind, code, type_, parent, usages)
        row.created_at = self.loaded_at + timedelta(days=rng.randint(3000, 4500), seconds=rng.randint(0, 36_000))
        row.module = "OIMILOCA"
        return row

    def move(self, row: Location, parent: Location) -> None:
        """Put a row under another parent; its description stays, as NOMIS does not recompute it."""
        if row.parent is not None:
            row.parent.children.remove(row)
        row.parent = parent
        parent.children.append(row)

    def rename(self, row: Location, description: str) -> None:
        """Give a row another description, unless that is taken."""
        if description not in self.descriptions:
            self.descriptions.remove(row.description)
            self.descriptions.add(description)
            row.description = description

    def _append(
        self, id_: int, kind: Kind, code: str, type_: str, parent: Location | None, usages: tuple[str, ...]
    ) -> Location:
        description = f"{parent.description if parent else self.prison.id}-{code}"
        if description in self.descriptions:
            raise ValueError(f"{description} is laid out twice")
        self.descriptions.add(description)
        row = Location(id_, code, self.prison.id, type_, description, kind, parent, self.loaded_at, usages=usages)
        self.locations.append(row)
        if parent:
            parent.children.append(row)
        return row
