"""What history says of a change: one row for each attribute that differs, in the order people read them (§3.5)."""

from collections.abc import Callable, Iterable, Iterator
from datetime import date, datetime
from functools import lru_cache
from operator import attrgetter
from typing import Any, NamedTuple

from msgspec.structs import replace

from libs.domain.codes import Described, HistoryAttribute, LocationStatus, LocationType
from services.locations.records import HistoryRow, LocationRow, differing

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


class _Single(NamedTuple):
    """One attribute: the columns it is told from, and what is told of them."""

    attribute: HistoryAttribute
    columns: frozenset[str]
    read: Callable[[LocationRow], Any]


def _plain(attribute: HistoryAttribute, column: str) -> _Single:
    return _Single(attribute, frozenset({column}), attrgetter(column))


# In the order in which a change is told; a set is told member by member.
_BEFORE_SETS = (
    _plain(H.CODE, "code"),
    _Single(H.CONVERTED_CELL_TYPE, frozenset({"converted_cell_type", "other_converted_cell_type"}), converted_text),
    _Single(H.LOCATION_TYPE, frozenset({"location_type", "converted_cell_type"}), lambda row: row.shown_type),
    _plain(H.RESIDENTIAL_HOUSING_TYPE, "residential_housing_type"),
    _plain(H.ACCOMMODATION_TYPE, "accommodation_type"),
    _plain(H.PARENT_LOCATION, "parent_id"),
    _plain(H.DESCRIPTION, "local_name"),
    _plain(H.COMMENTS, "comments"),
    _plain(H.ORDER_WITHIN_PARENT_LOCATION, "order_within_parent_location"),
)
# The sets are told after what a cell is for and before what it holds.
_SETS = (
    _plain(H.ATTRIBUTES, "attributes"),
    _plain(H.USED_FOR, "used_for"),
    _plain(H.SPECIALIST_CELL_TYPE, "specialist_cell_types"),
    _Single(H.USAGE, frozenset({"usages"}), lambda row: tuple(usage.usage_type for usage in row.usages)),
)
_AFTER_SETS = (
    _plain(H.CAPACITY, "max_capacity"),
    _plain(H.OPERATIONAL_CAPACITY, "working_capacity"),
    _Single(H.CERTIFIED, frozenset({"certified"}), _certified),
    _plain(H.CERTIFIED_CAPACITY, "capacity_of_certified_cell"),
    _Single(H.STATUS, frozenset({"active", "archived", "converted_cell_type"}), status_of),
    _Single(H.DEACTIVATION_REASON, frozenset({"deactivated_reason", "deactivation_reason_description"}), reason_text),
    _plain(H.PROPOSED_REACTIVATION_DATE, "proposed_reactivation_date"),
    _plain(H.PLANET_FM_NUMBER, "planet_fm_reference"),
    _plain(H.PERMANENT_DEACTIVATION, "archived_reason"),
)
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
    before_sets, sets, after_sets = _told_from(differing(before, after))
    yield from _single_differences(before_sets, before, after)
    for attribute, _, members in sets:
        old, new = members(before), members(after)
        yield from ((attribute, member.description, None) for member in old if member not in new)
        yield from ((attribute, None, member.description) for member in new if member not in old)
    if sets:
        yield from _usage_capacities(before, after)
    yield from _single_differences(after_sets, before, after)


@lru_cache(maxsize=1024)
def _told_from(columns: frozenset[str]) -> tuple[tuple[_Single, ...], ...]:
    """Return which attributes may differ where these columns do: a cascade changes the same in hundreds of rows."""
    groups = (_BEFORE_SETS, _SETS, _AFTER_SETS)
    return tuple(tuple(single for single in group if single.columns & columns) for group in groups)


def _single_differences(singles: Iterable[_Single], before: LocationRow, after: LocationRow) -> Iterator[Told]:
    for attribute, _, read in singles:
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
