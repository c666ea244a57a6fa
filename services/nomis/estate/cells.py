"""What cells hold, and what landings and wings say that they hold (`reference/nomis.md` §4.4)."""

from datetime import timedelta
from random import Random

from services.nomis.estate.chance import Weighted
from services.nomis.estate.location import Kind, Location
from services.nomis.estate.oddities import RATES
from services.nomis.estate.prisons import Prison
from services.nomis.estate.site import Site
from services.nomis.estate.standing import decide

UNIT_IN_WING = Weighted(("NA", 0.955), ("SPLC", 0.021), ("OU", 0.01), ("REC", 0.005), ("HOLC", 0.005), ("SEG", 0.004))
SMALL = Weighted[int | None]((0, 3), (1, 58.5), (2, 35.5), (3, 2), (4, 1), (None, 1))
# Only open prisons have dormitories.
DORMITORIES = Weighted[int | None](
    (0, 3), (1, 54), (2, 32), (3, 4), (4, 3), (5, 1), (6, 1), (8, 1), (10, 0.5), (12, 0.5), (None, 1)
)
SEGREGATION = Weighted[int | None]((0, 6), (1, 92), (None, 2))
FILLING = Weighted(("full", 85), ("lower", 8), ("zero", 4), ("null", 3))
SEGREGATION_FILLING = Weighted(("full", 10), ("zero", 45), ("null", 45))
# A cell for two was mostly built for one.
BASELINE = Weighted[int | None]((1, 70), (2, 15), (3, 2), (0, 5), (None, 8))
COMMENTS = Weighted(
    *((text, 1.0) for text in ("Listener cell", "CSU", "DDA cell", "Constant watch cell", "LISTENER CELL", "dda Cell")),
    *(
        (text, 0.5)
        for text in ("Constant Wach cell", "Safer custody cell", "Obs cell", "Wheelchair acess", "Cat A cell")
    ),
    *((text, 0.5) for text in ("Awaiting repair to window", "Shower room taken out of use", "Do not double up")),
)
NOTES = Weighted(("DDA CELL", 1), ("CARE SUITE", 1), ("FIRST NIGHT", 2), ("ORDERLY", 1), ("key", 3))
CERTIFIED_ACTIVE = 0.93
CERTIFIED_INACTIVE = 0.70
CERTIFIED_STRUCTURE = 0.90
TRACKED = 0.40
WRONG_BY = 0.05
NO_OPERATIONAL = 0.15
NO_BASELINE = 0.30
NO_SEQUENCE = 0.20
HAS_NOTE = 0.08
STRUCTURE_HAS_COMMENT = 0.01


def fill_cell(row: Location, site: Site, rng: Random, number: int, unit_type: str) -> None:
    """Give a cell its unit type, capacities and the rest."""
    prison = site.prison
    decide(row, prison, rng)
    row.unit_type = unit_type
    row.certified = rng.random() < (CERTIFIED_ACTIVE if row.active else CERTIFIED_INACTIVE)
    _capacities(row, prison, rng)
    row.list_seq = None if rng.random() < NO_SEQUENCE else number
    row.tracking = rng.random() < TRACKED
    if rng.random() < RATES.comment_cell:
        row.comment = COMMENTS.draw(rng)
    if rng.random() < HAS_NOTE:
        note = NOTES.draw(rng)
        row.user_desc = row.description[:40] if note == "key" else note
    if row.active and row.operational:
        row.occupants = int(rng.random() * (row.operational + 1))
    _modified(row, rng)


def _capacities(row: Location, prison: Prison, rng: Random) -> None:
    if row.unit_type == "SEG":
        row.capacity = SEGREGATION.draw(rng)
    else:
        row.capacity = (SMALL if prison.categories else DORMITORIES).draw(rng)
    if rng.random() < RATES.over_capacity:
        row.operational = (row.capacity or 0) + rng.randint(1, 99)
    else:
        filling = (SEGREGATION_FILLING if row.unit_type == "SEG" else FILLING).draw(rng)
        row.operational = _operational(row.capacity, filling)
    baseline = BASELINE.draw(rng)
    if baseline == 1 and row.capacity and row.capacity > 2 and rng.random() < 0.7:  # noqa: PLR2004 - dormitories count
        baseline = row.capacity
    row.cna = baseline


def _operational(capacity: int | None, filling: str) -> int | None:
    if filling == "full":
        return capacity
    if filling == "lower":
        return max(0, (capacity or 0) - 1)
    return 0 if filling == "zero" else None


def _modified(row: Location, rng: Random) -> None:
    if rng.random() < 0.85:  # noqa: PLR2004 - most rows were touched since the load
        row.modified_at = row.created_at + timedelta(days=int(rng.random() * 2000), seconds=int(rng.random() * 86_400))
        row.modified_by = USERS.draw(rng)
        row.module = MODULES.draw(rng)


USERS = Weighted(
    *((f"{letter * 3}{number}{end}", 1.0) for letter in "QRXZ" for number, end in ((11, "D"), (37, "G"), (90, "X"))),
    ("OMS_OWNER", 2.0),
    ("API_PROXY_USER", 0.3),
)
MODULES = Weighted(("OIMMHOLO", 60), ("OIMILOCA", 25), ("OIMULOCA", 5), ("PRISON_API", 6), ("MERGE", 4))


def fill_totals(site: Site) -> None:
    """Give landings and wings what they say their cells sum up to, from the innermost outwards."""
    rng = site.chance("totals")
    for row in reversed(site.locations):
        if row.kind is Kind.STRUCTURE and row.capacity is None:
            _total(row, rng)
            decide(row, site.prison, rng)
            row.certified = rng.random() < CERTIFIED_STRUCTURE
            if rng.random() < STRUCTURE_HAS_COMMENT:
                row.comment = COMMENTS.draw(rng)
            _modified(row, rng)


def _total(row: Location, rng: Random) -> None:
    inside = [child for child in row.children if child.kind is not Kind.ROOM]
    row.capacity = _stored(sum(child.capacity or 0 for child in inside), rng)
    row.operational = None if rng.random() < NO_OPERATIONAL else round(row.capacity * rng.uniform(0.9, 1.0))
    row.cna = None if rng.random() < NO_BASELINE else sum(child.cna or 0 for child in inside)
    units = {child.unit_type for child in inside if child.unit_type}
    row.unit_type = max(sorted(units), key=lambda unit: sum(child.unit_type == unit for child in inside), default="NA")


def _stored(total: int, rng: Random) -> int:
    if rng.random() < RATES.wrong_total:
        wrong = max(1, round(total * WRONG_BY * rng.random()))
        return max(0, total + (wrong if rng.random() < 0.5 else -wrong))  # noqa: PLR2004 - either way
    return total
