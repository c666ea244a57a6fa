"""A full run: one pass names suspects, further looks tell who is really different from who was on its way.

Whoever holds the lease works on the run; a process that dies leaves it to the next, which starts from the top.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import structlog

from services.reconciliation.errors import LeaseLost, RunActive
from services.reconciliation.ports import Locations, Mappings, NomisEstate
from services.reconciliation.reconcile.looking import BATCH_MAX, Look
from services.reconciliation.reconcile.scan import Scan
from services.reconciliation.records import Counts, Run, Suspect
from services.reconciliation.settings import RunLimits
from services.reconciliation.store.runs import RunStore

SCHEDULE = "schedule"
# Log lines keep the names that dashboards know (`reference/to-nomis.md` §2.4).
log = structlog.get_logger()
Settle = Callable[[Run], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class FullRuns:
    """Works on runs, one at a time."""

    store: RunStore
    nomis: NomisEstate
    mappings: Mappings
    locations: Locations
    settle: Settle
    wake: Callable[[], None]
    now: Callable[[], datetime]
    pause: Callable[[float], Awaitable[None]]
    limits: RunLimits

    async def request(self, prison_id: str | None, by: str, *, settles: bool) -> int:
        """Ask for a run, once NOMIS has answered how much there is. Raises RunActive."""
        total = await self.nomis.total()
        run_id = await self.store.request(prison_id, by, self.now(), settles=settles)
        log.info(
            "locations-reports-reconciliation-requested", locationsNomisTotal=total, runId=run_id, prisonId=prison_id
        )
        self.wake()
        return run_id

    async def schedule(self, due: datetime | None, *, settles: bool) -> None:
        """Ask for the run of this time of the schedule, unless it had one; a run under way is waited for."""
        if due is None or await self.store.was_scheduled(due):
            return
        with suppress(RunActive):
            await self.store.request(None, SCHEDULE, self.now(), settles=settles, scheduled_for=due)

    async def work(self) -> bool:
        """Work on a run that waits; False when none does."""
        taken = await self.store.lease(self.now(), self.lease, self.limits.attempts_max)
        if taken is None:
            return False
        await _Work(self, *taken).do()
        return True

    @property
    def lease(self) -> timedelta:
        """How long a run is ours without a sign of life."""
        return timedelta(seconds=self.limits.lease_seconds)


@dataclass(slots=True)
class _Work:
    """One attempt at one run."""

    runs: FullRuns
    run: Run
    held: datetime
    counts: Counts = field(default_factory=Counts)

    async def do(self) -> None:
        """Scan, look again, complete; what fails is given back with its reason."""
        work = asyncio.ensure_future(self._all())
        try:
            while not (await asyncio.wait({work}, timeout=self.runs.limits.lease_seconds / 3))[0]:
                await self._keep()
            work.result()
        except LeaseLost:
            log.warning("locations-reports-reconciliation-taken-over", runId=self.run.run_id)
        except Exception as failure:  # noqa: BLE001 - whatever it was, the run is given back and tried again
            await self._give_back(failure)
        except asyncio.CancelledError:
            await self._give_back(None)
            raise
        finally:
            work.cancel()

    async def _all(self) -> None:
        await self._scan()
        await self._look_again()
        await self._keep()
        await self.runs.store.complete(self.run.run_id, self.held, self.runs.now())
        await self._tell()
        if self.run.settles:
            await self.runs.settle(self.run)

    async def _scan(self) -> None:
        async def found(suspects: Sequence[Suspect]) -> None:
            await self.runs.store.add_suspects(self.run.run_id, suspects)

        runs = self.runs
        scan = Scan(
            runs.nomis, runs.mappings, runs.locations, runs.limits, self.run.prison_id, found, counts=self.counts
        )
        await scan.run()

    async def _look_again(self) -> None:
        """Pass over the suspects until two looks in a row saw the same; who keeps moving is on its way."""
        for look in range(self.runs.limits.looks_max):
            self.counts.in_flight = await self._pass(look)
            if not self.counts.in_flight:
                return
            await self.runs.pause(self.runs.limits.again_seconds)

    async def _pass(self, number: int) -> int:
        """Look at each suspect once; return how many are not decided yet."""
        store, run_id = self.runs.store, self.run.run_id
        look = Look(self.runs.nomis, self.runs.mappings, self.runs.locations)
        after, undecided = 0, 0
        while suspects := await store.suspects(run_id, number, after, BATCH_MAX):
            after = suspects[-1].suspect_id
            wrong = [verdict for verdict in await look.at([each.who for each in suspects]) if verdict.finding]
            seen = {each.digest for each in suspects}
            same = [verdict for verdict in wrong if verdict.digest in seen]
            moved = [verdict for verdict in wrong if verdict.digest not in seen]
            await store.decide(run_id, number, same, moved)
            undecided += len(moved)
        return undecided

    async def _keep(self) -> None:
        until = self.runs.now() + self.runs.lease
        self.held = await self.runs.store.progress(self.run.run_id, self.held, until, self.counts)

    async def _give_back(self, failure: Exception | None) -> None:
        cause: BaseException | None = failure
        while isinstance(cause, BaseExceptionGroup):
            [cause, *_] = cause.exceptions
        told = f"{type(cause).__name__}: {cause}" if cause else "stopped"
        log.warning("locations-reports-reconciliation-failed", runId=self.run.run_id, error=type(cause).__name__)
        await self.runs.store.release(self.run.run_id, self.held, told)

    async def _tell(self) -> None:
        """Say how it ended, naming the first few as `nomisId,dpsId`."""
        run = await self.runs.store.run(self.run.run_id)
        first = await self.runs.store.mismatches(run.run_id, 0, self.runs.limits.told_max)
        named = {f"{each.nomis_location_id or 'null'},{each.dps_location_id or 'null'}": each.finding for each in first}
        log.info(
            "locations-reports-reconciliation-success",
            runId=run.run_id,
            **{"mismatch-count": str(run.mismatches)},
            **named,
        )
