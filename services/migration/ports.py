"""What a migration needs of the other services: bulk doors, an answer for each location."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Protocol
from uuid import UUID

from libs.domain.bulk import Mirrors
from libs.domain.mapping import LocationMapping
from libs.domain.nomis import ListedLocation, ListedPage, NomisLocationId
from libs.domain.shapes import DetailShape
from libs.domain.sync import MigrateOutcome


class NomisEstate(Protocol):
    """Reads NOMIS in bulk."""

    async def ids_page(self, page: int, size: int) -> tuple[list[ListedLocation], int]:
        """Return one page of all locations, and the total."""

    async def next_page(self, page: int, after: NomisLocationId | None, size: int) -> ListedPage:
        """Return what follows an id where NOMIS lists by key, else the page of that number; empty at the end."""

    async def details(self, ids: Sequence[NomisLocationId]) -> Sequence[DetailShape]:
        """Return the rows of up to 500 ids; ids that are gone are absent."""


class Mappings(Protocol):
    """Reads and saves links in bulk."""

    async def for_nomis(self, ids: Collection[NomisLocationId]) -> Mapping[NomisLocationId, LocationMapping]:
        """Return the links of these NOMIS ids."""

    async def for_dps(self, ids: Collection[UUID]) -> Mapping[UUID, LocationMapping]:
        """Return the links of these DPS ids."""

    async def save_many(self, mappings: Sequence[LocationMapping]) -> Sequence[Exception | None]:
        """Save up to 1,000 links; None for each that is there now, else what is in the way."""


class Locations(Protocol):
    """Creates locations in bulk."""

    async def migrate(self, locations: Sequence[Mapping[str, Any]]) -> Sequence[MigrateOutcome]:
        """Create up to 500; an outcome for each, in order."""

    async def validate(self, locations: Sequence[Mapping[str, Any]]) -> Sequence[MigrateOutcome]:
        """Answer what `migrate` would, and write nothing; parents that are not in DPS belong in the same call."""


class Mirrored(Protocol):
    """Reads DPS in bulk."""

    async def mirrors(self, ids: Sequence[str]) -> Mirrors:
        """Return up to 1,000 locations by id, and which of the others were deleted."""
