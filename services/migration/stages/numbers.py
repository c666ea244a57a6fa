"""What `/metrics` shows of migration: the newest run and what became of its locations, read from its rows."""

from prometheus_client import CollectorRegistry

from libs.telemetry.metrics import gauge
from services.migration.records import ACTIVE, Kind, Status
from services.migration.store.runs import RunStore

STATES = ("listed", "migrated", "skipped", "failed", "pending")


class MigrationNumbers:
    """Gauges of the newest run of any kind; every replica shows the same."""

    def __init__(self, registry: CollectorRegistry, runs: RunStore) -> None:
        self._runs = runs
        self._counted: tuple[str, Status] | None = None
        self.items = gauge(registry, "migration_items", "Locations of the newest run, by state", ("state",))
        self.active = gauge(registry, "migration_active", "1 while a run of this kind is under way", ("type",))
        self.paused = gauge(registry, "migration_paused", "1 while the newest run rests")
        self.estimated = gauge(registry, "migration_estimated_items", "Locations that NOMIS had at the newest start")

    async def sample(self) -> bool:
        """Read once; a run that has ended is counted once."""
        newest = await self._runs.newest()
        if newest is None or (newest == self._counted and newest[1] not in ACTIVE):
            return False
        run = await self._runs.run(newest[0])
        for state in STATES:
            self.items.labels(state).set(getattr(run, f"records_{state}"))
        for kind in Kind:
            self.active.labels(kind.value).set(run.status in ACTIVE and run.migration_type == kind)
        self.paused.set(run.paused)
        self.estimated.set(run.estimated_record_count)
        self._counted = (run.id, run.status)
        return False
