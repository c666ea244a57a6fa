"""Whether a row is in use, and what it says about why not: contradictory as often as in real data."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from types import MappingProxyType

from services.nomis.estate.chance import Weighted
from services.nomis.estate.location import Kind, Location
from services.nomis.estate.oddities import RATES
from services.nomis.estate.prisons import Prison

FIRST_DAY = datetime(2008, 1, 1)  # noqa: DTZ001 - NOMIS keeps London's wall clock, without a zone
DAYS = 6100
REASONS = Weighted(*zip("ABCDEFGHIJKL", (1, 3, 15, 14, 22, 12, 12, 3, 8, 6, 3, 1), strict=True))
PROPOSED = 0.25
# Around the end of September 2024 one was being emptied and the other closing.
EMPTYING = frozenset({"DAI", "CKI"})
EMPTYING_INACTIVE = 0.85


@dataclass(frozen=True)
class Odds:
    """The chances for one kind of row."""

    inactive: float
    inactive_in_closed: float
    no_date: float
    no_reason: float
    leftover: float


ODDS: Mapping[Kind, Odds] = MappingProxyType(
    {
        Kind.CELL: Odds(0.09, 0.98, RATES.inactive_no_date_cell, RATES.inactive_no_reason_cell, RATES.leftover_cell),
        Kind.STRUCTURE: Odds(
            0.03, 0.95, RATES.inactive_no_date_cell, RATES.inactive_no_reason_cell, RATES.leftover_structure
        ),
        Kind.ROOM: Odds(0.18, 0.95, RATES.inactive_no_date_room, RATES.inactive_no_reason_room, RATES.leftover_room),
    },
)


def decide(row: Location, prison: Prison, rng: Random) -> None:
    """Set the active flag and the three deactivation fields; parents and children are not asked."""
    odds = ODDS[row.kind]
    row.active = rng.random() >= _inactive(row.kind, prison, odds)
    if row.active:
        if rng.random() < odds.leftover:
            row.deactivated_on = _day(rng)
            row.reason = REASONS.draw(rng) if rng.random() < 0.5 else None  # noqa: PLR2004 - half keep the reason too
        return
    no_date = rng.random() < odds.no_date
    row.deactivated_on = None if no_date else _day(rng)
    # Of those without a date most have no reason either.
    row.reason = None if rng.random() < (0.8 if no_date else odds.no_reason) else REASONS.draw(rng)
    if row.deactivated_on and rng.random() < PROPOSED:
        row.reactivate_on = row.deactivated_on + timedelta(days=rng.randint(7, 700))


def _inactive(kind: Kind, prison: Prison, odds: Odds) -> float:
    if not prison.is_open:
        return odds.inactive_in_closed
    if kind is Kind.CELL and prison.id in EMPTYING:
        return EMPTYING_INACTIVE
    return odds.inactive


def _day(rng: Random) -> datetime:
    return FIRST_DAY + timedelta(days=int(rng.random() * DAYS))
