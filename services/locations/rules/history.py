"""What history says of a change: one row for each attribute that differs, in the order people read them (§3.5)."""

from collections.abc import Callable, Iterator
from datetime import date, datetime
from types import MappingProxyType
from typing import Any

from libs.domain.codes import Described, HistoryAttribute, LocationStatus
from services.locations.records import HistoryRow, LocationRow

H = HistoryAttribute


def status_of(row: LocationRow) -> LocationStatus:
    """Return the status by the row's own flags alone."""
    if row.archived:
        return LocationStatus.ARCHIVED
    if not row.active:
        return LocationStatus.INACTIVE
    return LocationStatus.NON_RESIDENTIAL if row.converted_cell_type is not None else LocationStatus.ACTIVE


def _certified(row: LocationRow) -> str | None:
    return None if row.certified is None else ("Certified" if row.certified else "Uncertified")


def reason_text(row: LocationRow) -> str | None:
    """Return reason and description as people read them."""
    if row.deactivated_reason is None:
        return None
    described = (row.deactivation_reason_description or "").strip()
    return f"{row.deactivated_reason.description} - {described}" if described else row.deactivated_reason.description


def converted_text(row: LocationRow) -> str | None:
    """Return what a converted cell is, as people read it."""
    if row.converted_cell_type is None:
        return None
    other = (row.other_converted_cell_type or "").strip()
    return f"{row.converted_cell_type.description} - {other}" if other else row.converted_cell_type.description


_SINGLE: MappingProxyType[HistoryAttribute, Callable[[LocationRow], Any]] = MappingProxyType(
    {
        H.CODE: lambda row: row.code,
        H.CONVERTED_CELL_TYPE: converted_text,
        H.LOCATION_TYPE: lambda row: row.shown_type,
        H.RESIDENTIAL_HOUSING_TYPE: lambda row: row.residential_housing_type,
        H.ACCOMMODATION_TYPE: lambda row: row.accommodation_type,
        H.PARENT_LOCATION: lambda row: row.parent_id,
        H.DESCRIPTION: lambda row: row.local_name,
        H.COMMENTS: lambda row: row.comments,
        H.ORDER_WITHIN_PARENT_LOCATION: lambda row: row.order_within_parent_location,
        H.CAPACITY: lambda row: row.max_capacity,
        H.OPERATIONAL_CAPACITY: lambda row: row.working_capacity,
        H.CERTIFIED: _certified,
        H.CERTIFIED_CAPACITY: lambda row: row.capacity_of_certified_cell,
        H.STATUS: status_of,
        H.DEACTIVATION_REASON: reason_text,
        H.PROPOSED_REACTIVATION_DATE: lambda row: row.proposed_reactivation_date,
        H.PLANET_FM_NUMBER: lambda row: row.planet_fm_reference,
        H.PERMANENT_DEACTIVATION: lambda row: row.archived_reason,
    }
)
_SETS: MappingProxyType[HistoryAttribute, Callable[[LocationRow], tuple[Described, ...]]] = MappingProxyType(
    {
        H.ATTRIBUTES: lambda row: row.attributes,
        H.USED_FOR: lambda row: row.used_for,
        H.SPECIALIST_CELL_TYPE: lambda row: row.specialist_cell_types,
        H.USAGE: lambda row: tuple(usage.usage_type for usage in row.usages),
    }
)
# Reactivation says so by its status; the reason that ended is not news.
_SILENT_WHEN_CLEARED = frozenset({H.DEACTIVATION_REASON})


def changes(before: LocationRow, after: LocationRow, by: str, at: datetime) -> list[HistoryRow]:
    """Return the history of going from one state to the other."""
    return [HistoryRow(after.id, attribute, old, new, by, at) for attribute, old, new in _differences(before, after)]


def _differences(before: LocationRow, after: LocationRow) -> Iterator[tuple[HistoryAttribute, str | None, str | None]]:
    for attribute, read in _SINGLE.items():
        old, new = _text(read(before)), _text(read(after))
        if old != new and not (new is None and attribute in _SILENT_WHEN_CLEARED):
            yield attribute, old, new
    for attribute, members in _SETS.items():
        gone = [member for member in members(before) if member not in members(after)]
        come = [member for member in members(after) if member not in members(before)]
        yield from ((attribute, member.description, None) for member in gone)
        yield from ((attribute, None, member.description) for member in come)
    yield from _usage_capacities(before, after)


def _usage_capacities(
    before: LocationRow, after: LocationRow
) -> Iterator[tuple[HistoryAttribute, str | None, str | None]]:
    old = {usage.usage_type: usage.capacity for usage in before.usages}
    for usage in after.usages:
        if old.get(usage.usage_type) != usage.capacity:
            yield H.NON_RESIDENTIAL_CAPACITY, _text(old.get(usage.usage_type)), _text(usage.capacity)


def _text(value: Any) -> str | None:
    if isinstance(value, Described):
        return value.description
    if isinstance(value, date):
        return value.isoformat()
    return None if value is None or str(value).strip() == "" else str(value)
