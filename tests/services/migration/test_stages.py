"""A run over a real database: exact accounts, waves for parents; a death at any call repeats and changes nothing."""

import asyncio
import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest

from libs.domain.identity import dps_id_for
from libs.domain.mapping import LocationMapping, MappingType
from libs.domain.nomis import Amendment, ListedPage, NomisLocation, NomisLocationId
from libs.messaging.outcome import Ignored
from services.migration.errors import MigrationActive, MigrationNotFound
from services.migration.records import MigrationFilter, Status
from services.migration.rules.page import history_of
from services.migration.stages.work import LIST, PAGE, Call
from tests.libs.domain.rows import dps_cell, nomis_cell
from tests.services.migration.office import SMALL, Died, Office, two_wings


async def test_every_location_is_copied_linked_and_counted(office: Office) -> None:
    two_wings(office)
    started = await office.control.start(MigrationFilter(), "BOSS")
    await office.work()
    run = await office.runs.run(started.migration_id)
    assert (run.status, run.records_listed, run.records_migrated) == (Status.COMPLETED, 14, 14)
    assert (run.records_skipped, run.records_failed, run.records_pending) == (0, 0, 0)
    assert run.when_ended is not None
    assert started.migration_id == "2026-07-01T09:05:30"
    assert {m.label for m in office.mappings.by_dps.values()} == {started.migration_id}
    assert {m.mapping_type for m in office.mappings.by_dps.values()} == {MappingType.MIGRATED}
    assert all(dps == dps_id_for(m.nomis_location_id) for dps, m in office.mappings.by_dps.items())
    assert office.locations.events == []


async def test_parents_with_higher_ids_than_their_children_come_first_all_the_same(office: Office) -> None:
    child = office.add("001")
    wing = office.add("A", location_type="WING")
    office.nomis.rows[child] = office.nomis.rows[child].model_copy(update={"parent_location_id": wing})
    started = await office.control.start(MigrationFilter(), "BOSS")
    await office.work()
    assert (await office.runs.run(started.migration_id)).records_migrated == 2
    assert office.locations.locations[dps_id_for(child)].parent_id == dps_id_for(wing)


async def test_what_is_not_migrated_is_counted_with_its_reason(office: Office) -> None:
    known = office.add("K")
    dps_known = office.locations.staff_create(dps_cell(code="K", parent_id=None))
    await office.mappings.save(
        LocationMapping(dps_location_id=dps_known.id, nomis_location_id=known, mapping_type=MappingType.NOMIS_CREATED)
    )
    office.add("G", prison_id="ZZGHI")
    odd = office.add("O", location_type="CASTLE")
    office.add("001", odd)
    office.add("D")
    twin = office.add("D2")
    office.nomis.rows[twin] = office.nomis.rows[twin].model_copy(update={"location_code": "D"})
    started = await office.control.start(MigrationFilter(), "BOSS")
    await office.work()
    run = await office.runs.run(started.migration_id)
    assert run.records_listed == run.records_migrated + run.records_skipped + run.records_failed == 6
    reasons = {f.reason: (f.state.value, f.count) for f in await office.failures.grouped(run.migration_id, 5)}
    assert reasons == {
        "mapped already": ("skipped", 1),
        "ignored agency ZZGHI": ("skipped", 1),
        "location type 'CASTLE' has no counterpart in DPS": ("failed", 1),
        "parent not in DPS": ("failed", 1),
        "duplicate path": ("failed", 1),
    }


async def test_an_unlinked_dps_location_under_the_same_key_is_adopted(office: Office) -> None:
    own = office.locations.staff_create(dps_cell(code="K", parent_id=None, comments="ours"))
    nomis_id = office.add("K")
    started = await office.control.start(MigrationFilter(), "BOSS")
    await office.work()
    run = await office.runs.run(started.migration_id)
    assert (run.records_migrated, run.records_skipped) == (0, 1)
    assert office.mappings.by_nomis[nomis_id].dps_location_id == own.id
    assert office.locations.locations[own.id].comments == "ours"


async def test_a_run_of_chosen_prisons_leaves_the_others(office: Office) -> None:
    office.add("A")
    office.add("B", prison_id="LEI")
    started = await office.control.start(MigrationFilter(prison_ids=("LEI",)), "BOSS")
    await office.work()
    assert {own.prison_id for own in office.locations.locations.values()} == {"LEI"}
    run = await office.runs.run(started.migration_id)
    assert (run.records_listed, run.records_migrated, run.records_skipped) == (2, 1, 1)


class Restless:
    """A NOMIS in which, as soon as the first page of ids was given, one row goes and another comes."""

    def __init__(self, office: Office, doomed: NomisLocationId) -> None:
        self._nomis = office.nomis
        self._doomed = doomed
        self._office = office

    def __getattr__(self, name: str) -> Any:
        return getattr(self._nomis, name)

    async def next_page(self, page: int, after: NomisLocationId | None, size: int) -> ListedPage:
        answer = await self._nomis.next_page(page, after, size)
        if self._nomis.rows.pop(self._doomed, None):
            self._office.add("NEW", location_type="BOX")
        return answer


@pytest.mark.parametrize("bulk_reads", [True, False])
async def test_a_row_that_goes_while_another_comes_moves_none_out_of_the_list(
    office: Office, *, bulk_reads: bool
) -> None:
    office.nomis.bulk_reads = bulk_reads
    first = office.add("Z", location_type="BOX")
    two_wings(office)
    office.stages._nomis = Restless(office, first)
    started = await office.control.start(MigrationFilter(), "BOSS")
    await office.finish(started.migration_id)
    run = await office.runs.run(started.migration_id)
    assert (run.records_listed, run.records_migrated, run.records_skipped) == (16, 15, 1)


async def test_a_list_that_never_rests_is_read_so_often_and_no_more(office: Office) -> None:
    two_wings(office)
    passes: list[NomisLocationId] = []

    class Growing(Restless):
        async def next_page(self, page: int, after: NomisLocationId | None, size: int) -> ListedPage:
            answer = await self._nomis.next_page(page, after, size)
            if page == 0:
                passes.append(self._office.add(f"N{len(passes)}", location_type="BOX"))
            return answer

    office.stages._nomis = Growing(office, NomisLocationId(0))
    started = await office.control.start(MigrationFilter(), "BOSS")
    await office.finish(started.migration_id)
    assert len(passes) == 1 + SMALL.listed_again_max
    assert (await office.runs.run(started.migration_id)).records_migrated == 14 + len(passes)


async def test_a_second_run_at_once_is_refused_and_names_the_first(office: Office) -> None:
    started = await office.control.start(MigrationFilter(), "BOSS")
    office.time += timedelta(seconds=5)
    with pytest.raises(MigrationActive, match=started.migration_id):
        await office.control.start(MigrationFilter(), "BOSS")
    await office.work()
    office.time += timedelta(seconds=5)
    await office.control.start(MigrationFilter(), "BOSS")


async def test_a_cancelled_run_stops_and_still_adds_up(office: Office) -> None:
    two_wings(office)
    started = await office.control.start(MigrationFilter(), "BOSS")
    await office.deliver(office.queue.pop())
    await office.deliver(office.queue.pop())
    await office.control.cancel(started.migration_id, "BOSS")
    await office.work()
    run = await office.runs.run(started.migration_id)
    assert run.status is Status.CANCELLED
    assert (run.records_migrated, run.records_skipped, run.records_pending) == (2, 12, 0)
    await office.control.cancel(started.migration_id, "BOSS")
    assert (await office.runs.run(started.migration_id)).status is Status.CANCELLED
    with pytest.raises(MigrationNotFound, match="nope"):
        await office.control.cancel("nope", "BOSS")


async def test_a_new_run_takes_up_where_a_cancelled_one_stopped(office: Office) -> None:
    two_wings(office)
    first = await office.control.start(MigrationFilter(), "BOSS")
    await office.deliver(office.queue.pop())
    await office.deliver(office.queue.pop())
    await office.control.cancel(first.migration_id, "BOSS")
    office.queue.clear()
    office.time += timedelta(seconds=1)
    second = await office.control.start(MigrationFilter(), "BOSS")
    await office.work()
    run = await office.runs.run(second.migration_id)
    assert (run.records_migrated, run.records_skipped) == (12, 2)
    assert len(office.locations.locations) == 14


async def test_lost_and_repeated_messages_change_nothing(office: Office) -> None:
    two_wings(office)
    started = await office.control.start(MigrationFilter(), "BOSS")
    office.queue.clear()
    await office.finish(started.migration_id)
    for page in range(4):
        await office.deliver(Call(type=PAGE, migration_id=started.migration_id, page=page))
    await office.deliver(Call(type=LIST, migration_id=started.migration_id))
    run = await office.runs.run(started.migration_id)
    assert (run.status, run.records_migrated) == (Status.COMPLETED, 14)


@pytest.mark.parametrize("dies_in", range(1, 50))
async def test_a_death_at_any_call_repeats_a_page_and_changes_nothing(office: Office, dies_in: int) -> None:
    two_wings(office)
    started = await office.control.start(MigrationFilter(), "BOSS")
    office.dies_in[0] = dies_in
    try:
        await office.work()
    except Died:
        office.queue.clear()
    office.dies_in[0] = 0
    if await office.runs.active_id() is not None:
        await office.finish(started.migration_id)
    run = await office.runs.run(started.migration_id)
    assert (run.status, run.records_listed, run.records_migrated) == (Status.COMPLETED, 14, 14)
    assert len(office.locations.locations) == len(office.mappings.by_nomis) == 14


def test_history_drops_what_is_no_change_what_repeats_and_what_has_no_word() -> None:
    at = datetime(2019, 3, 4, 5, 6, 7)  # noqa: DTZ001 - NOMIS keeps London time without zone
    made = Amendment(amend_date_time=at, column_name="Certified", old_value="N", new_value="Y", amended_by="A")
    row: NomisLocation = nomis_cell(
        amendments=(
            made,
            made,
            made.model_copy(update={"column_name": "Paint Colour"}),
            made.model_copy(update={"old_value": "Y"}),
            made.model_copy(update={"old_value": "", "new_value": None}),
            made.model_copy(update={"column_name": None, "old_value": None, "new_value": "Listener Cell"}),
        ),
    )
    assert [(h["attribute"], h["newValue"]) for h in history_of(row.amendments)] == [
        ("CERTIFIED", "Y"),
        ("ATTRIBUTES", "Listener Cell"),
    ]


def test_an_empty_string_is_no_date_and_a_wrong_one_is_refused_by_name() -> None:
    wish = MigrationFilter.model_validate_json('{"fromDate": "", "toDate": "2024-01-31"}')
    assert (wish.from_date, str(wish.to_date)) == (None, "2024-01-31")
    assert json.loads(wish.model_dump_json(by_alias=True, exclude_defaults=True)) == {"toDate": "2024-01-31"}
    with pytest.raises(ValueError, match="fromDate"):
        MigrationFilter.model_validate_json('{"fromDate": "yesterday"}')


class Gated:
    """A NOMIS that answers only once it may, and tells that it was asked."""

    def __init__(self, nomis: Any) -> None:
        self._nomis = nomis
        self.asked, self.go_on, self.lists = asyncio.Event(), asyncio.Event(), 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._nomis, name)

    async def next_page(self, *given: Any) -> Any:
        self.lists += 1
        self.asked.set()
        await self.go_on.wait()
        return await self._nomis.next_page(*given)

    async def details(self, ids: Sequence[NomisLocationId]) -> Any:
        self.asked.set()
        await self.go_on.wait()
        return await self._nomis.details(ids)


async def test_of_two_wake_ups_to_list_one_lists_and_no_page_is_read_twice(office: Office) -> None:
    two_wings(office)
    gated = Gated(office.nomis)
    office.stages._nomis = gated
    await office.control.start(MigrationFilter(), "BOSS")
    [call] = office.queue
    first = asyncio.create_task(office.deliver(call))
    await gated.asked.wait()
    assert await office.deliver(call) == Ignored("its locations are being listed", {"migrationId": call.migration_id})
    gated.go_on.set()
    await first
    # Two pages of seven and an empty one, and once more for what may have come meanwhile.
    assert gated.lists == 6
    await office.deliver(call)
    assert gated.lists == 6


async def test_a_lister_that_died_is_followed_by_another_once_its_claim_is_over(office: Office) -> None:
    two_wings(office)
    started = await office.control.start(MigrationFilter(), "BOSS")
    claimed_until = office.time + timedelta(seconds=SMALL.listing_lease_seconds)
    assert await office.pages.claim_listing(started.migration_id, office.time, claimed_until)
    await office.work()
    assert (await office.pages.listing(started.migration_id)).goes_on
    office.time = claimed_until
    await office.stages.sweep()
    await office.work()
    assert not (await office.pages.listing(started.migration_id)).goes_on


async def test_a_page_that_takes_longer_than_its_lease_stays_with_whoever_works_on_it(office: Office) -> None:
    office.add("A", location_type="WING")
    started = await office.control.start(MigrationFilter(), "BOSS")
    await office.work_once()
    quick = SMALL.model_copy(update={"lease_seconds": 0.03})
    gated = Gated(office.nomis)
    office.stages._nomis, office.stages._limits = gated, quick
    [call] = office.queue
    working = asyncio.create_task(office.deliver(call))
    await gated.asked.wait()
    for _ in range(3):
        office.time += timedelta(seconds=1)
        # Renewed by what the clock says now.
        async with asyncio.timeout(60):
            while await office.pages.waiting_pages(started.migration_id, office.time, 10):  # noqa: ASYNC110 - a table
                await asyncio.sleep(0)
        assert await office.pages.lease(started.migration_id, 0, office.time, timedelta(seconds=1)) is None
    gated.go_on.set()
    await working
    assert (await office.runs.run(started.migration_id)).records_migrated == 1
