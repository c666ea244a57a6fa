"""What `/metrics` shows of reconciliation: what waits, what nothing can settle, and the last full run."""

from collections.abc import Callable
from datetime import datetime

from prometheus_client import CollectorRegistry

from libs.telemetry.metrics import gauge
from services.reconciliation.records import Finding, Status
from services.reconciliation.store.due import DueStore
from services.reconciliation.store.runs import RunStore

ACTIVE = frozenset({Status.REQUESTED, Status.RUNNING})
LOOKED_BACK = 10


class ReconciliationNumbers:
    """Gauges; every replica shows the same."""

    def __init__(self, registry: CollectorRegistry, due: DueStore, runs: RunStore, now: Callable[[], datetime]) -> None:
        self._due, self._runs, self._now = due, runs, now
        self.due = gauge(registry, "reconciliation_due", "Locations that wait for a settle check")
        self.parked = gauge(registry, "reconciliation_parked", "Locations that nothing can settle")
        self.oldest = gauge(registry, "reconciliation_due_oldest_seconds", "How late the longest waiting check is")
        self.active = gauge(registry, "reconciliation_run_active", "1 while a full run waits or is under way")
        self.failed = gauge(registry, "reconciliation_run_failed", "1 if the last full run that ended has failed")
        self.completed = gauge(
            registry, "reconciliation_run_completed_timestamp_seconds", "When a run over all prisons was last completed"
        )
        self.mismatches = gauge(
            registry,
            "reconciliation_run_mismatches",
            "What the last run over all prisons found",
            ("finding",),
        )

    async def sample(self) -> bool:
        """Read once."""
        due, parked = await self._due.waiting()
        oldest = await self._due.oldest()
        self.due.set(due)
        self.parked.set(parked)
        self.oldest.set(max(0.0, (self._now() - oldest).total_seconds()) if oldest else 0.0)
        runs = await self._runs.runs(LOOKED_BACK)
        self.active.set(any(run.status in ACTIVE for run in runs))
        ended = [run for run in runs if run.status not in ACTIVE]
        self.failed.set(bool(ended) and ended[0].status is Status.FAILED)
        whole = [run for run in ended if run.prison_id is None and run.status is Status.COMPLETED and run.ended_at]
        if whole and whole[0].ended_at:
            self.completed.set(whole[0].ended_at.timestamp())
            for finding in Finding:
                self.mismatches.labels(finding.value).set(whole[0].findings.get(finding, 0))
        return False
