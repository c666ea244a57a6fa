"""The settle check over the real walk: what stays different is settled, what cannot be is parked, and nobody twice."""

import asyncio
from collections.abc import Collection, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import orjson
import pytest

from libs.domain.codes import ConvertedCellType
from libs.domain.events import (
    LocationEventType,
    OffenderEvent,
    OffenderEventType,
    SettleRequest,
    Source,
    location_event,
)
from libs.domain.identity import dps_id_for
from libs.domain.nomis import Profile
from libs.domain.reading import Unreadable
from libs.domain.sync import Side
from libs.messaging.message import Message
from libs.messaging.outcome import Done, Ignored, RetryLater
from libs.settling.settler import Settler
from services.reconciliation.errors import RunNotOver
from services.reconciliation.reconcile.looking import Look
from services.reconciliation.reconcile.noting import Noting, given_up_by
from services.reconciliation.reconcile.repair import Repair
from services.reconciliation.reconcile.settle_check import SettleCheck
from services.reconciliation.records import DueLocation, Finding, Noted, Parked, Verdict
from services.reconciliation.rules.settling import UNCONFIRMED, Ask, Decided, Park, Rounds, Settled, Wait, next_step
from services.reconciliation.settings import SettleLimits
from services.reconciliation.store.due import DueStore
from tests.auditing import AUDITOR
from tests.fakes.fake_bulk import BulkLocations, BulkMappings, BulkNomis
from tests.libs.domain.rows import dps_cell
from tests.services.reconciliation.conftest import Bench

LIMITS = SettleLimits(settle_seconds=10, longest_seconds=60, batch=5, linger_seconds=0.001)


class Desk:
    """A settle check, and workers who walk when they are asked, or who only listen."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self.due = DueStore(bench.database, AUDITOR)
        self.settler = Settler(bench.locations, bench.nomis, bench.mappings)
        self.asked: list[SettleRequest] = []
        self.walks = True
        self.waiting_for_workers = 0
        look = Look(BulkNomis(bench.nomis), BulkMappings(bench.mappings), BulkLocations(bench.locations))
        self.check = SettleCheck(self.due, look, self, lambda: bench.time, LIMITS)
        self.noting = Noting(self.note, LIMITS.linger_seconds)
        self.repair = Repair(self.due, bench.runs, lambda: bench.time, lambda: None)

    async def backlog(self) -> int:
        return self.waiting_for_workers

    async def ask(self, requests: Sequence[SettleRequest]) -> None:
        self.asked += requests
        for request in requests if self.walks else ():
            with suppress(RetryLater):
                if request.dps_location_id is not None:
                    await self.settler.settle_dps(request.dps_location_id)
                else:
                    assert request.nomis_location_id is not None
                    await self.settler.settle_nomis(request.nomis_location_id)

    async def note(self, told: Any, given_up: Collection[str] = ()) -> None:
        settle, longest = timedelta(seconds=LIMITS.settle_seconds), timedelta(seconds=LIMITS.longest_seconds)
        await self.due.note(told, self.bench.time, settle, longest, given_up)

    async def tell_dps(self, dps_id: UUID, prison: str = "NWI") -> None:
        await self.note([DueLocation(Side.DPS, str(dps_id), prison)])

    async def tell_nomis(self, nomis_id: int, prison: str = "NWI") -> None:
        await self.note([DueLocation(Side.NOMIS, str(nomis_id), prison)])

    async def later(self, seconds: float = LIMITS.settle_seconds) -> None:
        """Let time go by and do what is due then."""
        self.bench.time += timedelta(seconds=seconds)
        while await self.check.work():
            pass

    async def rest(self) -> None:
        """Go on until nothing is due any more."""
        for _ in range(30):
            await self.later(600)
            if (await self.due.waiting())[0] == 0:
                return
        raise AssertionError("never rests")

    async def parked(self) -> list[Parked]:
        return await self.due.parked("", 100)

    async def equal(self) -> bool:
        return (await self.bench.report())[1] == []


@pytest.fixture
def desk(bench: Bench) -> Desk:
    return Desk(bench)


async def test_whoever_changes_many_takes_them_in_one_order(bench: Bench) -> None:
    """Or two that meet on the same locations, one from each end, wait for each other until one is broken off."""
    due = Desk(bench).due
    first, second = (DueLocation(Side.DPS, str(UUID(int=number)), "NWI") for number in (1, 2))
    await due.note([first, second], bench.time, timedelta(), timedelta())
    async with due.taken(bench.time, 2) as waiting:
        backwards = sorted(waiting, key=lambda each: each.where.id, reverse=True)
    decided = [Decided(each, Park(each.noted, "stays so"), "A", "NWI") for each in backwards]
    lock = "SELECT FROM due WHERE id = $1 FOR UPDATE NOWAIT"
    async with bench.database.transaction() as other:
        await other.execute(lock, first.id)
        deciding = asyncio.create_task(due.decide(decided, [], bench.time))
        while not await bench.database.fetchval("SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted)"):  # noqa: ASYNC110 - it does not call
            await asyncio.sleep(0.01)
        await other.execute(lock, second.id)
    await deciding


async def test_a_difference_that_stays_is_settled_once_the_location_has_rested(desk: Desk) -> None:
    cell = await desk.bench.add("1")
    desk.bench.nomis.screen_edit(cell, comment="Lost event")
    await desk.tell_nomis(cell)
    await desk.later(9)
    assert desk.asked == []
    await desk.later(1)
    assert [each.dps_location_id for each in desk.asked] == [dps_id_for(cell)]
    await desk.rest()
    assert len(desk.asked) == 1
    assert await desk.equal()
    assert await desk.due.waiting() == (0, 0)


async def test_what_is_equal_by_then_is_forgotten_without_asking(desk: Desk) -> None:
    cell = await desk.bench.add("1")
    await desk.tell_nomis(cell)
    await desk.tell_dps(dps_id_for(cell))
    await desk.later()
    assert (desk.asked, await desk.due.waiting()) == ([], (0, 0))


async def test_two_tellings_of_one_location_are_one_asking(desk: Desk) -> None:
    cell = await desk.bench.add("1")
    desk.bench.nomis.screen_edit(cell, comment="Edited")
    desk.walks = False
    await desk.tell_nomis(cell)
    await desk.tell_dps(dps_id_for(cell))
    await desk.later()
    assert (len(desk.asked), await desk.due.waiting()) == (1, (1, 0))


async def test_a_location_that_never_rests_is_looked_at_all_the_same(desk: Desk) -> None:
    cell = await desk.bench.add("1")
    desk.bench.nomis.screen_edit(cell, comment="Edited")
    for _ in range(7):
        await desk.tell_nomis(cell)
        await desk.later(9)
    assert len(desk.asked) == 1


async def test_after_three_rounds_on_the_same_states_a_location_is_parked(desk: Desk) -> None:
    cell = await desk.bench.add("1")
    desk.walks = False
    desk.bench.nomis.screen_edit(cell, comment="Edited")
    await desk.tell_nomis(cell)
    await desk.rest()
    assert len(desk.asked) == 3
    [parked] = await desk.parked()
    assert (parked.reason, parked.key, parked.prison_id) == ("cannot settle: DIFFERENT: comments", "NWI-1", "NWI")
    # Told of again with nothing changed: nobody is asked.
    await desk.tell_nomis(cell)
    await desk.rest()
    assert (len(desk.asked), await desk.due.waiting()) == (3, (0, 1))
    # A side changes: three more.
    desk.bench.nomis.screen_edit(cell, comment="Edited again")
    await desk.tell_nomis(cell)
    await desk.rest()
    assert (len(desk.asked), await desk.due.waiting()) == (6, (0, 1))


async def test_states_that_keep_moving_are_bounded_too(desk: Desk) -> None:
    cell = await desk.bench.add("1")
    desk.walks = False
    await desk.tell_nomis(cell)
    for n in range(40):
        desk.bench.nomis.screen_edit(cell, comment=f"Edit {n}")
        await desk.later(600)
    assert len(desk.asked) == LIMITS.asked_max
    assert "keeps changing" in (await desk.parked())[0].reason


async def test_a_row_inserted_in_a_one_way_prison_is_named_so_and_nobody_is_asked(desk: Desk) -> None:
    landing = await desk.bench.add("1", location_type="LAND")
    desk.bench.locations.one_way_prisons.add("NWI")
    alone = await desk.bench.add("2", landing, linked=False)
    room = await desk.bench.add(
        "VSIP_SOC", linked=False, description="NWI-VISITS-VSIP_SOC", location_type="VISIT", unit_type=None, profiles=()
    )
    await desk.tell_nomis(alone)
    await desk.tell_nomis(room)
    await desk.rest()
    assert [(each.location_id, each.reason) for each in await desk.parked()] == [
        (str(alone), "MISSING_IN_DPS: inserted in NOMIS while the prison is one way")
    ]
    assert [each.nomis_location_id for each in desk.asked] == [room]
    _, found = await desk.bench.report()
    assert [(each.nomis_location_id, each.reason) for each in found] == [
        (alone, "inserted in NOMIS while the prison is one way")
    ]


async def test_a_location_is_parked_under_one_of_its_ids(desk: Desk) -> None:
    cell = await desk.bench.add("1")
    desk.bench.nomis.screen_edit(cell, unit_type="XYZ")
    await desk.tell_nomis(cell)
    await desk.rest()
    await desk.tell_dps(dps_id_for(cell))
    await desk.rest()
    assert [(each.side, each.location_id) for each in await desk.parked()] == [(Side.DPS, str(dps_id_for(cell)))]


async def test_what_is_parked_under_one_id_goes_with_what_is_settled_under_the_other(desk: Desk) -> None:
    landing = await desk.bench.add("1", location_type="LAND")
    desk.bench.locations.one_way_prisons.add("NWI")
    alone = await desk.bench.add("2", landing, linked=False)
    await desk.tell_nomis(alone)
    await desk.rest()
    assert [each.location_id for each in await desk.parked()] == [str(alone)]
    desk.bench.locations.one_way_prisons.clear()
    await desk.settler.settle_nomis(alone)
    await desk.tell_dps(dps_id_for(alone))
    await desk.rest()
    assert await desk.parked() == []


async def test_what_was_sent_and_never_seen_to_have_landed_is_confirmed(desk: Desk) -> None:
    cell = await desk.bench.add("1")
    dps_id = dps_id_for(cell)
    desk.bench.locations.set_sync(dps_id, published={"comments": ["Sent"]})
    _, found = await desk.bench.report()
    assert found == []
    await desk.tell_nomis(cell)
    await desk.rest()
    assert [(each.dps_location_id, each.reason) for each in desk.asked] == [(dps_id, UNCONFIRMED)]
    assert desk.bench.locations.states[dps_id].published == {}


async def test_a_row_that_is_gone_says_nothing_of_a_location_that_was_made_of_it_and_has_another(desk: Desk) -> None:
    old = await desk.bench.add("1")
    new = await desk.bench.add("2", linked=False)
    desk.bench.nomis.screen_delete(old)
    desk.bench.nomis.screen_edit(new, location_code="1", description="NWI-1")
    await desk.bench.mappings.remove(dps_id_for(old))
    await desk.bench.link(dps_id_for(old), new)
    desk.bench.locations.set_sync(dps_id_for(old), nomis_location_id=new)
    await desk.tell_nomis(old)
    await desk.rest()
    assert (desk.asked, await desk.due.waiting()) == ([], (0, 0))


async def test_what_is_compared_only_is_parked_without_asking(desk: Desk) -> None:
    cell = await desk.bench.add("1")
    desk.bench.locations.staff_edit(dps_id_for(cell), converted_cell_type=ConvertedCellType.OFFICE, attributes=())
    await desk.settler.settle_dps(dps_id_for(cell))
    desk.bench.nomis.screen_edit(cell, profiles=(Profile(profile_type="HOU_UNIT_ATT", profile_code="DO"),))
    await desk.tell_nomis(cell)
    await desk.rest()
    assert desk.asked == []
    assert [each.reason for each in await desk.parked()] == ["DIFFERENT: attributes"]


async def test_who_waits_for_a_name_is_looked_at_again_once_a_row_gave_it_up(desk: Desk) -> None:
    waits, holder = await desk.bench.add("1"), await desk.bench.add("2", linked=False)
    desk.walks = False
    desk.bench.locations.staff_edit(dps_id_for(waits), code="2")
    await desk.tell_dps(dps_id_for(waits))
    await desk.rest()
    assert [each.key for each in await desk.parked()] == ["NWI-2"]
    told = {"internalLocationId": holder, "prisonId": "NWI", "oldDescription": "NWI-2"}
    await desk.noting.row_changed(message(OffenderEventType.LOCATION, told | {"description": "NWI-2"}))
    assert (await desk.due.waiting())[1] == 1
    desk.bench.nomis.screen_edit(holder, location_code="3", description="NWI-3")
    desk.walks = True
    await desk.noting.row_changed(message(OffenderEventType.LOCATION, told | {"description": "NWI-3"}))
    await desk.rest()
    assert await desk.due.waiting() == (0, 0)
    assert await desk.equal()


@pytest.mark.parametrize(
    ("told", "given_up"),
    [
        ({"description": "NWI-1", "oldDescription": "NWI-1"}, None),
        ({"description": "NWI-1"}, None),
        ({"description": "NWI-2", "oldDescription": "NWI-1"}, "NWI-1"),
        ({"description": "NWI-1", "oldDescription": "NWI-1", "recordDeleted": True}, "NWI-1"),
    ],
)
def test_a_row_gives_up_its_description_when_it_is_renamed_or_deleted(
    told: dict[str, Any], given_up: str | None
) -> None:
    assert given_up_by(OffenderEvent.model_validate({"internalLocationId": 1, **told})) == given_up


async def test_a_code_that_dps_has_no_word_for_is_parked_at_once(desk: Desk) -> None:
    cell = await desk.bench.add("1")
    desk.bench.nomis.screen_edit(cell, unit_type="XYZ")
    await desk.tell_nomis(cell)
    await desk.later()
    assert desk.asked == []
    assert "XYZ" in (await desk.parked())[0].reason


async def test_sync_comes_first_until_the_look_is_late(desk: Desk) -> None:
    cell = await desk.bench.add("1")
    desk.bench.nomis.screen_edit(cell, comment="Edited")
    await desk.tell_nomis(cell)
    desk.waiting_for_workers = 51
    await desk.later(20)
    assert desk.asked == []
    await desk.later(11)
    assert len(desk.asked) == 1


async def test_nothing_is_parked_before_the_workers_have_come_to_what_they_were_asked(desk: Desk) -> None:
    cell = await desk.bench.add("1")
    desk.walks = False
    desk.bench.nomis.screen_edit(cell, comment="Edited")
    await desk.tell_nomis(cell)
    await desk.later()
    desk.waiting_for_workers = 1
    for _ in range(30):
        await desk.later(60)
    assert (len(desk.asked), await desk.due.waiting()) == (1, (1, 0))
    desk.waiting_for_workers = 0
    await desk.rest()
    assert (len(desk.asked), await desk.due.waiting()) == (3, (0, 1))


async def test_a_change_told_during_a_look_is_looked_at_again(desk: Desk) -> None:
    cell = await desk.bench.add("1")
    await desk.tell_nomis(cell)
    desk.bench.time += timedelta(seconds=10)
    async with desk.due.taken(desk.bench.time, 5) as waiting:
        await desk.tell_nomis(cell)
        await desk.due.decide([Decided(waiting[0], Settled())], [], desk.bench.time)
    assert await desk.due.waiting() == (1, 0)


async def test_of_two_replicas_one_looks_at_a_location(desk: Desk) -> None:
    cell = await desk.bench.add("1")
    await desk.tell_nomis(cell)
    desk.bench.time += timedelta(seconds=10)
    async with desk.due.taken(desk.bench.time, 5) as mine, desk.due.taken(desk.bench.time, 5) as theirs:
        assert (len(mine), theirs) == (1, [])
    async with desk.due.taken(desk.bench.time, 5) as later:
        assert len(later) == 1


async def test_more_than_a_batch_is_due(desk: Desk) -> None:
    cells = [await desk.bench.add(f"{n:03}") for n in range(12)]
    for cell in cells:
        desk.bench.nomis.screen_edit(cell, comment="Edited")
        await desk.tell_nomis(cell)
    await desk.rest()
    assert (len(desk.asked), await desk.equal()) == (12, True)


@pytest.mark.parametrize("by_row", [True, False])
async def test_a_lost_link_is_found_again_and_nothing_is_made_twice(desk: Desk, *, by_row: bool) -> None:
    cell = await desk.bench.add("1")
    await desk.bench.mappings.remove(dps_id_for(cell))
    # The key moved since, so that it finds nothing any more.
    desk.bench.locations.staff_edit(dps_id_for(cell), code="2")
    assert [each.finding for each in (await desk.bench.report())[1]] == [Finding.MISSING_MAPPING]
    await (desk.tell_nomis(cell) if by_row else desk.tell_dps(dps_id_for(cell)))
    await desk.rest()
    assert (len(desk.bench.nomis.rows), len(desk.bench.locations.locations)) == (1, 1)
    assert await desk.equal()


async def test_a_location_alone_is_made_in_nomis_and_a_row_alone_in_dps(desk: Desk) -> None:
    row = await desk.bench.add("N", linked=False)
    own = desk.bench.locations.staff_create(dps_cell(id=uuid4(), parent_id=None, code="D"))
    await desk.tell_nomis(row)
    await desk.tell_dps(own.id)
    await desk.rest()
    assert {each.description for each in desk.bench.nomis.rows.values()} == {"NWI-N", "NWI-D"}
    assert await desk.equal()


async def test_a_row_deleted_by_hand_goes_from_dps_and_so_does_a_stray_link(desk: Desk) -> None:
    cell = await desk.bench.add("1")
    desk.bench.nomis.screen_delete(cell)
    nowhere = uuid4()
    await desk.bench.link(nowhere, 5)
    await desk.tell_dps(dps_id_for(cell))
    await desk.tell_nomis(5)
    await desk.rest()
    assert (desk.bench.locations.locations, desk.bench.mappings.by_nomis) == ({}, {})
    assert await desk.equal()


async def test_a_run_hands_over_what_it_found_but_leaves_the_parked_alone(desk: Desk) -> None:
    cell, hopeless = await desk.bench.add("1"), await desk.bench.add("2")
    desk.bench.nomis.screen_edit(hopeless, unit_type="XYZ")
    await desk.tell_dps(dps_id_for(hopeless))
    await desk.later()
    desk.bench.nomis.screen_edit(cell, comment="Never told of")
    run, _ = await desk.bench.report()
    assert await desk.due.note_run(run.run_id, desk.bench.time) == 2
    assert await desk.due.waiting() == (1, 1)
    await desk.rest()
    assert [each.nomis_location_id for each in (await desk.bench.report())[1]] == [hopeless]


async def test_a_run_forgets_what_was_parked_and_is_equal_by_now(desk: Desk) -> None:
    mended, hopeless, waits = [await desk.bench.add(code) for code in ("1", "2", "3")]
    for cell in (mended, hopeless):
        desk.bench.nomis.screen_edit(cell, unit_type="XYZ")
        await desk.tell_nomis(cell)
    desk.walks = False
    desk.bench.locations.set_sync(dps_id_for(waits), published={"comments": ["Sent"]})
    await desk.tell_dps(dps_id_for(waits))
    await desk.rest()
    # No event tells of it.
    desk.bench.nomis.screen_edit(mended, unit_type="NA")
    before = {each.location_id for each in await desk.parked()}
    assert before == {str(mended), str(hopeless), str(dps_id_for(waits))}
    desk.bench.time += timedelta(seconds=1)
    run, _ = await desk.bench.report()
    await desk.due.note_run(run.run_id, desk.bench.time)
    assert {each.location_id for each in await desk.parked()} == before - {str(mended)}


async def test_an_operator_has_a_location_a_run_or_a_prison_settled(desk: Desk) -> None:
    cell = await desk.bench.add("1")
    desk.walks = False
    desk.bench.nomis.screen_edit(cell, comment="Edited")
    await desk.tell_nomis(cell)
    await desk.rest()
    assert len(desk.asked) == 3
    await desk.repair.one(DueLocation(Side.NOMIS, str(cell)), "BOSS")
    await desk.later(0)
    assert len(desk.asked) == 4
    run, _ = await desk.bench.report()
    assert await desk.repair.run(run.run_id, "BOSS") == 1
    await desk.later(0)
    assert len(desk.asked) == 5
    desk.walks = True
    run_id = await desk.repair.prison("NWI", "BOSS")
    with pytest.raises(RunNotOver):
        await desk.repair.run(run_id, "BOSS")
    await desk.bench.runs.work()
    assert [each.run_id for each in desk.bench.settled] == [run_id]


def message(kind: str, body: dict[str, Any]) -> Message:
    return Message("m", kind, orjson.dumps(body).decode(), {}, 1, datetime(2026, 1, 1, tzinfo=UTC), "q")


async def test_events_of_both_sides_are_noted_whoever_made_the_change(desk: Desk) -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    dps_id = uuid4()
    body = location_event(LocationEventType.AMENDED, dps_id, "LEI-A-1", Source.NOMIS, now)
    assert isinstance(await desk.noting.location_changed(message(LocationEventType.AMENDED, body)), Done)
    offender = {"internalLocationId": "77", "prisonId": "MDI", "auditModuleName": "DPS_SYNCHRONISATION"}
    assert isinstance(await desk.noting.row_changed(message(OffenderEventType.USAGE, offender)), Done)
    assert (await desk.due.waiting("LEI"), await desk.due.waiting("MDI")) == ((1, 0), (1, 0))


async def test_ignored_agencies_are_not_noted(desk: Desk) -> None:
    offender = {"internalLocationId": 77, "prisonId": "OUT"}
    assert isinstance(await desk.noting.row_changed(message(OffenderEventType.LOCATION, offender)), Ignored)
    assert await desk.due.waiting() == (0, 0)


@pytest.mark.parametrize("body", [{}, {"internalLocationId": "x"}, {"additionalInformation": {"id": "no"}}])
async def test_what_cannot_be_read_is_named(desk: Desk, body: dict[str, Any]) -> None:
    with pytest.raises(Unreadable):
        await desk.noting.row_changed(message(OffenderEventType.LOCATION, body))
    with pytest.raises(Unreadable):
        await desk.noting.location_changed(message(LocationEventType.AMENDED, body))


ROUNDS = Rounds(same_max=3, all_max=12, first=timedelta(seconds=10))


def seen(digest: str, finding: Finding | None = Finding.DIFFERENT, *, hopeless: bool = False) -> Verdict:
    return Verdict(None, 1, "NWI", "NWI-1", digest, finding, "comments", hopeless=hopeless)


def test_workers_are_given_longer_each_round() -> None:
    noted, waits = Noted(), []
    while isinstance(step := next_step(noted, seen("a"), ROUNDS, behind=False), Ask):
        noted = step.noted
        waits.append(step.after.total_seconds())
    assert waits == [10, 20, 40]
    assert isinstance(step, Park)


def test_what_no_worker_has_come_to_does_not_count() -> None:
    asked = Noted(rounds=3, asked=12, digest="a")
    assert next_step(asked, seen("a"), ROUNDS, behind=True) == Wait(asked, ROUNDS.first)
    assert next_step(asked, seen("b"), ROUNDS, behind=True) == Wait(Noted(0, 12, "b"), ROUNDS.first)
    # Who was not asked for is asked for, one who is equal is done with, and no worker can help the hopeless.
    assert isinstance(next_step(Noted(), seen("a"), ROUNDS, behind=True), Ask)
    assert next_step(asked, seen("a", None), ROUNDS, behind=True) == Settled()
    assert isinstance(next_step(asked, seen("a", hopeless=True), ROUNDS, behind=True), Park)


def test_another_pair_of_states_starts_the_rounds_anew_but_not_for_ever() -> None:
    noted = Noted(rounds=3, asked=3, digest="a")
    assert isinstance(next_step(noted, seen("b"), ROUNDS, behind=False), Ask)
    assert isinstance(next_step(Noted(0, 12, "a"), seen("b"), ROUNDS, behind=False), Park)
    assert next_step(noted, seen("a", None), ROUNDS, behind=False) == Settled()
    assert isinstance(next_step(Noted(), seen("a", hopeless=True), ROUNDS, behind=False), Park)
