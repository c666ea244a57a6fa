"""A prison as its page shows it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from services.staff_ui.views.location import Place


@dataclass(frozen=True)
class Prison:
    """One to choose."""

    id: str
    name: str


@dataclass(frozen=True)
class Overview:
    """A prison's totals, and the locations at its top."""

    id: str
    name: str
    working: int
    maximum: int
    signed: int
    certified: int
    cells: int
    below: tuple[Place, ...]
    kind: str


def overview_of(prison_id: str, summary: Mapping[str, Any]) -> Overview:
    """Make it of the API's residential summary."""
    totals = summary["prisonSummary"]
    below = tuple(Place(each) for each in summary["subLocations"])
    return Overview(
        id=prison_id,
        name=totals["prisonName"],
        working=totals["workingCapacity"],
        maximum=totals["maxCapacity"],
        signed=totals["signedOperationalCapacity"],
        certified=sum(place.certified for place in below),
        cells=totals["numberOfCellLocations"],
        below=below,
        kind=summary["topLevelLocationType"],
    )
