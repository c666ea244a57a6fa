"""What can be wrong, in the words of mappings."""

from typing import Protocol


class Link(Protocol):
    """A DPS location and a NOMIS one, linked or to be linked."""

    @property
    def dps_location_id(self) -> str:
        """Identify the DPS side."""

    @property
    def nomis_location_id(self) -> int:
        """Identify the NOMIS side."""


class MappingNotFound(Exception):
    """No such mapping."""


class MappingConflict(Exception):
    """One or both sides of the wish are linked to something else; names every row in the way."""

    def __init__(self, wish: Link, by_dps_id: Link | None, by_nomis_id: Link | None) -> None:
        rows = " and ".join(_named(row) for row in (by_dps_id, by_nomis_id) if row is not None)
        super().__init__(f"{_named(wish)} is in conflict with {rows or 'there being no mapping to replace'}")
        self.wish = wish
        self.by_dps_id = by_dps_id
        self.by_nomis_id = by_nomis_id

    @property
    def existing(self) -> Link | None:
        """The row existing clients are told of: that of the DPS side, if there is one."""
        return self.by_dps_id or self.by_nomis_id


class SortUnknown(Exception):
    """A page is to be sorted by something a mapping does not have."""


class WipeNotAllowed(Exception):
    """The setting that opens the door which deletes all mappings is off."""


class SaveContended(Exception):
    """Others kept creating and deleting the same mappings; nothing is known to be wrong, the caller may repeat."""


def _named(link: Link) -> str:
    return f"dpsLocationId={link.dps_location_id} nomisLocationId={link.nomis_location_id}"
