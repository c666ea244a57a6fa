"""What reconciliation needs of the other services: bulk reads only, it writes to none of them."""

from collections.abc import AsyncIterator, Sequence
from typing import Protocol

from libs.domain.bulk import Ids, Mirrors, NomisRow, PairRow
from libs.domain.events import SettleRequest


class Workers(Protocol):
    """The two workers that run the walk, by their queues."""

    async def backlog(self) -> int:
        """Count the messages that wait for them."""

    async def ask(self, requests: Sequence[SettleRequest]) -> None:
        """Ask for each location to be settled. Raises when the broker takes none or not all."""


class NomisEstate(Protocol):
    """Reads NOMIS in bulk."""

    async def total(self) -> int:
        """Count all rows of all agencies."""

    def ids(self, size: int, prison_id: str | None = None) -> AsyncIterator[list[int]]:
        """Give the ids of all rows by page, at least those of the prison."""

    async def rows(self, ids: Sequence[int]) -> list[NomisRow]:
        """Return the rows of these ids; ids that are gone are absent."""


class Mappings(Protocol):
    """Reads links in bulk."""

    async def pairs(self, after: int, up_to: int, size: int) -> list[PairRow]:
        """Return the pairs of a range of NOMIS ids, in their order."""

    async def pairs_of_nomis(self, ids: Sequence[int]) -> list[PairRow]:
        """Return the pairs of up to 1,000 NOMIS ids."""

    async def pairs_of_dps(self, ids: Sequence[str]) -> list[PairRow]:
        """Return the pairs of up to 1,000 DPS ids."""


class Locations(Protocol):
    """Reads DPS in bulk."""

    async def ids(self, after: str | None, size: int, prison_id: str | None = None) -> Ids:
        """Return ids that follow an id, in order; of one prison or of all."""

    async def mirrors(self, ids: Sequence[str]) -> Mirrors:
        """Return up to 1,000 locations by id, and which of the others were deleted."""
