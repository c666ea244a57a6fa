"""What a prison uses its locations for: INTERNAL_LOCATION_USAGES and INT_LOC_USAGE_LOCATIONS."""

from collections.abc import Iterator
from random import Random

from services.nomis.estate.chance import Weighted
from services.nomis.estate.location import Location, Record
from services.nomis.estate.oddities import RATES
from services.nomis.estate.site import Site

USAGE_COLUMNS = (
    "internal_location_usage_id",
    "agy_loc_id",
    "internal_location_usage",
    "event_sub_type",
    "create_datetime",
    "create_user_id",
)
USAGE_LOCATION_COLUMNS = (
    "usage_location_id",
    "internal_location_usage_id",
    "internal_location_id",
    "capacity",
    "usage_location_type",
    "list_seq",
    "parent_usage_location_id",
    "create_datetime",
    "create_user_id",
)
ALWAYS = ("APP", "MOVEMENT", "OCCUR", "OIC", "PROG", "PROP", "VISIT")
OTHERS = Weighted((("OTHER", "OTH"), 20), (("OTHER",), 40), (("OTH",), 40))
ONLY_OTH = frozenset({"LEI"})
DEFINITIONS_FIRST_ID = 100
DEFINITIONS_EACH = len(ALWAYS) + 2
CAPACITIES = Weighted[int | None]((None, 40), (99, 20), (10, 15), (20, 10), (200, 10), (1, 5))
OCCURRENCE_CAPACITIES = Weighted[int | None]((None, 35), (200, 45), (99, 10), (50, 10))
SEQUENCES = Weighted[int | None]((None, 50), (1, 20), (2, 10), (99, 20))
MIRRORS_TREE = 0.7
TYPE_MISMATCHED = 0.05
# Ids below the first load's: locations that went before it.
GONE_FIRST, GONE_LAST = 1000, 9999


def definitions(site: Site) -> dict[str, int]:
    """Which usages the prison has, each with the id of its row."""
    drawn = OTHERS.draw(site.chance("usage definitions"))
    codes = ALWAYS + (("OTH",) if site.prison.id in ONLY_OTH else drawn)
    first = DEFINITIONS_FIRST_ID + site.prison.place * DEFINITIONS_EACH
    return {code: first + number for number, code in enumerate(codes)}


def definition_records(site: Site, ids: dict[str, int]) -> list[Record]:
    """Their rows, in the order of the columns."""
    return [(id_, site.prison.id, code, None, site.loaded_at, "OMS_OWNER") for code, id_ in ids.items()]


def usage_locations(site: Site, ids: dict[str, int], first_id: int) -> Iterator[Record]:
    """Give the rows that tie locations to usages; a location's parent comes before it, so its row exists."""
    rng = site.chance("usages")
    known: dict[tuple[int, int], int] = {}
    gone = iter(rng.sample(range(GONE_FIRST, GONE_LAST + 1), k=min(200, len(site.locations))))
    next_id = first_id
    for row in site.locations:
        for code in row.usages:
            definition = _definition(ids, code)
            known[definition, row.id] = next_id
            yield _record(site, row, code, definition, known, rng)
            next_id += 1
            if rng.random() < RATES.orphan_usage:
                yield (next_id, definition, next(gone), None, row.type, None, None, site.loaded_at, "OMS_OWNER")
                next_id += 1


def _definition(ids: dict[str, int], code: str) -> int:
    if code == "OTHER" and code not in ids:
        code = "OTH"
    return ids[code]


def _record(
    site: Site, row: Location, code: str, definition: int, known: dict[tuple[int, int], int], rng: Random
) -> Record:
    chance = rng.random
    parent = known.get((definition, row.parent.id)) if row.parent and chance() < MIRRORS_TREE else None
    capacity = (OCCURRENCE_CAPACITIES if code == "OCCUR" else CAPACITIES).draw(rng)
    type_ = "ROOM" if chance() < TYPE_MISMATCHED else row.type
    sequence = SEQUENCES.draw(rng)
    id_ = known[definition, row.id]
    return (id_, definition, row.id, capacity, type_, sequence, parent, site.loaded_at, row.created_by)
