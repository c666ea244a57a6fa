"""`/metrics` shows the newest run."""

from prometheus_client import CollectorRegistry

from libs.telemetry.metrics import exposition
from services.migration.records import MigrationFilter, RetryWish
from services.migration.stages.numbers import MigrationNumbers
from tests.services.migration.office import Office


def shown(registry: CollectorRegistry, name: str) -> dict[str, float]:
    lines = [line for line in exposition(registry).decode().splitlines() if line.startswith(name)]
    return {line.rsplit(" ", 1)[0].removeprefix(name): float(line.rsplit(" ", 1)[1]) for line in lines}


async def test_the_newest_run_is_shown_while_it_goes_on_and_as_it_ended(office: Office) -> None:
    registry = CollectorRegistry()
    numbers = MigrationNumbers(registry, office.runs)
    assert await numbers.sample() is False, "nothing before the first run, and no failure"
    odd = office.add("O", location_type="CASTLE")
    office.add("P")
    run = (await office.control.start(MigrationFilter(), "ANN")).migration_id
    await numbers.sample()
    assert shown(registry, "migration_active") == {
        '{type="LOCATIONS"}': 1, '{type="LOCATIONS_REHEARSAL"}': 0, '{type="LOCATIONS_VERIFICATION"}': 0,
    }  # fmt: skip
    await office.finish(run)
    await numbers.sample()
    assert shown(registry, "migration_items") == {
        '{state="listed"}': 2, '{state="migrated"}': 1, '{state="skipped"}': 0, '{state="failed"}': 1,
        '{state="pending"}': 0,
    }  # fmt: skip
    assert shown(registry, "migration_active")['{type="LOCATIONS"}'] == 0
    office.nomis.screen_edit(odd, location_type="WING")
    await office.control.retry(run, RetryWish(all=True), "ANN")
    await numbers.sample()
    assert shown(registry, "migration_items")['{state="pending"}'] == 1, "a run that is retried is counted again"
