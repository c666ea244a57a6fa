"""The Location that `/locations/**` answers (`reference/locations-api.md` §2.2): derived state and aggregates."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from libs.domain.codes import AREA_TYPES, STRUCTURAL_TYPES, HistoryAttribute, LocationType
from services.locations.records import LocationRow
from services.locations.rules.naming import capitalised
from services.locations.rules.status import Standing

_NEVER_LEAVES = STRUCTURAL_TYPES | AREA_TYPES


class Shower:
    """Shows locations; `rows` must hold all that stands above and below those that are shown."""

    def __init__(self, rows: Iterable[LocationRow]) -> None:
        self._by_id = {row.id: row for row in rows}
        self._children: dict[UUID, list[LocationRow]] = {}
        for row in self._by_id.values():
            if row.parent_id is not None:
                self._children.setdefault(row.parent_id, []).append(row)

    def standing(self, row: LocationRow) -> Standing:
        """Return a row with its ancestors."""
        above: list[LocationRow] = []
        at = row
        while at.parent_id is not None and at.parent_id in self._by_id:
            at = self._by_id[at.parent_id]
            above.append(at)
        return Standing(row, above)

    def below(self, row: LocationRow) -> list[LocationRow]:
        """Return everything below a row."""
        found: list[LocationRow] = []
        level = self._children.get(row.id, [])
        while level:
            found += level
            level = [child for parent in level for child in self._children.get(parent.id, [])]
        return found

    def shown(self, row: LocationRow, *, children: bool = False, parent: bool = False) -> dict[str, Any]:
        """Return a location; `children` nests what is below and not archived, `parent` what is above."""
        standing = self.standing(row)
        top = standing.above[-1] if standing.above else row
        location = _identity(row) | _state(standing) | self.held(row, standing) | _hierarchy(row, standing, top)
        location["leafLevel"] = row.id not in self._children and row.shown_type not in _NEVER_LEAVES
        if children:
            kept = [child for child in self._children.get(row.id, []) if not child.archived]
            location["childLocations"] = [self.shown(child, children=True) for child in kept]
        if parent and standing.above:
            location["parentLocation"] = self.shown(standing.above[0], parent=True)
        return {name: value for name, value in location.items() if value is not None}

    def held(self, row: LocationRow, standing: Standing | None = None) -> dict[str, Any]:
        """Return what the kind of a location holds: usages, or capacity and the sets of the cells at and below it."""
        standing = standing or self.standing(row)
        if row.residential_housing_type is None:
            usages = sorted(row.usages, key=lambda usage: usage.usage_type.sequence)
            return {"usage": [usage.model_dump(mode="json", by_alias=True, exclude_none=True) for usage in usages]}
        standings = [self.standing(each) for each in (row, *self.below(row)) if each.is_cell]
        cells = [cell for cell in standings if not cell.archived]
        leaves = [cell for cell in cells if cell.row.id not in self._children]
        inactive_cell = row.is_cell and not standing.active and not standing.archived
        return {
            "capacity": {
                "maxCapacity": sum(cell.row.max_capacity or 0 for cell in leaves),
                "workingCapacity": sum(cell.row.working_capacity or 0 for cell in leaves if cell.active),
            },
            "oldWorkingCapacity": row.working_capacity if inactive_cell else None,
            "certification": {
                "certified": any(cell.row.certified for cell in cells),
                "capacityOfCertifiedCell": sum(cell.row.capacity_of_certified_cell or 0 for cell in cells),
            },
            "accommodationTypes": _union(
                [cell.row.accommodation_type] for cell in cells if cell.row.accommodation_type is not None
            ),
            "usedFor": _union(cell.row.used_for for cell in cells),
            "specialistCellTypes": _union(cell.row.specialist_cell_types for cell in cells),
        }


def _identity(row: LocationRow) -> dict[str, Any]:
    is_cell = row.location_type is LocationType.CELL
    return {
        "id": str(row.id),
        "prisonId": row.prison_id,
        "code": row.code,
        "pathHierarchy": row.path_hierarchy,
        "key": row.key,
        "locationType": row.shown_type.value,
        "localName": capitalised(row.local_name) if row.local_name and not is_cell else None,
        "comments": row.comments,
        "convertedCellType": row.converted_cell_type.value if row.converted_cell_type else None,
        "otherConvertedCellType": row.other_converted_cell_type,
        "isResidential": row.residential_housing_type is not None and row.converted_cell_type is None,
        "lastModifiedBy": row.updated_by,
        "lastModifiedDate": local(row.when_updated),
    }


def _state(standing: Standing) -> dict[str, Any]:
    row, details = standing.row, standing.details
    reason = details.deactivated_reason if details else None
    proposed = details.proposed_reactivation_date if details else None
    return {
        "status": standing.status.value,
        "active": standing.active,
        "deactivatedByParent": standing.deactivated_by_parent,
        "permanentlyInactive": standing.archived,
        "permanentlyInactiveReason": row.archived_reason,
        "deactivatedDate": local(details.deactivated_date) if details else None,
        "deactivatedReason": reason.value if reason else None,
        "deactivationReasonDescription": details.deactivation_reason_description if details else None,
        "proposedReactivationDate": proposed.isoformat() if proposed else None,
        "deactivatedBy": row.deactivated_by,
        "planetFmReference": row.planet_fm_reference,
    }


def _hierarchy(row: LocationRow, standing: Standing, top: LocationRow) -> dict[str, Any]:
    return {
        "topLevelId": str(top.id),
        "level": len(standing.above) + 1,
        "parentId": str(row.parent_id) if row.parent_id else None,
    }


def shown_history(entries: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the history that the public view shows, newest first."""
    kept = [entry for entry in reversed(entries) if HistoryAttribute(entry["attribute_name"]).shown]
    return [changed(entry) for entry in kept]


def changed(entry: dict[str, Any]) -> dict[str, Any]:
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


def _union(sets: Any) -> list[str]:
    found = {member for members in sets for member in members}
    return [member.value for member in sorted(found, key=lambda member: member.sequence)]
