"""The doors of full runs: ask for one, list them, read what they found, as JSON or as CSV."""

import csv
import io
from collections.abc import Sequence
from types import MappingProxyType
from typing import Annotated

import orjson
from aiohttp import web
from pydantic import Field

from libs.domain.prisons import PRISON_ID
from libs.domain.switch_over import PrisonUnknown, StepRefused
from libs.domain.wire import RowNumber, Wire
from libs.web.auth import Caller
from libs.web.outgoing import RemoteRefused, RemoteUnavailable
from libs.web.problems import Problem
from libs.web.routing import Needs, Reply, Route
from services.reconciliation.errors import LocationUnknown, RunActive, RunNotFound, RunNotOver
from services.reconciliation.reconcile.full_run import FullRuns
from services.reconciliation.records import Finding, Mismatch, Run

RECONCILE = Needs.role("ROLE_RECONCILE_LOCATIONS")
PAGE_MAX = 1000
BASE = "/locations/reports/reconciliation"
CSV_COLUMNS = ("finding", "prisonId", "key", "dpsLocationId", "nomisLocationId", "reason", "differences")
# A spreadsheet runs what starts so.
FORMULA = ("=", "+", "-", "@", "\t", "\r")

PROBLEMS = MappingProxyType(
    {
        RunNotFound: Problem(404, "Not found"),
        LocationUnknown: Problem(404, "Location not found"),
        PrisonUnknown: Problem(404, "Prison not found"),
        RunActive: Problem(409, "A run is under way"),
        RunNotOver: Problem(409, "The run is not over"),
        StepRefused: Problem(409, "Step refused"),
        RemoteRefused: Problem(502, "Another service refused"),
        RemoteUnavailable: Problem(503, "Another service is unavailable"),
    }
)


class Requested(Wire):
    """Answer of the request for a run; existing tools expect no body and read none."""

    run_id: int


class RunQuery(Wire):
    """One prison, or all; whether what is found is settled (the setting decides when it is not said)."""

    prison_id: Annotated[str, Field(pattern=f"^(?:{PRISON_ID.pattern})$", examples=["LEI"])] | None = None
    settles: bool | None = None


class PageQuery(Wire):
    """Which mismatches: those after one, of one finding or of all."""

    after: RowNumber = 0
    size: Annotated[int, Field(ge=1, le=PAGE_MAX)] = 100
    finding: Finding | None = None


class ReportDoors:
    """The handlers."""

    def __init__(self, runs: FullRuns, *, settles: bool, shown_max: int) -> None:
        self._runs = runs
        self._store = runs.store
        self._settles = settles
        self._shown_max = shown_max

    async def request(self, query: RunQuery, caller: Caller) -> Reply[Requested]:
        """Ask for a run over all prisons, or over one; the work goes on in the background."""
        settles = self._settles if query.settles is None else query.settles
        run_id = await self._runs.request(query.prison_id, caller.username, settles=settles)
        return Reply(Requested(run_id=run_id), 202, {"Location": f"{BASE}/{run_id}"})

    async def runs(self) -> list[Run]:
        """List runs, newest first."""
        return await self._store.runs(self._shown_max)

    async def run(self, run_id: RowNumber) -> Run:
        """Show a run and what it counted."""
        return await self._store.run(run_id)

    async def mismatches(self, run_id: RowNumber, query: PageQuery) -> list[Mismatch]:
        """List mismatches of a run in the order they were found; the next page is after the last id of this one."""
        await self._store.run(run_id)
        return await self._store.mismatches(run_id, query.after, query.size, query.finding)

    async def as_csv(self, run_id: RowNumber, request: web.Request) -> web.StreamResponse:
        """Stream all mismatches of a run for a spreadsheet."""
        await self._store.run(run_id)
        name = f'attachment; filename="reconciliation-{run_id}.csv"'
        response = web.StreamResponse(headers={"Content-Type": "text/csv", "Content-Disposition": name})
        await response.prepare(request)
        await response.write(_lines([CSV_COLUMNS]))
        async for page in self._store.all_mismatches(run_id, PAGE_MAX):
            await response.write(_lines([_cells(each) for each in page]))
        await response.write_eof()
        return response


def _cells(mismatch: Mismatch) -> Sequence[str]:
    told = (
        mismatch.finding.value,
        mismatch.prison_id or "",
        mismatch.key,
        str(mismatch.dps_location_id or ""),
        str(mismatch.nomis_location_id or ""),
        mismatch.reason,
        orjson.dumps(mismatch.differences).decode(),
    )
    return tuple(f"'{cell}" if cell.startswith(FORMULA) else cell for cell in told)


def _lines(rows: Sequence[Sequence[str]]) -> bytes:
    written = io.StringIO()
    csv.writer(written).writerows(rows)
    return written.getvalue().encode()


def routes(doors: ReportDoors) -> Sequence[Route]:
    """List the doors."""
    gone = (RunNotFound,)
    busy = (RunActive, RemoteRefused, RemoteUnavailable)
    one = f"{BASE}/{{runId}}"
    return (
        Route("PUT", BASE, doors.request, RECONCILE, status=202, problems=busy, answers=Requested),
        Route("GET", BASE, doors.runs, RECONCILE),
        Route("GET", one, doors.run, RECONCILE, problems=gone),
        Route("GET", f"{one}/mismatches", doors.mismatches, RECONCILE, problems=gone),
        Route("GET", f"{one}/mismatches.csv", doors.as_csv, RECONCILE, problems=gone),
    )
