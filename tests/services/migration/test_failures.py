"""What fails is a row; it can be tried again; and no location, however poisonous, holds up the others."""

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from libs.domain.bulk import NomisDetail
from libs.domain.identity import dps_id_for
from libs.domain.nomis import NomisLocationId
from libs.domain.sync import MigrateOutcome
from libs.messaging.message import Message
from libs.messaging.outcome import Ignored, RetryLater
from libs.web.outgoing import RemoteRefused, RemoteUnavailable
from services.migration.app import handlers
from services.migration.errors import MigrationActive, MigrationOver
from services.migration.records import ItemQuery, ItemState, MigrationFilter, MigrationRun, RetryWish, Status
from services.migration.stages.work import LIST
from tests.services.migration.office import SMALL, Office, two_wings

EVERYTHING = MigrationFilter()


async def ended(office: Office) -> MigrationRun:
    started = await office.control.start(EVERYTHING, "BOSS")
    await office.finish(started.migration_id)
    return await office.runs.run(started.migration_id)


async def test_a_failure_is_a_row_with_reason_attempts_and_times(office: Office) -> None:
    odd = office.add("O", location_type="CASTLE")
    below = office.add("001", odd)
    run = await ended(office)
    rows = await office.failures.items(run.migration_id, ItemQuery(state=ItemState.FAILED))
    assert [(r.nomis_location_id, r.key, r.prison_id, r.reason) for r in rows] == [
        (odd, "NWI-O", "NWI", "location type 'CASTLE' has no counterpart in DPS"),
        (below, "NWI-O-001", "NWI", "parent not in DPS"),
    ]
    castle, cell = rows
    assert castle.first_tried_at is not None
    assert (castle.attempts, castle.first_tried_at) == (1, castle.last_tried_at)
    assert cell.attempts == 1
    after = await office.failures.items(run.migration_id, ItemQuery(state=ItemState.FAILED, after=odd, size=1))
    assert [row.nomis_location_id for row in after] == [below]
    by_reason = await office.failures.items(run.migration_id, ItemQuery(reason="parent not in DPS", prison_id="NWI"))
    assert [row.nomis_location_id for row in by_reason] == [below]


async def test_one_is_tried_again_and_takes_along_what_failed_for_want_of_it(office: Office) -> None:
    odd = office.add("O", location_type="CASTLE")
    below = office.add("001", odd)
    other = office.add("P", location_type="MOAT")
    run = await ended(office)
    office.nomis.screen_edit(odd, location_type="WING")
    office.nomis.screen_edit(other, location_type="WING")
    assert await office.control.retry(run.migration_id, RetryWish(nomis_location_ids=(odd,)), "BOSS") == 2
    await office.finish(run.migration_id)
    again = await office.runs.run(run.migration_id)
    assert (again.status, again.records_migrated, again.records_failed) == (Status.COMPLETED, 2, 1)
    assert office.locations.locations[dps_id_for(below)].parent_id == dps_id_for(odd)
    [row] = await office.failures.items(run.migration_id, ItemQuery(state=ItemState.FAILED))
    assert (row.nomis_location_id, row.attempts) == (other, 1)


async def test_all_of_one_reason_and_all_are_tried_again(office: Office) -> None:
    odd = [office.add(code, location_type=kind) for code, kind in (("O", "CASTLE"), ("P", "CASTLE"), ("Q", "MOAT"))]
    run = await ended(office)
    reason = "location type 'CASTLE' has no counterpart in DPS"
    assert await office.control.retry(run.migration_id, RetryWish(reason=reason), "BOSS") == 2
    await office.finish(run.migration_id)
    for location in odd:
        office.nomis.screen_edit(location, location_type="WING")
    assert await office.control.retry(run.migration_id, RetryWish(all=True), "BOSS") == 3
    await office.finish(run.migration_id)
    again = await office.runs.run(run.migration_id)
    assert (again.records_migrated, again.records_failed) == (3, 0)
    rows = await office.failures.items(run.migration_id, ItemQuery())
    assert [(row.attempts, row.reason) for row in rows] == [(3, None), (3, None), (2, None)]
    assert await office.control.retry(run.migration_id, RetryWish(all=True), "BOSS") == 0
    assert (await office.runs.run(run.migration_id)).status is Status.COMPLETED


async def test_nothing_is_tried_again_in_a_cancelled_run_or_beside_another(office: Office) -> None:
    odd = office.add("O", location_type="CASTLE")
    run = await ended(office)
    second = await office.control.start(EVERYTHING, "BOSS")
    with pytest.raises(MigrationActive, match=second.migration_id):
        await office.control.retry(run.migration_id, RetryWish(nomis_location_ids=(odd,)), "BOSS")
    await office.control.cancel(second.migration_id, "BOSS")
    with pytest.raises(MigrationOver, match="CANCELLED"):
        await office.control.retry(second.migration_id, RetryWish(all=True), "BOSS")


@pytest.mark.parametrize("wish", ["{}", '{"all": true, "reason": "x"}', '{"nomisLocationIds": [1], "all": true}'])
def test_a_retry_says_one_thing(wish: str) -> None:
    with pytest.raises(ValueError, match="exactly one of nomisLocationIds, reason and all"):
        RetryWish.model_validate_json(wish)


class Poison:
    """A NOMIS in which some rows cannot be read, the way `failure` says."""

    def __init__(self, nomis: Any, bad: set[NomisLocationId], failure: Exception) -> None:
        self._nomis = nomis
        self.bad = bad
        self._failure = failure
        self.calls = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._nomis, name)

    async def details(self, ids: Sequence[NomisLocationId]) -> list[NomisDetail]:
        self.calls += 1
        if self.bad & set(ids):
            raise self._failure
        found: list[NomisDetail] = await self._nomis.details(ids)
        return found


UNREADABLE = ValueError("no such row")
REFUSED = RemoteRefused(400, {}, "POST", "/locations/details")
BROKEN = RemoteRefused(500, {}, "POST", "/locations/details")
AWAY = RemoteUnavailable("POST", "/locations/details", "failed: TimeoutError")


@pytest.mark.parametrize("failure", [UNREADABLE, REFUSED, BROKEN, AWAY], ids=["unreadable", "400", "500", "no answer"])
async def test_a_poison_location_fails_alone(office: Office, failure: Exception) -> None:
    two_wings(office)
    poison = sorted(office.nomis.rows)[3]
    office.stages._nomis = Poison(office.nomis, {poison}, failure)
    run = await ended_despite(office)
    assert (run.status, run.records_migrated, run.records_failed) == (Status.COMPLETED, 13, 1)
    [row] = await office.failures.items(run.migration_id, ItemQuery(state=ItemState.FAILED))
    assert row.nomis_location_id == poison
    assert row.reason in {"unreadable answer: ValueError", str(failure)}


async def ended_despite(office: Office) -> MigrationRun:
    """Run to the end, handing over again what was given back, as the queue does."""
    started = await office.control.start(EVERYTHING, "BOSS")
    await office.finish(started.migration_id)
    return await office.runs.run(started.migration_id)


BUSY = RemoteRefused(409, {"errorCode": 151}, "POST", "/migrate/locations/batch")


class Busy:
    """A DPS in which somebody writes to the wing of these rows for so many calls; the rest goes well."""

    def __init__(self, locations: Any, busy: set[int], calls: int) -> None:
        self._locations, self._busy, self.calls = locations, busy, calls

    def __getattr__(self, name: str) -> Any:
        return getattr(self._locations, name)

    async def migrate(self, locations: Sequence[Mapping[str, Any]]) -> list[MigrateOutcome]:
        if self.calls and self._busy & {location["nomisLocationId"] for location in locations}:
            self.calls -= 1
            raise BUSY
        found: list[MigrateOutcome] = await self._locations.migrate(locations)
        return found


async def test_a_wing_that_is_busy_however_long_fails_no_location(office: Office) -> None:
    two_wings(office)
    busy = sorted(office.nomis.rows)[3]
    # Longer than the patience with a service that is away.
    office.stages._locations = Busy(office.locations, {busy}, 2 * SMALL.isolation.attempts_max)
    run = await ended_despite(office)
    assert (run.status, run.records_migrated, run.records_failed) == (Status.COMPLETED, 14, 0)


async def test_a_service_that_is_away_costs_no_location_anything(office: Office) -> None:
    two_wings(office)
    everything = set(office.nomis.rows)
    office.stages._nomis = Poison(office.nomis, everything, AWAY)
    started = await office.control.start(EVERYTHING, "BOSS")
    for _ in range(6):
        await office.round()
    run = await office.runs.run(started.migration_id)
    assert (run.status, run.records_pending, run.records_failed) == (Status.STARTED, 14, 0)
    office.stages._nomis = office.nomis
    await office.finish(started.migration_id)
    assert (await office.runs.run(started.migration_id)).records_migrated == 14


async def test_a_service_that_never_reads_one_location_does_not_keep_the_run_open_for_ever(office: Office) -> None:
    only = office.add("A", location_type="WING")
    office.stages._nomis = Poison(office.nomis, {only}, BROKEN)
    run = await ended_despite(office)
    assert (run.status, run.records_failed) == (Status.COMPLETED, 1)


async def test_a_service_that_comes_back_in_the_middle_of_the_search_costs_nothing(office: Office) -> None:
    for number in range(4):
        office.add(f"A{number}")

    class Waking(Poison):
        async def details(self, ids: Sequence[NomisLocationId]) -> list[NomisDetail]:
            if self.calls == 6:
                self.bad = set()
            return await super().details(ids)

    office.stages._nomis = Waking(office.nomis, set(office.nomis.rows), AWAY)
    run = await ended_despite(office)
    assert (run.records_migrated, run.records_failed) == (4, 0)


class Outage:
    """A port of a service that is down from one call on until a test brings it back; it counts what it was asked."""

    def __init__(self, port: Any, served: int) -> None:
        self._port = port
        self.served = served

    def __getattr__(self, name: str) -> Any:
        async def call(*given: Any) -> Any:
            if self.served == 0:
                raise AWAY
            self.served -= 1
            return await getattr(self._port, name)(*given)

        return call


@pytest.mark.parametrize("port", ["_nomis", "_mappings", "_locations"])
async def test_an_outage_however_long_costs_the_last_location_nothing(office: Office, port: str) -> None:
    office.add("A", location_type="WING")
    started = await office.control.start(EVERYTHING, "BOSS")
    await office.work_once()
    there = getattr(office.stages, port)
    setattr(office.stages, port, Outage(there, 0))
    for _ in range(3 * SMALL.isolation.attempts_max):
        await office.round()
    run = await office.runs.run(started.migration_id)
    assert (run.status, run.records_pending, run.records_failed) == (Status.STARTED, 1, 0)
    setattr(office.stages, port, there)
    await office.finish(started.migration_id)
    assert (await office.runs.run(started.migration_id)).records_migrated == 1


@pytest.mark.parametrize("served", range(1, 12))
async def test_an_outage_that_begins_in_the_middle_of_the_search_costs_nothing(office: Office, served: int) -> None:
    for number in range(4):
        office.add(f"A{number}")
    started = await office.control.start(EVERYTHING, "BOSS")
    await office.work_once()
    there = office.stages._locations
    broken = Poison(office.nomis, {min(office.nomis.rows)}, BROKEN)
    office.stages._nomis = broken
    for _ in range(SMALL.isolation.attempts_whole):
        office.stages._locations = Outage(there, served)
        await office.round()
    office.stages._nomis, office.stages._locations = office.nomis, there
    await office.finish(started.migration_id)
    run = await office.runs.run(started.migration_id)
    assert run.records_migrated + run.records_failed == 4
    failed = await office.failures.items(started.migration_id, ItemQuery(state=ItemState.FAILED))
    assert {row.nomis_location_id for row in failed} <= broken.bad
    assert {row.reason for row in failed} <= {str(BROKEN)}


class Choking:
    """A locations API that answers 500 to whatever has a certain location in it."""

    def __init__(self, locations: Any, bad: NomisLocationId) -> None:
        self._locations = locations
        self._bad = bad

    def __getattr__(self, name: str) -> Any:
        return getattr(self._locations, name)

    async def migrate(self, locations: Sequence[Mapping[str, Any]]) -> list[MigrateOutcome]:
        if any(location["nomisLocationId"] == self._bad for location in locations):
            raise BROKEN
        outcomes: list[MigrateOutcome] = await self._locations.migrate(locations)
        return outcomes


async def test_a_location_that_dps_chokes_on_fails_alone_and_under_its_key(office: Office) -> None:
    two_wings(office)
    poison = max(office.nomis.rows)
    office.stages._locations = Choking(office.locations, poison)
    run = await ended_despite(office)
    assert (run.records_migrated, run.records_failed) == (13, 1)
    [row] = await office.failures.items(run.migration_id, ItemQuery(state=ItemState.FAILED))
    assert (row.nomis_location_id, row.reason) == (poison, str(BROKEN))
    assert (row.key, row.prison_id) == (office.nomis.rows[poison].description, "NWI")


async def test_a_wake_up_that_finds_a_service_away_is_left_to_the_sweeper_and_no_dead_letter(office: Office) -> None:
    office.add("A", location_type="WING")
    started = await office.control.start(EVERYTHING, "BOSS")
    office.stages._nomis = Outage(office.nomis, 0)
    body = office.queue.pop().model_dump_json(by_alias=True)
    wake_up = handlers(office.stages)[LIST]
    for attempt in (1, 2):
        with pytest.raises(RetryLater, match="TimeoutError"):
            await wake_up(Message("m", LIST, body, {}, attempt, office.time, "migration-locations"))
    left = await wake_up(Message("m", LIST, body, {}, 3, office.time, "migration-locations"))
    assert isinstance(left, Ignored)
    assert left.reason == "wake-up-left"
    office.stages._nomis = office.nomis
    await office.finish(started.migration_id)
    assert (await office.runs.run(started.migration_id)).records_migrated == 1
