"""The residential part of a prison: wings, landings, spurs and cells, by the patterns of `reference/nomis.md` §4.3."""

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random
from string import ascii_uppercase
from types import MappingProxyType

from services.nomis.estate.cells import UNIT_IN_WING, fill_cell
from services.nomis.estate.chance import Weighted
from services.nomis.estate.location import Kind, Location
from services.nomis.estate.oddities import RATES
from services.nomis.estate.prisons import Prison
from services.nomis.estate.site import Site

# Cells for each place of a prison's capacity: some are out of use, some uncertified, many hold two.
CELLS_PER_PLACE = 0.89
PLACES_PER_WING = 120
WINGS_MIN, WINGS_MAX = 2, 16
LANDING_CELLS_MAX = 60
LANDING_CELLS_MIN = 8
LANDINGS = Weighted((1, 10), (2, 22), (3, 42), (4, 18), (5, 8))
SEGREGATION_CODES = ("S", "SEG", "CSU")
HEALTHCARE_CODES = ("H", "HCC")
UNIT_NAMES = ("FNC", "OAK", "ELM", "ASH", "RES1", "RES2", "BIRCH", "CEDAR", "ROWAN", "HOLLY", "MAPLE", "LARCH", "YEW")


@dataclass(frozen=True)
class Pattern:
    """How codes are made and how deep the tree is."""

    name: str
    wing: str = "letter"
    sides: bool = False
    spurs: bool = False
    affix: str = ""
    landings: bool = True


PLAIN = Pattern("wing-landing-cell")
BLOCKS = Pattern("block number-landing-cell", wing="digit")
HOUSE_BLOCKS = Pattern("HBn-landing-cell", wing="HB")
SIDES = Pattern("landing with side", wing="HB", sides=True)
SPURS = Pattern("wing-landing-spur-cell", wing="digit", spurs=True)
PREFIX = Pattern("cell with prefix", affix="B{}")
SUFFIX = Pattern("cell with suffix", affix="{}N")
DIRECT = Pattern("wing-cell", landings=False)
NAMED = Pattern("named unit", wing="name", landings=False)

KNOWN = MappingProxyType(
    {
        "MDI": BLOCKS,
        "HEI": SPURS,
        "EYI": HOUSE_BLOCKS,
        "IWI": SIDES,
        "RNI": SIDES,
        "WEI": PREFIX,
        "RSI": SUFFIX,
        "NHI": DIRECT,
        "EWI": NAMED,
        "LEI": PLAIN,
        "BCI": PLAIN,
    },
)
OTHERS = Weighted(
    (PLAIN, 62),
    (BLOCKS, 8),
    (HOUSE_BLOCKS, 8),
    (SIDES, 3),
    (SPURS, 7),
    (PREFIX, 2),
    (SUFFIX, 2),
    (DIRECT, 5),
    (NAMED, 3),
)


def pattern(prison: Prison, rng: Random) -> Pattern:
    """Which pattern a prison follows; public keys show it for some."""
    drawn = OTHERS.draw(rng)
    return KNOWN.get(prison.id, drawn)


def lay_out(site: Site) -> None:
    """Add the residential part."""
    rng = site.chance("wings")
    form = pattern(site.prison, rng)
    capacity = site.prison.capacity or rng.randint(40, 120)
    cells = max(4, round(capacity * CELLS_PER_PLACE * site.preset.cells))
    wings = round(min(max(capacity / PLACES_PER_WING, WINGS_MIN), WINGS_MAX) * site.preset.wings)
    codes = _wing_codes(form, max(WINGS_MIN, wings))
    special = max(2, round(cells * 0.03))
    ordinary = max(2, cells - 2 * special)
    for number, code in enumerate(codes):
        share = ordinary // len(codes) + (number < ordinary % len(codes))
        _wing(site, rng, form, code, share)
    _special_wing(site, rng, rng.choice(SEGREGATION_CODES), special, "SEG")
    if rng.random() < 0.5:  # noqa: PLR2004 - about half have beds of their own
        _special_wing(site, rng, rng.choice(HEALTHCARE_CODES), special, "HC")
    _top_level(site)


def _wing_codes(form: Pattern, count: int) -> list[str]:
    if form.wing == "digit":
        return [str(number) for number in range(1, count + 1)]
    if form.wing == "HB":
        return [f"HB{number}" for number in range(1, count + 1)]
    if form.wing == "name":
        return [UNIT_NAMES[n % len(UNIT_NAMES)] + ("" if n < len(UNIT_NAMES) else str(n)) for n in range(count)]
    # H and S are healthcare and segregation.
    letters = [letter for letter in ascii_uppercase if letter not in "HOS"]
    return (letters + [letter * 2 for letter in letters])[:count]


def _wing(site: Site, rng: Random, form: Pattern, code: str, cells: int) -> None:
    wing = _structure(site, rng, code, _wing_type(rng), None, f"{code}-WING")
    if not form.landings:
        _cells(site, rng, form, wing, cells)
        return
    for landing_code, share in _landings(rng, form, cells):
        landing = _structure(site, rng, landing_code, _landing_type(rng), wing, f"Landing {code}/{landing_code}")
        if form.spurs:
            for spur_code, part in zip("AB", (share - share // 2, share // 2), strict=True):
                spur = _structure(site, rng, spur_code, "SPUR", landing, f"Spur {spur_code}")
                _cells(site, rng, form, spur, part)
        else:
            _cells(site, rng, form, landing, share)
        if rng.random() < RATES.room_on_landing:
            _room_on(site, landing, rng)


def _wing_type(rng: Random) -> str:
    return rng.choice(("BLK", "HBLK")) if rng.random() < RATES.block_type else "WING"


def _landing_type(rng: Random) -> str:
    return rng.choice(("TIER", "LAN")) if rng.random() < RATES.tier_type else "LAND"


def _landings(rng: Random, form: Pattern, cells: int) -> Iterator[tuple[str, int]]:
    fewest = -(-cells // LANDING_CELLS_MAX)
    count = max(fewest, min(LANDINGS.draw(rng), max(1, cells // LANDING_CELLS_MIN)))
    codes = [f"{n // 2 + 1}{'NS'[n % 2]}" for n in range(count)] if form.sides else [str(n + 1) for n in range(count)]
    for number, code in enumerate(codes):
        yield code, cells // count + (number < cells % count)


def _structure(site: Site, rng: Random, code: str, type_: str, parent: Location | None, name: str) -> Location:
    row = site.add(Kind.STRUCTURE, code, type_, parent)
    row.user_desc = name[:40] if rng.random() < 0.45 else None  # noqa: PLR2004 - §4.4
    row.list_seq = None if rng.random() < 0.3 else len(parent.children) if parent else 1  # noqa: PLR2004 - §4.4
    return row


def _cells(site: Site, rng: Random, form: Pattern, parent: Location, count: int) -> None:
    width = rng.choice((1, 2)) if rng.random() < 0.05 else 3  # noqa: PLR2004 - §4.3
    for number in range(1, count + 1):
        digits = f"{number:0{width}d}"
        cell = site.add(Kind.CELL, form.affix.format(digits) if form.affix else digits, "CELL", parent)
        fill_cell(cell, site, rng, number, UNIT_IN_WING.draw(rng))


def _special_wing(site: Site, rng: Random, code: str, cells: int, unit_type: str) -> None:
    wing = _structure(site, rng, code, _wing_type(rng), None, "SEGREGATION" if unit_type == "SEG" else "HEALTHCARE")
    landing = _structure(site, rng, "1", _landing_type(rng), wing, f"Landing {code}/1")
    for number in range(1, cells + 1):
        cell = site.add(Kind.CELL, f"{number:03d}", "CELL", landing)
        fill_cell(cell, site, rng, number, unit_type)


def _room_on(site: Site, landing: Location, rng: Random) -> None:
    room = site.add(Kind.ROOM, rng.choice(("RM1", "SERVERY", "STORE", "SHOWER")), "ROOM", landing, ("OCCUR",))
    room.unit_type = "OU"
    if rng.random() < RATES.broken:
        site.add(Kind.ROOM, "BROKEN", "ROOM", landing, ("OCCUR",)).unit_type = "OU"


def _top_level(site: Site) -> None:
    """Add where people are counted who are in no cell: reception, cell swap, court and the like."""
    for code, type_, unit_type, capacity, operational in (
        ("RECP", "AREA", "REC", 100, 100),
        ("CSWAP", "WING", "OU", 40, None),
        ("COURT", "AREA", "HOLC", 100, 100),
        ("TAP", "AREA", "HOLC", 50, 50),
        ("ECL", "AREA", "HOLC", 75, None),
    ):
        row = site.add(Kind.ROOM, code, type_, None, ("OCCUR", "MOVEMENT"))
        row.unit_type, row.capacity, row.operational = unit_type, capacity, operational
        row.user_desc = f"{site.prison.name.upper()} {code}"[:40]
