"""What reconciliation needs of the other services: bulk reads only, it writes to none of them."""

from collections.abc import AsyncIterator, Sequence
from typing import Protocol

from libs.domain.bulk import Ids, Mirrors, NomisRow, PairRow
from libs.domain.events import SettleRequest
from libs.domain.switch_over import PrisonStage, StageMove


class Workers(Protocol):
    """The two workers that run the walk, by their queues."""

    async def backlog(self) -> int:
        """Count the messages that wait for them."""

    async def ask(self, requests: Sequence[SettleRequest]) -> None:
        """Ask for each location to be settled. Raises when the broker takes none or not all."""


class Screens(Protocol):
    """NOMIS's agency switches: a service that is on takes over from the prison's screens."""

    async def switch(self, service: str, prison_id: str) -> bool:
        """Whether the prison's screens are off."""

    async def set_switch(self, service: str, prison_id: str, *, on: bool) -> None:
        """Turn the screens off or on; done twice is done."""


class Prisons(Protocol):
    """Where each prison stands, as the locations API keeps and enforces it."""

    async def stages(self, *, holding: bool = False) -> list[PrisonStage]:
        """Return the prisons that ever took a step; with `holding` all that hold locations, too."""

    async def stage(self, prison_id: str) -> PrisonStage:
        """Return where a prison stands, with its steps."""

    async def take_step(self, prison_id: str, move: StageMove) -> PrisonStage:
        """Take a step. Raises StepRefused."""


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

    async def stages(self) -> list[PrisonStage]:
        """Return where those prisons stand that ever took a step."""
