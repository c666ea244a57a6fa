"""What the locations API needs of others."""

from collections.abc import Mapping, Sequence
from typing import Protocol


class Occupancy(Protocol):
    """Knows who is in which cell."""

    async def people_in(self, prison_id: str, paths: Sequence[str]) -> Mapping[str, int]:
        """Return how many people are in each of these cells of a prison; empty cells are absent."""
