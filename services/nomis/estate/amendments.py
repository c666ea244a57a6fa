"""What was changed in residential rows over the years: AGY_INT_LOC_AMENDMENTS, written as NOMIS's triggers would.

Each row's story is told backwards from what the row says now, so that its newest amendment of a column ends there.
"""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from random import Random
from types import MappingProxyType

from services.nomis.estate.cells import COMMENTS, USERS
from services.nomis.estate.chance import Weighted, poisson
from services.nomis.estate.location import Kind, Location, Record
from services.nomis.estate.oddities import RATES
from services.nomis.estate.site import Site
from services.nomis.estate.standing import REASONS

AMENDMENT_COLUMNS = (
    "agy_int_loc_amendment_id",
    "internal_location_id",
    "amend_date",
    "column_name",
    "old_value",
    "new_value",
    "deactivate_reason_code",
    "action_code",
    "amend_user_id",
    "create_datetime",
    "create_user_id",
)
EACH = poisson(4.05, 40)
FIRST = datetime(2007, 1, 1)  # noqa: DTZ001 - NOMIS keeps London's wall clock, without a zone
SECONDS = int((datetime(2024, 9, 29) - FIRST).total_seconds())  # noqa: DTZ001 - as above
LABELS = Weighted[str | None](
    ("Operational Capacity", 20),
    ("Maximum Capacity", 18),
    ("Active", 12),
    ("Certified", 12),
    ("Baseline CNA", 10),
    (None, 10),
    ("Comments", 6),
    ("Sequence", 5),
    ("Unit Type", 4),
    ("Deactivate Reason", 1),
    ("Deactivate Date", 1),
    ("Proposed Reactivate Date", 1),
    ("Accommodation Type", 0.5),
    ("Living Unit Id", 0.3),
    ("Description", 0.3),
)
NUMBERS = Weighted[str | None](("1", 50), ("2", 30), ("0", 12), ("3", 3), (None, 5))
FLAGS = Weighted[str | None](("Y", 50), ("N", 50))
UNITS = Weighted[str | None](("NA", 60), ("SPLC", 15), ("OU", 10), ("SEG", 8), (None, 7))
TYPES = Weighted[str | None](("CELL", 70), ("ROOM", 15), ("LAND", 10), ("WING", 5))
PROFILES = Weighted[str | None](
    ("Listener Cell", 1),
    ("Single Occupancy", 4),
    ("Double Occupancy", 4),
    ("Non Smoker Cell", 3),
    ("Standard Cell Bell", 2),
    ("Sentenced Adults", 2),
    ("Wheelchair Access", 1),
    (None, 6),
)
# To find a value that differs from the next one.
DRAWS_MAX = 5
FORMATS = Weighted(("%d-%b-%y", 70), ("%Y-%m-%d", 20), ("%d/%m/%Y", 10))

Draw = Callable[[Random], str | None]


def _text(row_text: Weighted[str]) -> Draw:
    return lambda rng: None if rng.random() < 0.3 else row_text.draw(rng)  # noqa: PLR2004 - often there was none


def _day(rng: Random) -> str:
    day = FIRST + timedelta(days=int(rng.random() * 6400))
    return day.strftime(FORMATS.draw(rng)).upper()


BEFORE = MappingProxyType[str | None, Draw](
    {
        "Operational Capacity": NUMBERS.draw,
        "Maximum Capacity": NUMBERS.draw,
        "Baseline CNA": NUMBERS.draw,
        "Sequence": lambda rng: str(rng.randint(1, 60)),
        "Active": FLAGS.draw,
        "Certified": FLAGS.draw,
        "Comments": _text(COMMENTS),
        "Unit Type": UNITS.draw,
        "Deactivate Reason": _text(REASONS),
        "Deactivate Date": _day,
        "Proposed Reactivate Date": _day,
        "Accommodation Type": TYPES.draw,
        "Living Unit Id": lambda rng: f"{rng.randint(1, 60):03d}",
        "Description": lambda rng: f"OLD-{rng.randint(1, 999)}",
        "DESCRIPTION": lambda rng: f"OLD-{rng.randint(1, 999)}",
        None: PROFILES.draw,
    },
)


Tell = Callable[[Location, Random], str | None]


def _number(value: int | None) -> str | None:
    return None if value is None else str(value)


def _date(value: datetime | None, rng: Random) -> str | None:
    return value.strftime(FORMATS.draw(rng)).upper() if value else None


NOW = MappingProxyType[str | None, Tell](
    {
        "Operational Capacity": lambda row, _: _number(row.operational),
        "Maximum Capacity": lambda row, _: _number(row.capacity),
        "Baseline CNA": lambda row, _: _number(row.cna),
        "Sequence": lambda row, _: _number(row.list_seq),
        "Active": lambda row, _: "Y" if row.active else "N",
        "Certified": lambda row, _: "Y" if row.certified else "N",
        "Comments": lambda row, _: row.comment,
        "Unit Type": lambda row, _: row.unit_type,
        "Deactivate Reason": lambda row, _: row.reason,
        "Deactivate Date": lambda row, rng: _date(row.deactivated_on, rng),
        "Proposed Reactivate Date": lambda row, rng: _date(row.reactivate_on, rng),
        "Accommodation Type": lambda row, _: row.type,
        "Living Unit Id": lambda row, _: row.code,
        "Description": lambda row, _: row.description,
        "DESCRIPTION": lambda row, _: row.description,
        None: lambda _, rng: PROFILES.draw(rng),
    },
)


def amendments(site: Site, first_id: int) -> Iterator[Record]:
    """Give the rows of a prison."""
    rng = site.chance("amendments")
    next_id = first_id
    for row in site.locations:
        if row.kind is not Kind.ROOM and (count := EACH.draw(rng)):
            for entry in _story(row, count, rng):
                yield (next_id, *entry)
                next_id += 1
                if rng.random() < RATES.amendment_twice:
                    yield (next_id, *entry)
                    next_id += 1


def _story(row: Location, count: int, rng: Random) -> list[Record]:
    moments = sorted((rng.random() for _ in range(count)), reverse=True)
    later: dict[str | None, str | None] = {}
    told = []
    for moment in moments:
        label = "DESCRIPTION" if rng.random() < RATES.amendment_raw_label else LABELS.draw(rng)
        new = later[label] if label in later else NOW[label](row, rng)
        old = _before(label, new, rng)
        later[label] = old
        told.append(_record(row, FIRST + timedelta(seconds=int(moment * SECONDS)), label, old, new, rng))
    told.reverse()
    return told


def _before(label: str | None, new: str | None, rng: Random) -> str | None:
    if rng.random() < RATES.amendment_unchanged:
        return new
    if label in {"Active", "Certified"}:
        return "N" if new == "Y" else "Y"
    for _ in range(DRAWS_MAX):
        old = BEFORE[label](rng)
        if old != new:
            return old
    return None


def _record(
    row: Location, moment: datetime, label: str | None, old: str | None, new: str | None, rng: Random
) -> Record:
    odd = rng.random()
    if odd < RATES.amendment_both_null:
        old = new = None
    elif odd < RATES.amendment_both_null + RATES.amendment_empty_text:
        old = ""
    action = "A" if old is None else "D" if new is None else "U"
    reason = row.reason or "F" if label == "Active" and new == "N" else None
    user = USERS.draw(rng)
    return (row.id, moment, label, old, new, reason, action, user, moment, user)
