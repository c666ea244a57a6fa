"""The rest of a prison: programme areas, property boxes, the RES tree, visits, workshops, and their oddities."""

from math import log
from random import Random

from services.nomis.estate.cells import COMMENTS, MODULES, USERS
from services.nomis.estate.chance import Weighted
from services.nomis.estate.location import Kind, Location
from services.nomis.estate.oddities import RATES
from services.nomis.estate.prisons import Prison, Standing
from services.nomis.estate.site import Site
from services.nomis.estate.standing import decide
from services.nomis.estate.template import (
    AFTER_VISITS,
    HEARING,
    PLACE,
    PROGRAMME_AREAS,
    PROPERTY,
    SEGREGATION_ROOMS,
    VISITING,
    VISITS_INSIDE,
    WING_ROOMS,
    WING_TREE,
    Room,
)

BOXES_MEDIAN, BOXES_SPREAD = 850, 0.3
BOXES_MIN, BOXES_MAX = 10, 3000
BOXES_IN_CLOSED = 30
SHELVES_INSTEAD = 0.1
CAPACITIES = Weighted[int | None]((None, 0.25), (10, 0.5), (20, 0.1), (60, 0.05), (150, 0.05), (300, 0.05))
SEQUENCES = Weighted[int | None]((None, 40), (99, 25), (1, 15), (2, 10), (5, 10))
NO_CAPACITY = 0.3
TRACKED = 0.7
NAMED = 0.95
CERTIFIED = 0.005
# Residential in NOMIS's eyes without being a cell; only types that DPS has a residential word for.
UNIT_TYPED = 0.05
UNIT_TYPED_TYPES = frozenset({"AREA", "ROOM", "MEDI", "HCEL", "HOLD"})
API_USER = "PRISONER_API_USER"


def box_count(prison: Prison, rng: Random, share: float) -> int:
    """How many property boxes a prison has; lognormal, as its stores grew over decades."""
    if prison.standing is Standing.PSEUDO:
        return 0
    drawn = rng.lognormvariate(log(BOXES_MEDIAN), BOXES_SPREAD)
    number = min(max(drawn, BOXES_MIN), BOXES_MAX) if prison.is_open else BOXES_IN_CLOSED
    return max(3, round(number * share))


def lay_out_establishment(site: Site) -> None:
    """Add the one row that every agency has, with its lowest id, named after the establishment."""
    row = site.add(Kind.ROOM, "ESTAB", "ADJU", None, HEARING)
    row.user_desc = site.prison.name.upper()[:40]


def lay_out_programmes(site: Site) -> None:
    """Add education, faith, gym, healthcare and the like."""
    rng = site.chance("programmes")
    for room in PROGRAMME_AREAS:
        _room(site, room, None, rng)


def lay_out_boxes(site: Site, count: int) -> None:
    """Add the property store: boxes numbered without gaps, right after their parent."""
    rng = site.chance("boxes inside")
    shelves = rng.random() < SHELVES_INSTEAD
    parent = site.add(Kind.ROOM, "PROP_BOXES", "AREA", None, PROPERTY)
    parent.user_desc = "PROPERTY BOXES"
    code, type_, name = ("SH", "SHEL", "Property Shelf") if shelves else ("PB", "BOX", "Property Box")
    for number in range(1, count + 1):
        box = site.add(Kind.ROOM, f"{code}{number:03d}", type_, parent, PROPERTY)
        box.user_desc = f"{name} {number}"


def lay_out_wing_trees(site: Site) -> None:
    """Add the RES tree: wings once more, as places to go to, without a unit type."""
    rng = site.chance("wing trees")
    wings = [row for row in site.locations if row.kind is Kind.STRUCTURE and row.parent is None]
    root = site.add(Kind.ROOM, "RES", "AREA", None, WING_TREE)
    root.user_desc = "RESIDENTIAL"
    for wing in wings:
        code = f"{wing.code}WING"[:12]
        tree = site.add(Kind.ROOM, code, rng.choice(("WING", "RESI")), root, WING_TREE)
        site.add(Kind.ROOM, code, "WING", tree, WING_TREE).user_desc = f"{wing.code} WING"
        tree.user_desc = f"{wing.code} WING AREA"
        rooms = SEGREGATION_ROOMS if wing.user_desc == "SEGREGATION" else WING_ROOMS
        for room in rooms:
            _room(site, room, tree, rng)


def lay_out_visits(site: Site) -> None:
    """Add visits: one root nearly everywhere, none in use in FEI, two in IWI."""
    rng = site.chance("visits")
    code = "VISIT" if rng.random() < RATES.visit_root else "VISITS"
    root = site.add(Kind.ROOM, code, "VISIT", None, VISITING)
    root.user_desc = "VISITS"
    if site.prison.id == "IWI":
        other = "VISIT" if code == "VISITS" else "VISITS"
        site.add(Kind.ROOM, other, "VISIT", None, VISITING).user_desc = "VISITS 2"
    social = site.add(Kind.ROOM, "SOC_VIS", "VISIT", root, VISITING)
    social.user_desc = "SOCIAL VISITS"
    type_ = rng.choice(("TABL", "POSI"))
    tables = [
        site.add(Kind.ROOM, f"{'TB' if type_ == 'TABL' else 'POS'}{number:02d}", type_, social, VISITING)
        for number in range(1, site.scaled(rng.randint(10, 30)) + 1)
    ]
    for room in VISITS_INSIDE:
        _room(site, room, root, rng)
    if site.prison.is_open:
        _new_social_visits(site, root, tables, rng)
        _booked_visits(site, root, rng)


def _new_social_visits(site: Site, root: Location, tables: list[Location], rng: Random) -> None:
    if rng.random() < 0.3:  # noqa: PLR2004 - our guess
        hall = site.add_late(Kind.ROOM, "NEW_SOC_VIS", "VISIT", root, VISITING)
        hall.user_desc = "NEW SOCIAL VISITS"
        for table in tables[::4]:
            site.move(table, hall)


def _booked_visits(site: Site, root: Location, rng: Random) -> None:
    if rng.random() < RATES.vsip:
        for code, name in (("VSIP_SOC", "VISITS - SOCIAL"), ("VSIP_CLO", "VISITS - CLOSED")):
            row = site.add_late(Kind.ROOM, code, "VISIT", root, VISITING)
            row.user_desc, row.capacity, row.list_seq, row.tracking = name, 99, 99, True
            row.created_by, row.module = API_USER, "DPS_SYNCHRONISATION"


def lay_out_workshops(site: Site) -> None:
    """Add workshops, return to unit and reception."""
    rng = site.chance("workshops")
    for room in AFTER_VISITS:
        _room(site, room, None, rng)


def lay_out_pseudo(site: Site) -> None:
    """Add the few rows of an agency that is no prison."""
    for code, type_ in (("RECP", "AREA"), ("COURT", "AREA"), ("HOLD", "HOLD")):
        site.add(Kind.ROOM, code, type_, None, PLACE).user_desc = f"{site.prison.name.upper()} {code}"[:40]


def _room(site: Site, room: Room, parent: Location | None, rng: Random) -> None:
    if rng.random() >= room.share:
        return
    if room.most:
        for number in range(1, site.scaled(rng.randint(room.fewest, room.most)) + 1):
            _one(site, room, parent, room.code.format(number), room.name.format(number))
        return
    row = _one(site, room, parent, room.code, room.name)
    for inner in room.inside:
        _room(site, inner, row, rng)


def _one(site: Site, room: Room, parent: Location | None, code: str, name: str) -> Location:
    row = site.add(Kind.ROOM, code, room.type, parent, room.usages)
    row.user_desc, row.capacity, row.unit_type = name, room.capacity, room.unit_type
    return row


def fill_rooms(site: Site) -> None:
    """Give what is not residential its capacity and the rest; what the layout set stays."""
    rng = site.chance("rooms")
    for row in site.locations:
        if row.kind is Kind.ROOM and row.created_by != API_USER:
            _fill(row, site, rng)


def _fill(row: Location, site: Site, rng: Random) -> None:
    is_boundary = row.parent is None and row.code in {"ESTAB", "RECP", "CSWAP", "COURT", "TAP", "ECL"}
    if not (site.prison.standing is Standing.PSEUDO or (is_boundary and site.prison.is_open)):
        decide(row, site.prison, rng)
    _visit_roots(row)
    if row.unit_type is None:
        if rng.random() < NO_CAPACITY:
            row.capacity = None
        elif row.capacity is None:
            row.capacity = CAPACITIES.draw(rng)
        if row.parent and row.type in UNIT_TYPED_TYPES and rng.random() < UNIT_TYPED:
            row.unit_type = rng.choice(("REC", "HOLC", "OU"))
    row.certified = rng.random() < CERTIFIED and row.unit_type is None
    row.list_seq = SEQUENCES.draw(rng) if row.list_seq is None else row.list_seq
    row.tracking = rng.random() < TRACKED
    if rng.random() >= NAMED:
        row.user_desc = None
    if rng.random() < 0.01:  # noqa: PLR2004 - §4.4
        row.comment = COMMENTS.draw(rng)
    if rng.random() < 0.2:  # noqa: PLR2004 - most rooms are as they were loaded
        row.modified_at, row.modified_by, row.module = row.created_at, USERS.draw(rng), MODULES.draw(rng)


def _visit_roots(row: Location) -> None:
    if row.parent is None and row.code in {"VISIT", "VISITS"} and row.agency in {"FEI", "IWI"}:
        row.active = row.agency == "IWI"
        row.deactivated_on = row.reactivate_on = row.reason = None
