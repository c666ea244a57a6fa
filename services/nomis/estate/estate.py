"""A whole estate: which ids each prison gets, and its rows, prison by prison.

Ids. NOMIS's first load gave ids densely, prison by prison, in the order residential, programme areas, property boxes,
RES tree, visits, workshops; what screens added later is sparse and far above. So each agency has a range of its own for
each table. Its length comes from the register and from the number of boxes drawn, never from the rows of others: a
prison's rows depend on the seed, the preset and its id alone, and any selection of prisons can be loaded together.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from services.nomis.estate import rooms, wings
from services.nomis.estate.amendments import amendments
from services.nomis.estate.blemishes import spoil
from services.nomis.estate.cells import fill_totals
from services.nomis.estate.chance import stream
from services.nomis.estate.location import Kind, Location, Record
from services.nomis.estate.presets import PRESETS, Preset
from services.nomis.estate.prisons import Prison, Standing, chosen, register
from services.nomis.estate.profiles import profile_record, profiles
from services.nomis.estate.site import Site
from services.nomis.estate.usages import (
    DEFINITIONS_EACH,
    DEFINITIONS_FIRST_ID,
    definition_records,
    definitions,
    usage_locations,
)

FIRST_ID = 10_000
FIRST_LATE_ID = 350_000
LATE_IDS_EACH = 150
SEQUENCES_AT_LEAST = 700_000
AMENDMENTS_AT_LEAST = 2_000_000
# No prison has more rows than this beside its boxes: residential rows by capacity, and everything else.
ROWS_PER_PLACE = 1.1
OTHER_ROWS = 520
USAGES_PER_ROW = 2
AMENDMENTS_PER_ROW = 5


@dataclass(frozen=True)
class Ranges:
    """Where an agency's ids begin."""

    boxes: int
    locations: int
    late_locations: int
    usage_locations: int
    amendments: int


@dataclass(frozen=True)
class Ends:
    """The first ids that no estate of this seed and preset uses, whichever prisons it has."""

    locations: int
    usages: int
    usage_locations: int
    amendments: int


@dataclass(frozen=True)
class PrisonRows:
    """All rows of one agency; the lists are in the order of the tables' columns here."""

    prison: Prison
    levels: tuple[str | None, ...]
    locations: list[Record]
    profiles: list[Record]
    usages: list[Record]
    usage_locations: list[Record]
    amendments: list[Record]


class RangeTooShort(Exception):
    """An agency has more rows than its range of ids."""


class Estate:
    """The rows of some agencies, or of all: `Estate(seed=7, preset="national")`."""

    def __init__(self, seed: int, preset: str | Preset, prisons: Sequence[str] | None = None) -> None:
        self.seed = seed
        self.preset = PRESETS[preset] if isinstance(preset, str) else preset
        self.prisons = chosen(prisons)

    def __iter__(self) -> Iterator[PrisonRows]:
        """Make one agency's rows at a time: memory does not grow with the estate."""
        return (self.rows(prison) for prison in self.prisons)

    @cached_property
    def ranges(self) -> dict[str, Ranges]:
        """Where the ids of every agency of the register begin."""
        return {prison.id: ranges for prison, ranges in zip(register(), self._ranges(), strict=True)}

    @cached_property
    def ends(self) -> Ends:
        """Where sequences may start."""
        length = sum(self._length(prison, self._boxes(prison)) for prison in register())
        late_end = self._first_late + LATE_IDS_EACH * len(register())
        return Ends(
            locations=max(SEQUENCES_AT_LEAST, late_end),
            usages=DEFINITIONS_FIRST_ID + DEFINITIONS_EACH * len(register()),
            usage_locations=max(SEQUENCES_AT_LEAST, FIRST_ID + length * USAGES_PER_ROW),
            amendments=max(AMENDMENTS_AT_LEAST, FIRST_ID + length * AMENDMENTS_PER_ROW),
        )

    def site(self, prison: Prison) -> Site:
        """Lay out one agency."""
        ranges = self.ranges[prison.id]
        site = Site(prison, self.preset, self.seed, ranges.locations, ranges.late_locations)
        rooms.lay_out_establishment(site)
        if prison.standing is Standing.PSEUDO:
            rooms.lay_out_pseudo(site)
        else:
            wings.lay_out(site)
            rooms.lay_out_programmes(site)
            rooms.lay_out_boxes(site, ranges.boxes)
            rooms.lay_out_wing_trees(site)
            rooms.lay_out_visits(site)
            rooms.lay_out_workshops(site)
        rooms.fill_rooms(site)
        fill_totals(site)
        spoil(site)
        return site

    def rows(self, prison: Prison) -> PrisonRows:
        """Make all rows of one agency."""
        ranges = self.ranges[prison.id]
        site = self.site(prison)
        ids = definitions(site)
        made = PrisonRows(
            prison,
            levels(site.locations),
            [row.record() for row in site.locations],
            [profile_record(row, profile) for row, profile in profiles(site)],
            definition_records(site, ids),
            list(usage_locations(site, ids, ranges.usage_locations)),
            list(amendments(site, ranges.amendments)),
        )
        self._check(site, made, ranges)
        return made

    def _ranges(self) -> Iterator[Ranges]:
        rows = 0
        for prison in register():
            boxes = self._boxes(prison)
            yield Ranges(
                boxes,
                FIRST_ID + rows,
                self._first_late + prison.place * LATE_IDS_EACH,
                FIRST_ID + rows * USAGES_PER_ROW,
                FIRST_ID + rows * AMENDMENTS_PER_ROW,
            )
            rows += self._length(prison, boxes)

    @cached_property
    def _first_late(self) -> int:
        length = sum(self._length(prison, self._boxes(prison)) for prison in register())
        return max(FIRST_LATE_ID, FIRST_ID + length)

    def _boxes(self, prison: Prison) -> int:
        return rooms.box_count(prison, stream(self.seed, prison.id, "boxes"), self.preset.boxes)

    def _length(self, prison: Prison, boxes: int) -> int:
        if prison.standing is Standing.PSEUDO:
            return 10
        other = OTHER_ROWS * max(1.0, self.preset.wings)
        return boxes + round(prison.capacity * ROWS_PER_PLACE * max(self.preset.cells, 1 / 5) + other)

    def _check(self, site: Site, made: PrisonRows, ranges: Ranges) -> None:
        length = self._length(made.prison, ranges.boxes)
        for rows, room in (
            (site.dense, length),
            (site.late, LATE_IDS_EACH),
            (len(made.usage_locations), length * USAGES_PER_ROW),
            (len(made.amendments), length * AMENDMENTS_PER_ROW),
        ):
            if rows > room:
                raise RangeTooShort(f"{made.prison.id} needs {rows} ids of a range of {room}")


def levels(locations: list[Location]) -> tuple[str | None, ...]:
    """Say what the prison calls the levels of its hierarchy, outermost first, always four."""
    deepest = next((row for row in locations if row.kind is Kind.CELL), None)
    names: list[str | None] = []
    while deepest is not None:
        names.insert(0, {"HBLK": "BLK", "LAN": "LAND"}.get(deepest.type, deepest.type))
        deepest = deepest.parent
    return tuple([*names, None, None, None, None][:4])
