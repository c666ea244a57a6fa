"""A prison as its page shows it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


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
    cells: int
    below: tuple[Mapping[str, Any], ...]
    kind: str


def overview_of(prison_id: str, summary: Mapping[str, Any]) -> Overview:
    """Make it of the API's residential summary."""
    totals = summary["prisonSummary"]
    return Overview(
        id=prison_id,
        name=totals["prisonName"],
        working=totals["workingCapacity"],
        maximum=totals["maxCapacity"],
        signed=totals["signedOperationalCapacity"],
        cells=totals["numberOfCellLocations"],
        below=tuple(summary["subLocations"]),
        kind=summary["topLevelLocationType"],
    )
