"""Reads generated rows by column name."""

from collections import namedtuple
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from services.nomis.estate.amendments import AMENDMENT_COLUMNS
from services.nomis.estate.estate import PrisonRows
from services.nomis.estate.location import LOCATION_COLUMNS
from services.nomis.estate.profiles import PROFILE_COLUMNS
from services.nomis.estate.usages import USAGE_COLUMNS, USAGE_LOCATION_COLUMNS

# Named by the columns, which are data: a class written out would repeat them, and mypy reads literals only. A million
# rows are read, hence no dicts.
Row = Any
LocationRow: Any = namedtuple("LocationRow", LOCATION_COLUMNS)  # type: ignore[misc]  # noqa: PYI024 - as above
ProfileRow: Any = namedtuple("ProfileRow", PROFILE_COLUMNS)  # type: ignore[misc]  # noqa: PYI024 - as above
UsageRow: Any = namedtuple("UsageRow", USAGE_COLUMNS)  # type: ignore[misc]  # noqa: PYI024 - as above
UsageLocationRow: Any = namedtuple("UsageLocationRow", USAGE_LOCATION_COLUMNS)  # type: ignore[misc]  # noqa: PYI024 - as above
AmendmentRow: Any = namedtuple("AmendmentRow", AMENDMENT_COLUMNS)  # type: ignore[misc]  # noqa: PYI024 - as above


def locations(estate: Iterable[PrisonRows]) -> list[Row]:
    return [LocationRow._make(record) for prison in estate for record in prison.locations]


def profiles(estate: Iterable[PrisonRows]) -> list[Row]:
    return [ProfileRow._make(record) for prison in estate for record in prison.profiles]


def usages(estate: Iterable[PrisonRows]) -> list[Row]:
    return [UsageRow._make(record) for prison in estate for record in prison.usages]


def usage_locations(estate: Iterable[PrisonRows]) -> list[Row]:
    return [UsageLocationRow._make(record) for prison in estate for record in prison.usage_locations]


def amendments(estate: Iterable[PrisonRows]) -> list[Row]:
    return [AmendmentRow._make(record) for prison in estate for record in prison.amendments]


def is_cell(row: Row) -> bool:
    return bool(row.internal_location_type == "CELL" and row.unit_type)


@dataclass(frozen=True)
class Everything:
    locations: list[Row]
    open_locations: list[Row]
    profiles: list[Row]
    usages: list[Row]
    usage_locations: list[Row]
    amendments: list[Row]
    cells: list[Row]
    by_id: dict[int, Row]

    @classmethod
    def of(cls, estate: list[PrisonRows]) -> "Everything":
        rows = locations(estate)
        are_open = {prison.prison.id for prison in estate if prison.prison.is_open}
        return cls(
            rows,
            [row for row in rows if row.agy_loc_id in are_open],
            profiles(estate),
            usages(estate),
            usage_locations(estate),
            amendments(estate),
            [row for row in rows if is_cell(row)],
            {row.internal_location_id: row for row in rows},
        )
