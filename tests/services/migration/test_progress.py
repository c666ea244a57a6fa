"""Progress is counted from rows: it adds up at every moment and knows no process that could forget it."""

from datetime import UTC, datetime, timedelta

import pytest

from libs.db.pool import Database
from services.migration.errors import MigrationNotFound
from services.migration.records import MigrationFilter
from services.migration.rules.pace import Pace, average, pace
from services.migration.store.progress import ProgressStore
from tests.services.migration.office import Office, two_wings
from tests.services.migration.test_failures import AWAY, Poison

MINUTE = timedelta(minutes=1)
START = datetime(2026, 7, 1, 8, 0, tzinfo=UTC)


async def test_counts_add_up_after_every_message_for_whoever_asks(office: Office, history: Database) -> None:
    two_wings(office)
    office.add("G", prison_id="ZZGHI")
    office.add("O", location_type="CASTLE")
    started = await office.control.start(MigrationFilter(), "BOSS")
    seen = []
    while office.queue:
        await office.work_once()
        office.time += timedelta(seconds=2)
        told = await ProgressStore(history, MINUTE).progress(started.migration_id, office.time)
        assert told.listed == told.migrated + told.skipped + told.failed + told.pending == 16
        assert sum(prison.listed for prison in told.prisons) == 16
        seen.append((told.migrated, told.pending, told.per_second, told.seconds_left))
    assert [row[0] for row in seen] == sorted(row[0] for row in seen)
    assert [row[1] for row in seen] == sorted((row[1] for row in seen), reverse=True)
    assert seen[-1][1] == 0
    halfway = seen[len(seen) // 2]
    assert halfway[2] is not None
    assert halfway[3] == pytest.approx(halfway[1] / halfway[2], abs=1)
    assert {prison.prison_id: prison.skipped for prison in told.prisons} == {"NWI": 0, "ZZGHI": 1}


async def test_what_pages_wait_for_is_told(office: Office, history: Database) -> None:
    two_wings(office)
    office.stages._nomis = Poison(office.nomis, set(office.nomis.rows), AWAY)
    started = await office.control.start(MigrationFilter(), "BOSS")
    await office.round()
    told = await ProgressStore(history, MINUTE).progress(started.migration_id, office.time)
    assert [(trouble.reason, trouble.pages) for trouble in told.troubles] == [(str(AWAY), 1)]
    assert (told.per_second, told.seconds_left) == (None, None)
    with pytest.raises(MigrationNotFound, match="nope"):
        await ProgressStore(history, MINUTE).progress("nope", office.time)


def test_pace_looks_back_a_window_or_to_the_start() -> None:
    soon = START + timedelta(seconds=20)
    late = START + timedelta(hours=1)
    assert pace(200, 1000, started=START, now=soon, window=MINUTE) == Pace(per_second=10, seconds_left=100)
    assert pace(1200, 60, started=START, now=late, window=MINUTE) == Pace(per_second=20, seconds_left=3)
    assert pace(0, 60, started=START, now=late, window=MINUTE) == Pace()
    assert pace(5, 60, started=START, now=START, window=MINUTE) == Pace()
    assert average(3600, started=START, ended=late) == Pace(per_second=1, seconds_left=0)
    assert average(0, started=START, ended=START) == Pace(seconds_left=0)
