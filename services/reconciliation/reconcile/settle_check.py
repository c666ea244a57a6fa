"""Looks at what is due, and asks a worker to settle what the two sides still hold differently.

It decides and records; it writes to neither side. The walk does, conditionally, so a look that is out of date by the
time the worker comes does no harm.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import structlog

from libs.domain.events import SettleRequest
from libs.domain.identity import dps_id_for
from libs.domain.nomis import NomisLocationId
from libs.domain.sync import Side
from services.reconciliation.ports import Workers
from services.reconciliation.reconcile.looking import Look
from services.reconciliation.records import DueLocation, Finding, Verdict, Waiting
from services.reconciliation.rules.settling import UNCONFIRMED, Ask, Decided, Park, Rounds, Settled, next_step
from services.reconciliation.settings import SettleLimits
from services.reconciliation.store.due import DueStore

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class SettleCheck:
    """One pass at a time; any number of replicas, each location looked at by one of them."""

    store: DueStore
    look: Look
    workers: Workers
    now: Callable[[], datetime]
    limits: SettleLimits

    async def work(self) -> bool:
        """Look at a batch; True when more may be due."""
        now = self.now()
        oldest = await self.store.oldest()
        if oldest is None or oldest > now:
            return False
        in_time = oldest > now - timedelta(seconds=self.limits.late_seconds)
        backlog = await self.workers.backlog()
        if in_time and backlog > self.limits.backlog_max:
            return False
        async with self.store.taken(now, self.limits.batch) as waiting:
            if waiting:
                await self._settle(waiting, behind=backlog > 0)
            return len(waiting) == self.limits.batch

    async def _settle(self, waiting: Sequence[Waiting], *, behind: bool) -> None:
        verdicts = await self.look.at([each.where.suspect() for each in waiting])
        by_place = {each.where: each for each in waiting}
        decided: list[Decided] = []
        requests: list[SettleRequest] = []
        over: list[DueLocation] = []
        for verdict in verdicts:
            mine = _rows_of(verdict, by_place)
            if not mine:
                continue
            step = next_step(mine[0].noted, verdict, self._rounds, behind=behind)
            decided.append(Decided(mine[0], step, verdict.key, verdict.prison_id))
            decided += [Decided(other, Settled()) for other in mine[1:]]
            over += [place for place in _places(verdict) if place != mine[0].where]
            match step:
                case Ask():
                    requests.append(request_for(verdict))
                case Park():
                    _tell(verdict, step)
        # Asked first: a death between the two asks once more, which the walk does not mind.
        await self.workers.ask(requests)
        await self.store.decide(decided, over, self.now())

    @property
    def _rounds(self) -> Rounds:
        limits = self.limits
        return Rounds(limits.rounds_max, limits.asked_max, timedelta(seconds=limits.settle_seconds))


def request_for(verdict: Verdict) -> SettleRequest:
    """Return what to ask. It is by DPS's id where there is one.

    Of two halves that lack only their link the walk must not make one anew: a location that came from NOMIS is found by
    its row, whatever its key is by now; one that staff made is found by its key.
    """
    dps_id = UUID(verdict.dps_id) if verdict.dps_id is not None else None
    nomis_id = NomisLocationId(verdict.nomis_id) if verdict.nomis_id is not None else None
    by_row = dps_id is None or (
        verdict.finding is Finding.MISSING_MAPPING and nomis_id is not None and dps_id == dps_id_for(nomis_id)
    )
    return SettleRequest(
        dps_location_id=None if by_row else dps_id,
        nomis_location_id=nomis_id if by_row else None,
        reason=verdict.finding.value if verdict.finding else UNCONFIRMED,
    )


def _rows_of(verdict: Verdict, by_place: Mapping[DueLocation, Waiting]) -> list[Waiting]:
    """Return the rows that told of this location, DPS's first."""
    return [by_place[place] for place in _places(verdict) if place in by_place]


def _places(verdict: Verdict) -> list[DueLocation]:
    """Return under which ids this location may be due, DPS's first."""
    places = []
    if verdict.dps_id is not None:
        places.append(DueLocation(Side.DPS, verdict.dps_id))
    if verdict.nomis_id is not None:
        places.append(DueLocation(Side.NOMIS, str(verdict.nomis_id)))
    return places


def _tell(verdict: Verdict, step: Park) -> None:
    log.warning(
        "settle-check-parked",
        dpsLocationId=verdict.dps_id,
        nomisLocationId=verdict.nomis_id,
        key=verdict.key,
        reason=step.reason,
    )
