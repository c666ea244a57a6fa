"""What cells have and who they are for: rows of AGY_INT_LOC_PROFILES (`reference/nomis.md` §4.6)."""

from collections.abc import Iterator
from random import Random
from types import MappingProxyType

from services.nomis.estate.chance import Weighted
from services.nomis.estate.location import Kind, Location, Record
from services.nomis.estate.oddities import RATES
from services.nomis.estate.site import Site

PROFILE_COLUMNS = (
    "internal_location_id",
    "int_loc_profile_type",
    "int_loc_profile_code",
    "create_datetime",
    "create_user_id",
)
FITTINGS, ATTRIBUTES, USED_FOR, SECURITY, APART = (
    "HOU_SANI_FIT",
    "HOU_UNIT_ATT",
    "HOU_USED_FOR",
    "SUP_LVL_TYPE",
    "NON_ASSO_TYP",
)
Profile = tuple[str, str]

WITH_PROFILES = MappingProxyType({Kind.CELL: 0.80, Kind.STRUCTURE: 0.10, Kind.ROOM: 0.02})
LARGEST = 12
# By the number of places: none, one, two, more.
OCCUPANCY = (("SO", 0.74), ("SO", 0.74), ("DO", 0.84), ("MO", 0.25))
# Shares among the cells that have any: those of all cells in §4.6 come out when mean and maximum are kept as well.
INDEPENDENT: tuple[tuple[Profile, float], ...] = (
    ((FITTINGS, "SCB"), 0.37),
    ((FITTINGS, "ACB"), 0.16),
    ((FITTINGS, "FIB"), 0.32),
    ((FITTINGS, "MOB"), 0.16),
    ((FITTINGS, "MD"), 0.28),
    ((FITTINGS, "WD"), 0.08),
    ((FITTINGS, "PC"), 0.08),
    ((FITTINGS, "PS"), 0.08),
    ((FITTINGS, "SETO"), 0.08),
    ((FITTINGS, "ABD"), 0.20),
    ((ATTRIBUTES, "NSMC"), 0.20),
    ((ATTRIBUTES, "LC"), 0.01),
    ((ATTRIBUTES, "SC"), 0.02),
    ((ATTRIBUTES, "GC"), 0.01),
    ((ATTRIBUTES, "OC"), 0.01),
    ((ATTRIBUTES, "WA"), 0.01),
    ((ATTRIBUTES, "A"), 0.005),
    ((USED_FOR, "6"), 0.32),
    ((USED_FOR, "5"), 0.12),
    ((USED_FOR, "7"), 0.05),
    ((USED_FOR, "4"), 0.03),
    ((SECURITY, "C"), 0.16),
    ((SECURITY, "B"), 0.12),
    ((SECURITY, "D"), 0.04),
    ((SECURITY, "Z"), 0.02),
    ((SECURITY, "NA"), 0.01),
    ((SECURITY, "N/A"), 0.01),
)
OLD_USED_FOR = Weighted(*((letter, 1.0) for letter in "ABCDEHIJKLTVYZ"))
OLD_USED_FOR_SHARE = 0.04
JUNK = Weighted(
    *((code, 1.0) for code in ((USED_FOR, "S"), (USED_FOR, "BM"), (USED_FOR, "MB"), (USED_FOR, "0"))),
    *((code, 1.0) for code in ((FITTINGS, "ABC"), (FITTINGS, "TVP"), (FITTINGS, "ST"), (ATTRIBUTES, "LISTENER"))),
)
APART_CODES = Weighted(("WING", 5), ("LAND", 3), ("CELL", 1), ("NONEX", 0.5), ("TNA", 0.5))


def profiles(site: Site) -> Iterator[tuple[Location, Profile]]:
    """Give the profiles of a prison, each once."""
    rng = site.chance("profiles")
    for row in site.locations:
        if rng.random() < WITH_PROFILES[row.kind]:
            for profile in _ordinary(row, rng):
                yield row, profile
        elif row.kind is Kind.CELL:
            for profile in _odd(rng):
                yield row, profile


def _ordinary(row: Location, rng: Random) -> list[Profile]:
    chance = rng.random
    if row.kind is not Kind.CELL:
        return [rng.choice(INDEPENDENT)[0]]
    found = dict.fromkeys(_odd(rng))
    found.update((profile, None) for profile, share in INDEPENDENT if chance() < share)
    if chance() < OLD_USED_FOR_SHARE:
        found[USED_FOR, OLD_USED_FOR.draw(rng)] = None
    found.update((profile, None) for profile in _places(row, rng))
    return list(found or {(FITTINGS, "SCB"): None})[:LARGEST]


def _places(row: Location, rng: Random) -> Iterator[Profile]:
    places = row.capacity or 0
    code, share = OCCUPANCY[min(places, 3)]
    if rng.random() < share:
        yield ATTRIBUTES, code


def _odd(rng: Random) -> Iterator[Profile]:
    if rng.random() < RATES.junk_profile:
        yield JUNK.draw(rng)
    if rng.random() < RATES.synonyms:
        yield SECURITY, "NA"
        yield SECURITY, "N/A"
    if rng.random() < RATES.synonyms:
        yield USED_FOR, "V"
        yield USED_FOR, "7"
    if rng.random() < RATES.non_association:
        yield APART, APART_CODES.draw(rng)
    if rng.random() < RATES.safe_cell_word:
        yield ATTRIBUTES, "SAFE_CELL"


def profile_record(row: Location, profile: Profile) -> Record:
    """Its row, in the order of the columns."""
    return (row.id, profile[0], profile[1], row.created_at, row.created_by)
