"""People in cells, and cells with room for more (`reference/locations-api.md` §2.2, §3.9)."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from libs.domain.attributes import FAMILY_OF, Attribute, AttributeType
from libs.domain.codes import SpecialistCellType
from services.locations.views.derived import Fields, is_active, is_archived, is_cell
from services.locations.views.location import Json, shown_name

Prisoner = Mapping[str, Any]
By = Mapping[str, Sequence[Prisoner]]

# What of a person is passed on; the rest stays with prisoner search.
_PERSON = (
    "prisonerNumber",
    "prisonId",
    "prisonName",
    "cellLocation",
    "firstName",
    "lastName",
    "gender",
    "status",
    "inOutStatus",
    "csra",
    "category",
    "lastMovementTypeCode",
)
_ALERT = ("alertType", "alertCode", "active", "expired")


def by_cell(people: Iterable[Prisoner]) -> dict[str, list[Prisoner]]:
    """Sort people by the path of their cell; who is in none is left out."""
    found: dict[str, list[Prisoner]] = {}
    for person in people:
        cell = person.get("cellLocation")
        if cell is not None:
            found.setdefault(cell, []).append(person)
    return found


def occupied(people: Iterable[Prisoner]) -> list[Json]:
    """Return who is in which cell, by cell."""
    return [
        {"cellLocation": cell, "prisoners": [person(each) for each in inside]}
        for cell, inside in sorted(by_cell(people).items())
    ]


def person(found: Prisoner) -> Json:
    """Return what is told of a person."""
    told = {name: found[name] for name in _PERSON if found.get(name) is not None}
    if found.get("alerts") is not None:
        told["alerts"] = [{name: alert[name] for name in _ALERT if name in alert} for alert in found["alerts"]]
    return told


def may_have_room(row: Fields, derived: Fields) -> bool:
    """Whether a location is a certified cell in use: one that people may be put into."""
    in_use = is_active(row, derived) and not is_archived(row, derived)
    return in_use and is_cell(row) and row["converted_cell_type"] is None and bool(row["certified"])


def with_room(rows: Iterable[Fields], inside: By, *, names: bool) -> list[Json]:
    """Return the cells with room, by path, with who is in them if asked: a working capacity of none is no limit."""
    shown = []
    for row in sorted(rows, key=lambda row: str(row["path_hierarchy"])):
        people = inside.get(row["path_hierarchy"], ())
        if len(people) < (row["working_capacity"] or row["max_capacity"] or 0):
            shown.append(_cell(row, people, names=names))
    return shown


def _cell(row: Fields, people: Sequence[Prisoner], *, names: bool) -> Json:
    local_name = shown_name(row)
    cell: Json = {
        "id": str(row["id"]),
        "key": f"{row['prison_id']}-{row['path_hierarchy']}",
        "prisonId": row["prison_id"],
        "pathHierarchy": row["path_hierarchy"],
        "noOfOccupants": len(people),
        "maxCapacity": row["max_capacity"] or 0,
        "workingCapacity": row["working_capacity"] or 0,
        **({"localName": local_name} if local_name else {}),
        "specialistCellTypes": [_coded(SpecialistCellType(code)) for code in row["specialist_cell_types"]],
        "legacyAttributes": [
            _coded(attribute)
            for attribute in map(Attribute, row["attributes"])
            if FAMILY_OF[attribute] is AttributeType.LOCATION_ATTRIBUTE
        ],
    }
    return cell | ({"prisonersInCell": [person(each) for each in people]} if names and people else {})


def _coded(code: SpecialistCellType | Attribute) -> Json:
    return {"typeCode": code.value, "typeDescription": code.description}
