"""What the locations API needs of others."""

from collections.abc import Mapping, Sequence
from typing import Protocol


class Occupancy(Protocol):
    """Knows who is in which cell."""

    async def people_in(self, prison_id: str, paths: Sequence[str]) -> Mapping[str, int]:
        """Return how many people are in each of these cells of a prison; empty cells are absent."""


class PrisonFacts(Protocol):
    """What the register says of a prison."""

    @property
    def prison_name(self) -> str:
        """What it is called."""

    @property
    def female(self) -> bool:
        """Whether it holds women."""

    @property
    def lthse(self) -> bool:
        """Whether it belongs to the long-term and high-security estate."""


class PrisonRegister(Protocol):
    """Knows every prison."""

    async def prison(self, prison_id: str) -> PrisonFacts | None:
        """Return what is known of a prison; None: there is no such prison."""
