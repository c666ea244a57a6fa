"""The Location that `/locations/**` answers (`reference/locations-api.md` §2.2): a row with what is derived for it."""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any

from libs.domain.codes import (
    AccommodationType,
    Described,
    HistoryAttribute,
    SpecialistCellType,
    UsageType,
    UsedForType,
)
from services.locations.rules.naming import capitalised
from services.locations.views.derived import NEVER_LEAVES, Fields, Forest, Id, is_active, is_archived

Json = dict[str, Any]
_OWN_TEXTS = (
    ("comments", "comments"),
    ("convertedCellType", "converted_cell_type"),
    ("otherConvertedCellType", "other_converted_cell_type"),
    ("permanentlyInactiveReason", "archived_reason"),
    ("deactivatedBy", "deactivated_by"),
    ("planetFmReference", "planet_fm_reference"),
)


def location(row: Fields, derived: Fields) -> Json:
    """Return a location as the public doors show it; absent members are left out, lists are there when empty."""
    prison_id, path, kind = row["prison_id"], row["path_hierarchy"], shown_type(row)
    residential, converted = row["residential_housing_type"] is not None, row["converted_cell_type"] is not None
    shown = {
        "id": str(row["id"]),
        "prisonId": prison_id,
        "code": row["code"],
        "pathHierarchy": path,
        "key": f"{prison_id}-{path}",
        "locationType": kind,
        "isResidential": residential and not converted,
        "topLevelId": str(derived["top_id"]),
        "level": derived["levels"] + 1,
        "leafLevel": not derived["has_children"] and kind not in NEVER_LEAVES,
        "lastModifiedBy": row["updated_by"],
        "lastModifiedDate": local(row["when_updated"]),
    }
    if row["parent_id"] is not None:
        shown["parentId"] = str(row["parent_id"])
    if row["local_name"] and (name := shown_name(row)):
        shown["localName"] = name
    for name, column in _OWN_TEXTS:
        text = row[column]
        if text is not None:
            shown[name] = text
    _add_state(shown, row, derived)
    if residential:
        _add_held(shown, row, derived)
    else:
        shown["usage"] = usages(row)
    return shown


def shown_type(row: Fields) -> str:
    """Return what both views call it: a converted cell is a room."""
    return "ROOM" if row["converted_cell_type"] is not None else str(row["location_type"])


def shown_name(row: Fields) -> str | None:
    """Return the local name as people read it; a cell, also a converted one, has none."""
    name = row["local_name"]
    return capitalised(name) if name and row["location_type"] != "CELL" else None


def sort_name(row: Fields) -> str:
    """Return what lists are sorted by in natural order (§3.8): the local name, else the path."""
    return shown_name(row) or str(row["path_hierarchy"])


def _add_state(shown: Json, row: Fields, derived: Fields) -> None:
    active = is_active(row, derived)
    in_use = "ACTIVE" if row["converted_cell_type"] is None else "NON_RESIDENTIAL"
    shown["status"] = in_use if active else "INACTIVE"
    shown["active"] = active
    shown["deactivatedByParent"] = row["active"] and not row["archived"] and not active
    shown["permanentlyInactive"] = is_archived(row, derived)
    if not active:
        shown |= {name: value for name, value in deactivation(row, derived).items() if value is not None}


def deactivation(row: Fields, derived: Fields) -> Json:
    """Return why and until when a location is inactive: by its own row, else by the nearest one above it."""
    own = row["archived"] or not row["active"]
    told, up = (row, "") if own else (derived, "up_")
    proposed = told[f"{up}proposed_reactivation_date"]
    return {
        "deactivatedDate": local(told[f"{up}deactivated_date"]),
        "deactivatedReason": told[f"{up}deactivated_reason"],
        "deactivationReasonDescription": told[f"{up}deactivation_reason_description"],
        "proposedReactivationDate": proposed.isoformat() if proposed else None,
    }


def _add_held(shown: Json, row: Fields, derived: Fields) -> None:
    """Add what a residential location holds: capacity and the sets of the cells at and below it."""
    shown |= totals(derived)
    shown["accommodationTypes"] = union(AccommodationType, derived["all_accommodation_types"])
    shown["usedFor"] = union(UsedForType, derived["all_used_for"])
    shown["specialistCellTypes"] = union(SpecialistCellType, derived["all_specialist_cell_types"])
    inactive_cell = row["location_type"] == "CELL" and not shown["active"] and not shown["permanentlyInactive"]
    if inactive_cell and row["working_capacity"] is not None:
        shown["oldWorkingCapacity"] = row["working_capacity"]


def totals(derived: Fields) -> Json:
    """Return capacity and certification of the cells at and below a location."""
    return {
        "capacity": {
            "maxCapacity": derived["max_total"] or 0,
            "workingCapacity": derived["working_total"] or 0,
        },
        "certification": {
            "certified": derived["any_certified"] or False,
            "capacityOfCertifiedCell": derived["certified_total"] or 0,
        },
    }


def usages(row: Fields) -> list[Json]:
    """Return the uses of a room in the order of their list."""
    if not row["usages"]:
        return []
    found = sorted(row["usages"], key=lambda usage: UsageType(usage["usageType"]).sequence)
    return [{name: value for name, value in usage.items() if value is not None} for usage in found]


def union(codes: type[Described], joined: Iterable[str] | None) -> Sequence[str]:
    """Return the distinct codes of comma-joined lists, in the order of their own list."""
    return _union(codes, frozenset(joined)) if joined else []


@lru_cache(maxsize=4096)
def _union(codes: type[Described], joined: frozenset[str]) -> tuple[str, ...]:
    found = {codes(code) for text in joined for code in text.split(",")}
    return tuple(code.value for code in sorted(found, key=lambda code: (code.sequence, code.value)))


def nested(forest: Forest, location_id: Id, decorate: Callable[[Json, Id], None] | None = None) -> Json:
    """Return a location with all below it that is not archived under `childLocations`, by path."""
    row = forest.rows[location_id]
    shown = location(row, forest.derived[location_id])
    if decorate is not None:
        decorate(shown, location_id)
    kept = [child for child in forest.children.get(location_id, []) if not child["archived"]]
    kept.sort(key=lambda child: child["path_hierarchy"])
    shown["childLocations"] = [nested(forest, child["id"], decorate) for child in kept]
    return shown


def hierarchy_of(forest: Forest, *, inactive: bool) -> list[Json]:
    """Return all of a forest from the top, each location with those below it under `childLocations`, by path.

    What is archived is left out, and without `inactive` also what is not in use.
    """
    rows = sorted(forest.rows.values(), key=lambda row: str(row["path_hierarchy"]))
    shown: dict[Id, Json] = {}
    for row in rows:
        derived = forest.derived[row["id"]]
        if is_active(row, derived) or (inactive and not is_archived(row, derived)):
            shown[row["id"]] = location(row, derived) | {"childLocations": []}
    tops: list[Json] = []
    for row in rows:
        if row["id"] in shown:
            above = shown.get(row["parent_id"])
            (tops if above is None else above["childLocations"]).append(shown[row["id"]])
    return tops


def shown_history(entries: Sequence[Json]) -> list[Json]:
    """Return the history that the public view shows, newest first."""
    kept = [entry for entry in reversed(entries) if HistoryAttribute(entry["attribute_name"]).shown]
    return [changed(entry) for entry in kept]


def changed(entry: Json) -> Json:
    """Return one change as people read it."""
    told = {
        "attribute": HistoryAttribute(entry["attribute_name"]).description,
        "oldValue": entry["old_value"],
        "newValue": entry["new_value"],
        "amendedBy": entry["amended_by"],
        "amendedDate": local(entry["amended_date"]),
    }
    return {name: value for name, value in told.items() if value is not None}


def local(moment: datetime | None) -> str | None:
    """Write a London time as the contract does: to the second, without zone."""
    return moment.isoformat(timespec="seconds") if moment else None
