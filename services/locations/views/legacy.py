"""The LegacyLocation of the sync and migrate doors and of the paged list (`reference/locations-api.md` §2.2)."""

from collections.abc import Sequence
from typing import Any

from services.locations.records import LocationRow
from services.locations.views.location import Shower, changed, local


def legacy(shower: Shower, row: LocationRow, history: Sequence[dict[str, Any]] | None = None) -> dict[str, Any]:
    """Return a location as NOMIS's workers read it: own numbers of a cell, totals of what holds cells."""
    standing = shower.standing(row)
    details = standing.details
    reason = details.deactivated_reason if details else None
    proposed = details.proposed_reactivation_date if details else None
    shown = {
        "id": str(row.id),
        "prisonId": row.prison_id,
        "code": row.code,
        "pathHierarchy": row.path_hierarchy,
        "key": row.key,
        "locationType": row.shown_type.value,
        "residentialHousingType": row.residential_housing_type.value if row.residential_housing_type else None,
        "localName": row.local_name,
        "comments": row.comments,
        "orderWithinParentLocation": row.order_within_parent_location,
        "ignoreWorkingCapacity": row.residential_housing_type is not None and not row.is_cell,
        "active": standing.active,
        "deactivatedDate": (local(details.deactivated_date) or "")[:10] or None if details else None,
        "deactivatedReason": reason.value if reason else None,
        "proposedReactivationDate": proposed.isoformat() if proposed else None,
        "permanentlyDeactivated": standing.archived,
        "parentId": str(row.parent_id) if row.parent_id else None,
        "changeHistory": [changed(entry) for entry in history] if history is not None else None,
        "lastModifiedBy": row.updated_by,
        "lastModifiedDate": local(row.when_updated),
    }
    return {name: value for name, value in (shown | _held(shower, row)).items() if value is not None}


def _held(shower: Shower, row: LocationRow) -> dict[str, Any]:
    if row.residential_housing_type is None:
        return {"usage": shower.held(row)["usage"]}
    if not row.is_cell:
        held = shower.held(row)
        return {
            "capacity": held["capacity"],
            "certification": held["certification"],
            "attributes": _attributes([cell for cell in shower.below(row) if cell.is_cell and not cell.archived]),
        }
    has_capacity = row.max_capacity is not None or row.working_capacity is not None
    return {
        "capacity": {"maxCapacity": row.max_capacity or 0, "workingCapacity": row.working_capacity or 0}
        if has_capacity
        else None,
        "certification": {
            "certified": row.certified,
            "capacityOfCertifiedCell": row.capacity_of_certified_cell or 0,
        }
        if row.certified is not None
        else None,
        "attributes": _attributes([row]),
    }


def _attributes(cells: Sequence[LocationRow]) -> list[str]:
    return sorted({attribute.value for cell in cells for attribute in cell.attributes})
