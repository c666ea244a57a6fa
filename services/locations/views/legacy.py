"""The LegacyLocation of the sync and migrate doors and of the paged list (`reference/locations-api.md` §2.2)."""

from collections.abc import Sequence
from typing import Any

from services.locations.views.derived import Fields, is_active, is_archived, is_cell
from services.locations.views.location import changed, deactivation, local, shown_type, totals, usages

Json = dict[str, Any]


def legacy(row: Fields, derived: Fields, history: Sequence[Json] | None = None) -> Json:
    """Return a location as NOMIS's workers read it: own numbers of a cell, totals of what holds cells."""
    active = is_active(row, derived)
    inactive = {} if active else deactivation(row, derived)
    shown = {
        "id": str(row["id"]),
        "prisonId": row["prison_id"],
        "code": row["code"],
        "pathHierarchy": row["path_hierarchy"],
        "key": f"{row['prison_id']}-{row['path_hierarchy']}",
        "locationType": shown_type(row),
        "residentialHousingType": row["residential_housing_type"],
        "localName": row["local_name"],
        "comments": row["comments"],
        "orderWithinParentLocation": row["order_within_parent_location"],
        "ignoreWorkingCapacity": row["residential_housing_type"] is not None and not is_cell(row),
        **_held(row, derived),
        "active": active,
        # The day alone: NOMIS keeps no time of it.
        "deactivatedDate": (inactive.get("deactivatedDate") or "")[:10] or None,
        "deactivatedReason": inactive.get("deactivatedReason"),
        "proposedReactivationDate": inactive.get("proposedReactivationDate"),
        "permanentlyDeactivated": is_archived(row, derived),
        "parentId": str(row["parent_id"]) if row["parent_id"] else None,
        "changeHistory": [changed(entry) for entry in history] if history is not None else None,
        "lastModifiedBy": row["updated_by"],
        "lastModifiedDate": local(row["when_updated"]),
    }
    return {name: value for name, value in shown.items() if value is not None}


def _held(row: Fields, derived: Fields) -> Json:
    if row["residential_housing_type"] is None:
        return {"usage": usages(row)}
    if not is_cell(row):
        joined = derived["all_attributes"] or ()
        return {**totals(derived), "attributes": sorted({code for text in joined for code in text.split(",")})}
    held: Json = {"attributes": [] if is_archived(row, derived) else sorted(row["attributes"])}
    if row["max_capacity"] is not None or row["working_capacity"] is not None:
        held["capacity"] = {
            "maxCapacity": row["max_capacity"] or 0,
            "workingCapacity": row["working_capacity"] or 0,
        }
    if row["certified"] is not None:
        held["certification"] = {
            "certified": row["certified"],
            "capacityOfCertifiedCell": row["capacity_of_certified_cell"] or 0,
        }
    return held
