"""`/metrics` shows what waits, what nothing can settle, and the last full run."""

from datetime import timedelta

from prometheus_client import CollectorRegistry

from libs.domain.sync import Side
from libs.telemetry.metrics import exposition
from services.reconciliation.reconcile.numbers import ReconciliationNumbers
from services.reconciliation.records import DueLocation
from tests.services.reconciliation.test_settle_check import Desk, desk

__all__ = ["desk"]


async def test_what_waits_and_what_the_last_run_found_are_shown(desk: Desk) -> None:
    registry = CollectorRegistry()
    bench = desk.bench
    numbers = ReconciliationNumbers(registry, desk.due, bench.store, lambda: bench.time)
    await numbers.sample()
    assert "reconciliation_due 0.0" in exposition(registry).decode()
    await bench.add("1", linked=False)
    await desk.due.demand(DueLocation(Side.NOMIS, "77"), bench.time, "ANN")
    await bench.runs.request(None, "ANN", settles=False)
    await numbers.sample()
    assert "reconciliation_run_active 1.0" in exposition(registry).decode()
    assert await bench.runs.work()
    bench.time += timedelta(seconds=90)
    await numbers.sample()
    lines = exposition(registry).decode().splitlines()
    assert "reconciliation_due 1.0" in lines
    assert "reconciliation_run_active 0.0" in lines
    assert "reconciliation_run_failed 0.0" in lines
    assert 'reconciliation_run_mismatches{finding="MISSING_IN_DPS"} 1.0' in lines
    assert any(line.startswith("reconciliation_due_oldest_seconds 9") for line in lines)
