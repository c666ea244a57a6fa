"""The doors of the settle check: what waits, what is parked, and repair of one location, a prison or a run."""

from collections.abc import Sequence
from typing import Annotated
from uuid import UUID

from pydantic import Field

from libs.domain.prisons import PRISON_ID
from libs.domain.sync import Side
from libs.domain.wire import Int64, RowNumber, Wire
from libs.web.auth import Caller
from libs.web.outgoing import RemoteRefused, RemoteUnavailable
from libs.web.routing import Needs, Route
from services.reconciliation.api.reports import BASE, Requested
from services.reconciliation.errors import RunActive, RunNotFound, RunNotOver
from services.reconciliation.reconcile.repair import Repair
from services.reconciliation.records import DueLocation, Parked

RECONCILE = Needs.role("ROLE_RECONCILE_LOCATIONS")
PAGE_MAX = 1000
Prison = Annotated[str, Field(pattern=f"^(?:{PRISON_ID.pattern})$", examples=["LEI"])]
MismatchId = Annotated[int, Field(ge=1, lt=2**63)]
NomisId = Int64


class ParkedQuery(Wire):
    """Which parked locations: after one, of one prison or of all."""

    after: str = ""
    size: Annotated[int, Field(ge=1, le=PAGE_MAX)] = 100
    prison_id: Prison | None = None


class Settling(Wire):
    """How many locations are due for a look, now or later, and how many nothing can settle."""

    due: int
    parked: int


class RepairWish(Wire):
    """Which mismatches of the run, by number; all when it is left out. Those of another run are passed over."""

    mismatch_ids: Annotated[list[MismatchId], Field(min_length=1, max_length=PAGE_MAX)] | None = None


ALL_OF_IT = RepairWish()


class Repaired(Wire):
    """How many locations are looked at anew and settled."""

    locations: int


class RepairDoors:
    """The handlers."""

    def __init__(self, repair: Repair) -> None:
        self._repair = repair

    async def settling(self) -> Settling:
        """Count what waits and what is parked."""
        due, parked = await self._repair.due.waiting()
        return Settling(due=due, parked=parked)

    async def parked(self, query: ParkedQuery) -> list[Parked]:
        """List what nothing can settle, with the reason; the next page is after `at` of the last."""
        return await self._repair.due.parked(query.after, query.size, query.prison_id)

    async def by_dps_id(self, dps_location_id: UUID, caller: Caller) -> Repaired:
        """Have one location of DPS settled."""
        await self._repair.one(DueLocation(Side.DPS, str(dps_location_id)), caller.username)
        return Repaired(locations=1)

    async def by_nomis_id(self, nomis_location_id: NomisId, caller: Caller) -> Repaired:
        """Have one row of NOMIS settled."""
        await self._repair.one(DueLocation(Side.NOMIS, str(nomis_location_id)), caller.username)
        return Repaired(locations=1)

    async def of_prison(self, prison_id: Prison, caller: Caller) -> Requested:
        """Compare a prison and have settled what differs."""
        return Requested(run_id=await self._repair.prison(prison_id, caller.username))

    async def of_run(self, run_id: RowNumber, caller: Caller, body: RepairWish = ALL_OF_IT) -> Repaired:
        """Have mismatches of a run settled: all, or some by number."""
        return Repaired(locations=await self._repair.run(run_id, caller.username, body.mismatch_ids))


def routes(doors: RepairDoors) -> Sequence[Route]:
    """List the doors."""
    repair = "/locations/repair"
    busy = (RunActive, RemoteRefused, RemoteUnavailable)
    return (
        Route("GET", "/locations/settling", doors.settling, RECONCILE),
        Route("GET", "/locations/settling/parked", doors.parked, RECONCILE),
        Route("PUT", f"{repair}/dps/{{dpsLocationId}}", doors.by_dps_id, RECONCILE, status=202),
        Route("PUT", f"{repair}/nomis/{{nomisLocationId}}", doors.by_nomis_id, RECONCILE, status=202),
        Route("PUT", f"{repair}/prison/{{prisonId}}", doors.of_prison, RECONCILE, status=202, problems=busy),
        Route(
            "PUT", f"{BASE}/{{runId}}/repair", doors.of_run, RECONCILE, status=202, problems=(RunNotFound, RunNotOver)
        ),
    )
