"""What a location's state is once those above it count (`reference/locations-api.md` §3.2)."""

from collections.abc import Sequence
from dataclasses import dataclass

from libs.domain.codes import LocationStatus
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

    @property
    def deactivated_by_parent(self) -> bool:
        """Active by its own flag, yet not effectively."""
        return self.row.active and not self.row.archived and not self.active

    @property
    def status(self) -> LocationStatus:
        """The derived status; an archived one shows as inactive."""
        if not self.active:
            return LocationStatus.INACTIVE
        return LocationStatus.NON_RESIDENTIAL if self.row.converted_cell_type is not None else LocationStatus.ACTIVE

    @property
    def details(self) -> LocationRow | None:
        """The row whose deactivation details are shown: its own, else the nearest inactive or archived ancestor's."""
        return next((row for row in (self.row, *self.above) if not row.active or row.archived), None)
