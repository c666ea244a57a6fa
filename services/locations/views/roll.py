"""The roll of a prison: who is in, who is out, and where there is a bed (`reference/locations-api.md` §3.9).

Vacancies are beds not in use, of a part as of the whole, so that the parts add up to the whole.
"""

import re
from collections import Counter
from collections.abc import Iterable, Sequence

from libs.domain.codes import SHOWN_TYPES
from services.locations.rules.naming import natural
from services.locations.views.derived import NEVER_LEAVES, Fields, Forest, Id, is_active, is_archived
from services.locations.views.location import Json, shown_name, shown_type, sort_name
from services.locations.views.people import Prisoner, by_cell

RECEPTION, NO_CELL = "RECP", "CSWAP"
_SHOWN = frozenset(each.value for each in SHOWN_TYPES)

# Abbreviations of the trade: written in capitals wherever they stand as a word in a name.
_CAPITALS = (
    "AAA|ADTP|AIC|AM|ATB|BBV|BHU|BICS|CAD|CASU|CES|CGL|CIT|CSC|CSCP|CSU|CTTLS|CV|DART|DDU|DHL|DRU|ESOL|ETS|ETSP|FT|"
    r"GFSL|GP|HB\d+|HCC|HDC|HMP|HMPYOI|HR|IAG|ICT|IDTS|IMB|IPD|IPSO|ISMS|IT|ITQ|JAC|L&S|LB\d+|LRC|MBU|MCASU|MDT|MOD|"
    "MPU|NUJ|NVQ|OBP|OMU|OU|PACT|PASRO|PCVL|PE|PICTA|PIPE|PM|PT|PTTLS|RAM|RAPT|ROTL|RSU|SDP|SIU|SMS|SOTP|SPU|STC|TLC|"
    "TSP|TV|UK|VCC|VDT|VP|VPU|VTC|WFC|YOI|YPSMS"
)
_ABBREVIATION = re.compile(rf"\b(?:{_CAPITALS})\b", re.IGNORECASE)


def roll_name(row: Fields) -> str | None:
    """Return the local name with the trade's abbreviations in capitals."""
    name = shown_name(row)
    return _ABBREVIATION.sub(lambda found: found[0].upper(), name) if name else None


class Roll:
    """Counts the people of a prison against its locations."""

    def __init__(self, forest: Forest, people: Iterable[Prisoner]) -> None:
        self._forest = forest
        self._inside = by_cell(people)
        self._counts: dict[Id, Counter[str]] = {}
        for location_id in forest.upwards():
            self._counts[location_id] = self._counted(location_id)

    def tops(self) -> list[Id]:
        """Return the top-level locations that a roll has."""
        return self._below(None)

    def shown(self, ids: Iterable[Id], *, cells: bool) -> list[Json]:
        """Return these locations with what is below them: in use only, cells and rooms only if asked."""
        rows = [self._forest.rows[each] for each in ids]
        kept = [row for row in rows if self._is_in_use(row) and (cells or not self._is_leaf(row))]
        kept.sort(key=lambda row: natural(sort_name(row)))
        return [self._location(row, cells=cells) for row in kept]

    def totals(self, ids: Iterable[Id]) -> Json:
        """Add up what is at and below these locations, in use or not."""
        total: Counter[str] = Counter()
        for each in ids:
            total.update(self._counts[each])
        return _figures(total)

    def unlock(self, prison_id: str, people: Sequence[Prisoner], arrived: int, left: int, en_route: int) -> Json:
        """Return the roll of the prison as a whole."""
        present = sum(person.get("inOutStatus") == "IN" for person in people)
        return {
            "prisonId": prison_id,
            "numUnlockRollToday": present - arrived + left,
            "numCurrentPopulation": present,
            "numArrivedToday": arrived,
            "numInReception": len(self._inside.get(RECEPTION, ())),
            "numStillToArrive": en_route,
            "numOutToday": left,
            "numNoCellAllocated": len(self._inside.get(NO_CELL, ())),
        }

    def _below(self, location_id: Id | None) -> list[Id]:
        rows = self._forest.children.get(location_id, [])
        return [row["id"] for row in rows if is_on_roll(row, self._forest.derived[row["id"]])]

    def _is_in_use(self, row: Fields) -> bool:
        return row["converted_cell_type"] is None and is_active(row, self._forest.derived[row["id"]])

    def _is_leaf(self, row: Fields) -> bool:
        return not self._forest.derived[row["id"]]["has_children"] and row["location_type"] not in NEVER_LEAVES

    def _counted(self, location_id: Id) -> Counter[str]:
        row, derived = self._forest.rows[location_id], self._forest.derived[location_id]
        counted: Counter[str] = Counter()
        if self._is_leaf(row):
            here = self._inside.get(row["path_hierarchy"], ())
            counted["people"] = len(here)
            counted["in"] = sum(person.get("inOutStatus") == "IN" for person in here)
            counted["out"] = sum(person.get("inOutStatus") == "OUT" for person in here)
            counted["out of order"] = not is_active(row, derived)
        else:
            for each in self._below(location_id):
                counted.update(self._counts[each])
        counted["working"] = derived["working_total"]
        return counted

    def _location(self, row: Fields, *, cells: bool) -> Json:
        name, derived = roll_name(row), self._forest.derived[row["id"]]
        return {
            "key": f"{row['prison_id']}-{row['path_hierarchy']}",
            "locationId": str(row["id"]),
            "locationType": shown_type(row),
            "locationCode": row["code"],
            "fullLocationPath": row["path_hierarchy"],
            **({"localName": name} if name else {}),
            "certified": derived["any_certified"],
            "rollCount": _figures(self._counts[row["id"]]),
            "subLocations": self.shown(self._below(row["id"]), cells=cells),
        }


def is_on_roll(row: Fields, derived: Fields) -> bool:
    """Whether a roll has this location: a residential one that is neither archived nor hidden from summaries."""
    residential = row["residential_housing_type"] is not None
    return residential and row["location_type"] in _SHOWN and not is_archived(row, derived)


def _figures(counted: Counter[str]) -> Json:
    return {
        "bedsInUse": counted["people"],
        "currentlyInCell": counted["in"],
        "currentlyOut": counted["out"],
        "workingCapacity": counted["working"],
        "netVacancies": counted["working"] - counted["people"],
        "outOfOrder": counted["out of order"],
    }
