"""Repair by an operator: has locations looked at and settled now, whatever was known of them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from services.reconciliation.errors import RunNotOver
from services.reconciliation.reconcile.full_run import FullRuns
from services.reconciliation.records import DueLocation, Status
from services.reconciliation.store.due import DueStore


@dataclass(frozen=True, slots=True)
class Repair:
    """Each is a wish: it is carried out by the settle check and by the workers it asks."""

    due: DueStore
    runs: FullRuns
    now: Callable[[], datetime]
    wake: Callable[[], None]

    async def one(self, location: DueLocation, by: str) -> None:
        """Have one location settled."""
        await self.due.demand(location, self.now(), by)
        self.wake()

    async def prison(self, prison_id: str, by: str) -> int:
        """Compare a prison and have settled what differs; return the run. Raises RunActive."""
        return await self.runs.request(prison_id, by, settles=True)

    async def run(self, run_id: int, by: str, mismatches: Sequence[int] | None = None) -> int:
        """Have mismatches of a run settled, all or these; return how many locations. Raises RunNotFound, RunNotOver."""
        run = await self.runs.store.run(run_id)
        if run.status is not Status.COMPLETED:
            raise RunNotOver(run_id, run.status)
        locations = await self.due.note_run(run_id, self.now(), by, mismatches)
        self.wake()
        return locations
