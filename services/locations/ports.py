"""What the locations API needs of others."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol


class Occupancy(Protocol):
    """Knows who is in which cell."""

    async def people_in(self, prison_id: str, paths: Sequence[str]) -> Mapping[str, int]:
        """Return how many people are in each of these cells of a prison; empty cells are absent."""


Prisoner = Mapping[str, Any]
"""A person as prisoner search tells of one: camelCase names, absent members left out."""


class PrisonerSearch(Occupancy, Protocol):
    """Knows who is where."""

    async def prisoners_in(self, prison_id: str, paths: Sequence[str]) -> Sequence[Prisoner]:
        """Return who is in these cells of a prison."""

    async def prisoners_of(self, prison_id: str) -> Sequence[Prisoner] | None:
        """Return everybody in a prison; None: prisoner search does not know it."""


class InAndOut(Protocol):
    """How many came in and went out."""

    @property
    def into(self) -> int:
        """How many came in."""

    @property
    def out(self) -> int:
        """How many went out."""


class Movements(Protocol):
    """A prison's movements of today."""

    @property
    def in_out_movements_today(self) -> InAndOut:
        """Who came and who went."""

    @property
    def en_route_today(self) -> int:
        """How many are on their way in."""


class PrisonMovements(Protocol):
    """Knows who came and went."""

    async def movements(self, prison_id: str) -> Movements | None:
        """Return a prison's movements of today; None: there is no such prison."""


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
