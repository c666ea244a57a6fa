"""How large an estate is: shares of the real number of cells, wings and property boxes."""

from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True)
class Preset:
    """Multiplies what a prison of its size has."""

    name: str
    cells: float = 1.0
    wings: float = 1.0
    boxes: float = 1.0
    # How many copies of a numbered room (classrooms, tables) there are, relative to the real number.
    series: float = 1.0


PRESETS = MappingProxyType(
    {
        preset.name: preset
        for preset in (
            Preset("tiny", cells=0.15, wings=0.25, boxes=0.02, series=0.3),
            Preset("lean", boxes=0.1),
            Preset("national"),
            Preset("stress", cells=2.0, wings=2.0, boxes=2.0, series=2.0),
        )
    },
)
