"""What was edited, and the judge of whether each edit is still there, was followed by a later one, or is on record.

An edit is lost when it is the last one its side made of a field, the field ends with another value, no later edit of
the other side explains that value, and no conflict names the edit. Whoever opens a location again wipes the details of
its deactivation, which its journal names no further. An edit that takes back its own side's is none to a merge that
compares with what both last agreed on (ADR 0007): there the other side's edit may win. Shares no code with the services
it judges.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, Literal

from tests.chaos.equality import SHARED, Both

Side = Literal["NOMIS", "DPS"]
# What a field of equality.py is called on the wire, where conflicts name it.
WIRE_NAME = MappingProxyType(
    {
        "code": "code",
        "local_name": "localName",
        "comments": "comments",
        "max_capacity": "maxCapacity",
        "working_capacity": "workingCapacity",
        "certified": "certified",
        "certified_capacity": "capacityOfCertifiedCell",
        "active": "active",
        "deactivated": "deactivatedDate",
        "reason": "deactivatedReason",
        "proposed": "proposedReactivationDate",
    },
)
# What a location in use has none of: whoever opens it again wipes them.
DETAILS = frozenset({"deactivated", "reason", "proposed"})


@dataclass(frozen=True)
class Entry:
    """One field of one location set by one side; `sure` unless the answer never came."""

    side: Side
    location: int | str
    field: str
    value: str
    at: float
    sure: bool = True
    # What it replaced, where that is known.
    old: str | None = None
    # When it was asked for; `at` is when the answer came. It was made at some moment between.
    began: float | None = None

    @property
    def earliest(self) -> float:
        """When it was made at the earliest."""
        return self.at if self.began is None else self.began


@dataclass(frozen=True)
class Conflict:
    """What the locations API has on record of an edit that did not win."""

    dps_id: str
    field: str
    dps: Any
    nomis: Any

    def names(self, entry: Entry) -> bool:
        """Whether this is the record of that edit."""
        if WIRE_NAME.get(entry.field) != self.field:
            return False
        return words(self.nomis if entry.side == "NOMIS" else self.dps) == entry.value


@dataclass(frozen=True)
class Lost:
    """An edit nobody will find again."""

    entry: Entry
    ended: str

    def __str__(self) -> str:
        entry = self.entry
        return (
            f"{entry.side} {entry.location} {entry.field} = {entry.value!r} (edit at {entry.at:.1f} s): {self.ended!r}"
        )


def words(value: Any) -> str:
    """Write a JSON value as equality.py writes it."""
    if isinstance(value, bool):
        return str(value).lower()
    return "" if value is None else str(value)


def lost(entries: Iterable[Entry], both: Both, conflicts: Iterable[Conflict]) -> list[Lost]:
    """Judge the last edits of each field of each location that is still there."""
    recorded: dict[str, list[Conflict]] = defaultdict(list)
    for conflict in conflicts:
        recorded[conflict.dps_id].append(conflict)
    found: list[Lost] = []
    by_field = _by_field(entries, both.dps_of)
    for (dps_id, field), of_field in by_field.items():
        row = both.dps.get(dps_id)
        if row is None or field not in SHARED[row["kind"]] or (field in DETAILS and row["active"] == "true"):
            continue
        openings = [one for one in by_field.get((dps_id, "active"), ()) if one.value == "true"]
        wiped = [replace(one, field=field, value="") for one in openings if field in DETAILS]
        found += _judged(of_field, wiped, str(row[field]), recorded[dps_id])
    return found


def _by_field(entries: Iterable[Entry], dps_of: Mapping[int, str]) -> Mapping[tuple[str, str], list[Entry]]:
    by_field: dict[tuple[str, str], list[Entry]] = defaultdict(list)
    for entry in entries:
        dps_id = dps_of.get(entry.location) if isinstance(entry.location, int) else entry.location
        if dps_id is not None:
            by_field[dps_id, entry.field].append(entry)
    return by_field


def _judged(entries: Sequence[Entry], wiped: Sequence[Entry], ended: str, conflicts: Sequence[Conflict]) -> list[Lost]:
    lasts = [last for side in ("NOMIS", "DPS") if (last := _last(entries, side)) is not None]
    return [
        Lost(last, ended)
        for last in lasts
        if last.value != ended
        and not _explained(last, [*entries, *wiped], ended)
        and not _taken_back(last, entries, wiped, ended)
        and not any(conflict.names(last) for conflict in conflicts)
    ]


def _last(entries: Sequence[Entry], side: str) -> Entry | None:
    sure = [entry for entry in entries if entry.side == side and entry.sure]
    return max(sure, key=lambda entry: entry.at, default=None)


def _explained(last: Entry, entries: Sequence[Entry], ended: str) -> bool:
    """Whether an edit that may be later, or one whose answer never came, set the value that the field ended with."""
    return any(
        other.value == ended and (other.at >= last.earliest or not other.sure) for other in entries if other is not last
    )


def _taken_back(last: Entry, entries: Sequence[Entry], wiped: Sequence[Entry], ended: str) -> bool:
    """Whether the other side set what the field ended with, and this side's edits, one upon the other, come to nothing.

    The same holds for a detail of a deactivation that its own side opened again.
    """
    if not any(other.side != last.side and other.value == ended for other in entries):
        return False
    if any(opening.side == last.side and opening.at > last.at for opening in wiped):
        return True
    upon = last
    own = [one for one in entries if one.side == last.side and one.sure and one.at < last.at]
    for before in sorted(own, key=lambda one: one.at, reverse=True):
        if before.value != upon.old:
            return False
        if before.old == last.value:
            return True
        upon = before
    return False
