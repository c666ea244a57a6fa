"""What a request makes of a row, in columns; nothing here touches a database."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time
from types import MappingProxyType

from services.nomis.errors import Refused
from services.nomis.records import Capacity, Certification, Create, Deactivation, Profile, Update, Usage

Columns = Mapping[str, object]


def text(given: str | None) -> str | None:
    """To Oracle an empty text is no text."""
    return given or None


def flag(given: bool) -> str:
    """Write a boolean as NOMIS does."""
    return "Y" if given else "N"


def midnight(given: date | None) -> datetime | None:
    """Oracle's DATE has a time of day."""
    return None if given is None else datetime.combine(given, time())


def updated(wish: Update) -> Columns:
    """Overwrite these; null clears."""
    return {
        "internal_location_type": text(wish.location_type),
        "description": text(wish.description),
        "user_desc": text(wish.user_description),
        "internal_location_code": text(wish.location_code),
        "parent_internal_location_id": wish.parent_location_id,
        "list_seq": wish.list_sequence,
        "comment_text": text(wish.comment),
        "unit_type": text(wish.unit_type),
    }


def created(wish: Create) -> Columns:
    """Make a row: active, tracked and empty, whatever was asked."""
    return {
        **updated(wish),
        "agy_loc_id": text(wish.prison_id),
        "certified_flag": flag(wish.certified),
        "cna_no": wish.cna_capacity,
        "capacity": wish.capacity,
        "operation_capacity": wish.operational_capacity,
        "active_flag": "Y",
        "tracking_flag": "Y",
        "no_of_occupant": 0,
    }


def visit_room(prison: str, code: str, top: Columns | None) -> Columns:
    """Make the row of the room that a visit booking needs."""
    above = f"{prison}-VISITS" if top is None else top["description"]
    return {
        "agy_loc_id": prison,
        "internal_location_type": "VISIT",
        "internal_location_code": code,
        "description": f"{above}-{code}",
        "user_desc": "VISITS - SOCIAL" if code == "VSIP_SOC" else "VISITS - CLOSED",
        "parent_internal_location_id": None if top is None else top["internal_location_id"],
        "capacity": 99,
        "list_seq": 99,
        "active_flag": "Y",
        "tracking_flag": "Y",
        "certified_flag": "N",
    }


def deactivated(row: Columns, wish: Deactivation) -> Columns:
    """Take a location out of use; its children stay as they are."""
    if row["active_flag"] == "N" and not wish.force:
        raise Refused(f"Location with id={row['internal_location_id']} is already inactive")
    today = row["today"]
    assert isinstance(today, date)
    return {
        "active_flag": "N",
        "deactivate_date": midnight(wish.deactivate_date or today),
        "deactivate_reason_code": text(wish.reason_code),
        "reactivate_date": midnight(wish.reactivate_date),
    }


def reactivated(row: Columns) -> Columns:
    """Take a location into use again."""
    if row["active_flag"] != "N":
        raise Refused(f"Location with id={row['internal_location_id']} is already active")
    return {
        "active_flag": "Y",
        "deactivate_date": None,
        "deactivate_reason_code": None,
        "reactivate_date": None,
    }


def with_capacity(wish: Capacity, *, ignore_operational: bool) -> Columns:
    """Overwrite the capacities; neither is held against the other."""
    operational = {} if ignore_operational else {"operation_capacity": wish.operational_capacity}
    return {"capacity": wish.capacity, **operational}


def certified(wish: Certification) -> Columns:
    """Overwrite certification."""
    return {"certified_flag": flag(wish.certified), "cna_no": wish.cna_capacity}


def differing(row: Columns, wanted: Columns) -> Columns:
    """Keep what differs from the row; where nothing does, nothing is written and nothing fires."""
    return {name: value for name, value in wanted.items() if _by_day(row[name]) != _by_day(value)}


def _by_day(value: object) -> object:
    return value.date() if isinstance(value, datetime) else value


@dataclass(frozen=True)
class ProfileChanges:
    """Rows to delete and to insert; equal ones stay untouched."""

    gone: list[tuple[str, str]]
    new: list[tuple[str, str]]


def profile_changes(present: Iterable[tuple[str, str]], wished: Iterable[Profile] | None) -> ProfileChanges:
    """Compare sets; absent means none at all."""
    there = list(present)
    wanted = list(dict.fromkeys((wish.profile_type, wish.profile_code) for wish in wished or ()))
    return ProfileChanges([one for one in there if one not in wanted], [one for one in wanted if one not in there])


@dataclass(frozen=True)
class PresentUsage:
    """A row of a location's usages."""

    id: int
    usage: str
    capacity: int | None
    sequence: int | None


@dataclass(frozen=True)
class UsageChanges:
    """Ids to delete, usages to insert, rows to overwrite."""

    gone: list[int]
    new: list[Usage]
    changed: list[tuple[int, Usage]]


def usage_changes(present: Iterable[PresentUsage], wished: Iterable[Usage] | None) -> UsageChanges:
    """Compare by usage; a row that stays keeps its id. Absent means none at all."""
    wanted = {wish.internal_location_usage_type: wish for wish in wished or ()}
    rows = list(present)
    kept = {row.usage: row for row in rows if row.usage in wanted}
    return UsageChanges(
        [row.id for row in rows if kept.get(row.usage) is not row],
        [wish for usage, wish in wanted.items() if usage not in kept],
        [
            (row.id, wanted[usage])
            for usage, row in kept.items()
            if (row.capacity, row.sequence) != (wanted[usage].capacity, wanted[usage].sequence)
        ],
    )


VISIT_ROOM_CODES = MappingProxyType({"SOCIAL": "VSIP_SOC", "CLOSED": "VSIP_CLO"})
