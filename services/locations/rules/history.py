"""What history says of a change: one row for each attribute that differs, in the order people read them (§3.5)."""

from collections.abc import Callable, Iterable, Iterator
from datetime import date, datetime
from types import MappingProxyType
from typing import Any

from msgspec.structs import replace

from libs.domain.codes import Described, HistoryAttribute, LocationStatus, LocationType
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


# In the order in which a change is told; a set is told member by member.
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
# The sets are told after what a cell is for and before what it holds.
_BEFORE_SETS = frozenset(list(_SINGLE)[: list(_SINGLE).index(H.CAPACITY)])
# Reactivation says so by its status; the reason that ended is not news.
_SILENT_WHEN_CLEARED = frozenset({H.DEACTIVATION_REASON})

Told = tuple[HistoryAttribute, str | None, str | None]


def changes(before: LocationRow, after: LocationRow, by: str, at: datetime) -> list[HistoryRow]:
    """Return the history of going from one state to the other."""
    return [HistoryRow(after.id, attribute, old, new, by, at) for attribute, old, new in _differences(before, after)]


def beginning(came: LocationRow, starts: LocationRow, by: str, at: datetime) -> list[HistoryRow]:
    """Return the history of a new location: what its cell is used for, and what became of a holding cell."""
    uses = [HistoryRow(came.id, H.USED_FOR, None, use.description, by, at) for use in came.used_for]
    return uses if came is starts else uses + changes(came, starts, by, at)


def kept(rows: Iterable[HistoryRow]) -> list[HistoryRow]:
    """Return history in its order without what says nothing: values that did not change, and exact repetitions."""
    tidy = (_tidy(row) for row in rows)
    return [*dict.fromkeys(row for row in tidy if row.old_value != row.new_value)]


def _tidy(row: HistoryRow) -> HistoryRow:
    old, new = _text(row.old_value), _text(row.new_value)
    return row if old is row.old_value and new is row.new_value else replace(row, old_value=old, new_value=new)


def _differences(before: LocationRow, after: LocationRow) -> Iterator[Told]:
    singles = [*_single_differences(before, after)]
    yield from (told for told in singles if told[0] in _BEFORE_SETS)
    for attribute, members in _SETS.items():
        gone = [member for member in members(before) if member not in members(after)]
        come = [member for member in members(after) if member not in members(before)]
        yield from ((attribute, member.description, None) for member in gone)
        yield from ((attribute, None, member.description) for member in come)
    yield from _usage_capacities(before, after)
    yield from (told for told in singles if told[0] not in _BEFORE_SETS)


def _single_differences(before: LocationRow, after: LocationRow) -> Iterator[Told]:
    for attribute, read in _SINGLE.items():
        old, new = _text(read(before)), _text(read(after))
        if attribute is H.CONVERTED_CELL_TYPE and new is None:
            new = LocationType.CELL.description if after.is_cell and old is not None else None
        if old != new and not (new is None and attribute in _SILENT_WHEN_CLEARED):
            yield attribute, old, new


def _usage_capacities(before: LocationRow, after: LocationRow) -> Iterator[Told]:
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
