"""Runs for chosen prisons in their order, and runs that rest and go on."""

from collections.abc import Sequence
from typing import Any

import pytest

from libs.domain.bulk import NomisDetail
from libs.domain.nomis import ListedLocation, ListedPage, NomisLocationId
from services.migration.errors import MigrationNotFound, MigrationOver
from services.migration.records import Kind, MigrationFilter, Status
from tests.services.migration.office import Office, two_wings


def three_prisons(office: Office) -> None:
    for prison in ("LEI", "MDI", "WWI"):
        wing = office.add("A", location_type="WING", prison_id=prison)
        office.add("001", wing)


class AsPublished:
    """NOMIS as published: its list of ids tells neither parent nor prison."""

    def __init__(self, nomis: Any) -> None:
        self._nomis = nomis
        self.read: list[NomisLocationId] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._nomis, name)

    async def next_page(self, page: int, after: NomisLocationId | None, size: int) -> ListedPage:
        found = await self._nomis.next_page(page, after, size)
        return ListedPage([ListedLocation(row.id) for row in found.rows], by_key=False)

    async def details(self, ids: Sequence[NomisLocationId]) -> list[NomisDetail]:
        found: list[NomisDetail] = await self._nomis.details(ids)
        self.read += [row.location_id for row in found]
        return found


@pytest.mark.parametrize("published", [False, True], ids=["stand-in", "as published"])
async def test_prisons_are_taken_one_after_another_in_the_order_of_the_run(office: Office, published: bool) -> None:
    three_prisons(office)
    nomis = AsPublished(office.nomis)
    if published:
        office.stages._nomis = nomis
    started = await office.control.start(MigrationFilter(prison_ids=("WWI", "LEI")), "BOSS")
    await office.finish(started.migration_id)
    made = [own.prison_id for own in office.locations.locations.values()]
    assert made == ["WWI", "WWI", "LEI", "LEI"]
    run = await office.runs.run(started.migration_id)
    assert (run.records_listed, run.records_migrated, run.records_skipped) == (6, 4, 2)
    assert run.filter == '{"prisonIds":["WWI","LEI"]}'
    # Once for its prison, and once more when it is migrated, however often the list is read.
    assert len(nomis.read) == (6 + 4 if published else 0)


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ('{"prisonIds": ["LEI", "LEI"]}', "each prison once"),
        ('{"prisonIds": ["lei"]}', "prisonIds.0"),
        ('{"prisonIds": ["LEI; DROP"]}', "prisonIds.0"),
    ],
)
def test_a_prison_is_named_once_and_rightly(body: str, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        MigrationFilter.model_validate_json(body)


async def test_a_paused_run_rests_wherever_it_is_and_goes_on_from_there(office: Office) -> None:
    two_wings(office)
    started = await office.control.start(MigrationFilter(), "BOSS")
    await office.control.pause(started.migration_id, "BOSS")
    for _ in range(3):
        await office.round()
    assert (await office.runs.run(started.migration_id)).records_listed == 0
    await office.control.resume(started.migration_id, "BOSS")
    await office.deliver(office.queue.pop())
    await office.deliver(office.queue.pop())
    await office.control.pause(started.migration_id, "BOSS")
    await office.control.pause(started.migration_id, "BOSS")
    for _ in range(3):
        await office.round()
    run = await office.runs.run(started.migration_id)
    assert (run.status, run.paused, run.records_migrated, run.records_pending) == (Status.STARTED, True, 2, 12)
    await office.stages.sweep()
    assert not office.queue
    await office.control.resume(started.migration_id, "BOSS")
    await office.work()
    run = await office.runs.run(started.migration_id)
    assert (run.status, run.paused, run.records_migrated) == (Status.COMPLETED, False, 14)
    with pytest.raises(MigrationOver, match="COMPLETED"):
        await office.control.pause(started.migration_id, "BOSS")
    with pytest.raises(MigrationNotFound, match="nope"):
        await office.control.resume("nope", "BOSS")


async def test_a_page_in_work_when_the_run_is_paused_is_finished_and_counted(office: Office) -> None:
    office.add("A", location_type="WING")
    started = await office.control.start(MigrationFilter(), "BOSS")
    await office.deliver(office.queue.pop())
    page = office.queue.pop()
    lease = await office.pages.lease(started.migration_id, page.page, office.time, office.patience)
    assert lease is not None
    await office.control.pause(started.migration_id, "BOSS")
    verdicts = await office.stages._migrate(started.migration_id, lease.prisons, lease.items)
    await office.pages.mark(started.migration_id, page.page, verdicts, office.time)
    run = await office.runs.run(started.migration_id)
    assert (run.status, run.records_migrated) == (Status.STARTED, 1)
    await office.control.resume(started.migration_id, "BOSS")
    assert (await office.runs.run(started.migration_id)).status is Status.COMPLETED


async def test_a_paused_run_can_be_cancelled(office: Office) -> None:
    two_wings(office)
    started = await office.control.start(MigrationFilter(), "BOSS")
    await office.work_once()
    await office.control.pause(started.migration_id, "BOSS")
    await office.control.cancel(started.migration_id, "BOSS")
    run = await office.runs.run(started.migration_id)
    assert (run.status, run.records_skipped, run.records_pending) == (Status.CANCELLED, 14, 0)


async def test_two_runs_in_one_second_have_names_of_their_own(office: Office) -> None:
    office.add("A", location_type="WING")
    first = await office.control.start(MigrationFilter(), "BOSS")
    await office.work()
    second = await office.control.start(MigrationFilter(), "BOSS")
    assert (first.migration_id, second.migration_id) == ("2026-07-01T09:05:30", "2026-07-01T09:05:31")


async def test_rehearsals_are_no_migrations_to_tools_that_know_none(office: Office) -> None:
    office.add("A", location_type="WING")
    started = await office.control.start(MigrationFilter(), "BOSS", Kind.REHEARSAL)
    assert started.type is Kind.REHEARSAL
    assert await office.runs.latest() is None
    assert await office.runs.runs(None, None, only_failures=False, kinds=["LOCATIONS"]) == []
    [run] = await office.runs.runs(None, None, only_failures=False)
    assert run.migration_type == "LOCATIONS_REHEARSAL"
