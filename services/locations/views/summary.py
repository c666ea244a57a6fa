"""The residential summary of a prison or of what is below one location (`reference/locations-api.md` §2.2, §3.8)."""

from collections import Counter
from collections.abc import Sequence

from libs.domain.codes import LocationType
from services.locations.views.derived import Fields
from services.locations.views.location import Json, local, location, shown_name, shown_type

# What a prison without locations is said to consist of.
DEFAULT_TYPES = "Wings"


def prison_summary(name: str, signed: int, rows: Sequence[Fields]) -> Json:
    """Return the summary of a prison's top level; `rows` are its locations as `store.shown` looks at them."""
    below = [_counted(row) for row in rows]
    kinds = _most_frequent(rows)
    summary: Json = {
        "prisonSummary": {
            "prisonName": name,
            "workingCapacity": sum(each["capacity"]["workingCapacity"] for each in below),
            "signedOperationalCapacity": signed,
            "maxCapacity": sum(each["capacity"]["maxCapacity"] for each in below),
            "numberOfCellLocations": sum(each["numberOfCellLocations"] for each in below),
        },
        "topLevelLocationType": kinds or DEFAULT_TYPES,
        "subLocations": below,
    }
    return summary | ({"subLocationName": kinds} if kinds else {})


def below_summary(parent: Fields, line: Sequence[Fields], newest: Fields | None, rows: Sequence[Fields]) -> Json:
    """Return the summary below `parent`; `line` is its hierarchy from the top, `newest` its newest history entry."""
    shown = _counted(parent)
    if newest is not None:
        shown["lastModifiedBy"] = newest["amended_by"]
        shown["lastModifiedDate"] = local(newest["amended_date"])
    kinds = _most_frequent(rows)
    summary: Json = {
        "topLevelLocationType": _plural(line[0]),
        "locationHierarchy": hierarchy(line),
        "parentLocation": shown,
        "subLocations": [_counted(row) for row in rows],
    }
    return summary | ({"subLocationName": kinds} if kinds else {})


def hierarchy(line: Sequence[Fields]) -> list[Json]:
    """Return who stands above whom, from the top down."""
    return [_in_line(row, level) for level, row in enumerate(line, 1)]


def _in_line(row: Fields, level: int) -> Json:
    name = shown_name(row)
    return {
        "id": str(row["id"]),
        "prisonId": row["prison_id"],
        "code": row["code"],
        "type": shown_type(row),
        **({"localName": name} if name else {}),
        "pathHierarchy": row["path_hierarchy"],
        "level": level,
    }


def _counted(row: Fields) -> Json:
    return location(row, row) | {
        "inactiveCells": row["inactive_cells"] or 0,
        "numberOfCellLocations": row["cell_locations"] or 0,
    }


def _most_frequent(rows: Sequence[Fields]) -> str | None:
    counted = Counter(_plural(row) for row in rows).most_common(1)
    return counted[0][0] if counted else None


def _plural(row: Fields) -> str:
    return f"{LocationType(shown_type(row)).description}s"
