"""What a location's state is once those above it count (`reference/locations-api.md` §3.2)."""

from collections.abc import Sequence
from dataclasses import dataclass

from services.locations.records import LocationRow


@dataclass(frozen=True, slots=True)
class Standing:
    """A row with its ancestors, nearest first."""

    row: LocationRow
    above: Sequence[LocationRow] = ()

    @property
    def archived(self) -> bool:
        """Permanently inactive, by itself or by an ancestor."""
        return self.row.archived or any(ancestor.archived for ancestor in self.above)

    @property
    def active(self) -> bool:
        """Active with every ancestor active, and nothing archived."""
        return self.row.active and not self.archived and all(ancestor.active for ancestor in self.above)
