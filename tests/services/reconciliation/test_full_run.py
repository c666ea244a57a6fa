"""A full run finds every kind of mismatch, exactly, and nothing that is only on its way."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from uuid import uuid4

import pytest

from libs.domain.attributes import Attribute
from libs.domain.codes import DeactivatedReason, LocationType, ResidentialHousingType, UsageType
from libs.domain.identity import dps_id_for
from libs.domain.nomis import NomisLocationId, NomisUsage, Profile
from libs.domain.sync import Usage
from services.reconciliation.errors import RunActive
from services.reconciliation.reconcile.scan import Met
from services.reconciliation.records import Finding, Mismatch, Status
from services.reconciliation.rules.schedule import due
from services.reconciliation.settings import RunLimits
from tests.fakes.fake_bulk import BulkLocations
from tests.libs.domain.rows import dps_cell
from tests.services.reconciliation.conftest import SMALL, Bench

DAY = datetime(2026, 7, 1)  # noqa: DTZ001 - London, no zone


def told(found: list[Mismatch]) -> list[tuple[Finding, str, list[str]]]:
    return [(each.finding, each.key, [d["field"] for d in each.differences]) for each in found]


async def test_two_equal_estates_have_no_mismatch_and_are_counted(bench: Bench) -> None:
    await bench.wing("A")
    await bench.wing("B")
    await bench.add("X", prison_id="OUT", linked=False)
    run, found = await bench.report()
    assert found == []
    assert (run.status, run.nomis_rows, run.dps_locations, run.compared) == (Status.COMPLETED, 13, 12, 12)
    assert (run.ignored, run.suspected, run.mismatches, run.in_flight) == (1, 0, 0, 0)
    assert run.ended_at is not None


@pytest.mark.parametrize(
    ("field", "change"),
    [
        ("localName", {"local_name": "Other"}),
        ("comments", {"comments": "Other"}),
        ("orderWithinParentLocation", {"order_within_parent_location": 99}),
        ("residentialHousingType", {"residential_housing_type": ResidentialHousingType.SEGREGATION}),
        ("maxCapacity", {"max_capacity": 9}),
        ("workingCapacity", {"working_capacity": 9}),
        ("certified", {"certified": False}),
        ("capacityOfCertifiedCell", {"capacity_of_certified_cell": 9}),
        ("attributes", {"attributes": (Attribute.CAT_B,)}),
        ("parentId", {"parent_id": None}),
        ("code", {"code": "999"}),
        ("locationType", {"location_type": LocationType.ROOM}),
        ("active", {"active": False}),
    ],
)
async def test_each_field_of_a_cell_is_compared(bench: Bench, field: str, change: dict[str, Any]) -> None:
    ids = await bench.wing()
    cell = dps_id_for(ids[-1])
    bench.locations.by_sql(cell, **change)
    _, found = await bench.report()
    assert [(each.finding, each.dps_location_id, each.nomis_location_id) for each in found] == [
        (Finding.DIFFERENT, cell, ids[-1])
    ]
    assert field in [each["field"] for each in found[0].differences]


@pytest.mark.parametrize(
    ("field", "change"),
    [
        ("deactivatedDate", {"deactivated_date": DAY}),
        ("deactivatedReason", {"deactivated_reason": DeactivatedReason.MOTHBALLED}),
        ("proposedReactivationDate", {"proposed_reactivation_date": date(2030, 1, 1)}),
    ],
)
async def test_deactivation_details_are_compared(bench: Bench, field: str, change: dict[str, Any]) -> None:
    cell = await bench.add("1", active=False, reason_code="C", deactivate_date=date(2026, 6, 1))
    bench.locations.by_sql(dps_id_for(cell), **change)
    _, found = await bench.report()
    assert told(found) == [(Finding.DIFFERENT, "NWI-1", [field])]


@pytest.mark.parametrize(
    "usage",
    [
        Usage(usage_type=UsageType.VISIT, capacity=16, sequence=1),
        Usage(usage_type=UsageType.VISIT, capacity=15, sequence=2),
        Usage(usage_type=UsageType.MOVEMENT, capacity=15, sequence=1),
    ],
)
async def test_usages_are_compared_with_capacity_and_order(bench: Bench, usage: Usage) -> None:
    visit = NomisUsage(internal_location_usage_type="VISIT", capacity=15, sequence=1)
    room = await bench.add("VIS", location_type="VISIT", unit_type=None, usages=(visit,), profiles=())
    bench.locations.staff_edit(dps_id_for(room), usages=(usage,))
    _, found = await bench.report()
    assert told(found) == [(Finding.DIFFERENT, "NWI-VIS", ["usages"])]


async def test_wing_totals_room_capacity_and_folded_codes_are_no_mismatch(bench: Bench) -> None:
    wing = await bench.add("A", location_type="BLK", capacity=400, operational_capacity=390)
    folded = (
        Profile(profile_type="HOU_USED_FOR", profile_code="V"),
        Profile(profile_type="NON_ASSO_TYP", profile_code="X"),
    )
    await bench.add("1", wing, location_type="TIER", profiles=folded)
    await bench.add("GYM", location_type="CLAS", unit_type=None, capacity=40, profiles=())
    bench.nomis.screen_edit(wing, capacity=777)
    run, found = await bench.report()
    assert (found, run.suspected) == ([], 0)


async def test_a_row_alone_and_a_location_alone_are_missed_on_the_other_side(bench: Bench) -> None:
    alone = await bench.add("N", linked=False)
    own = bench.locations.staff_create(dps_cell(id=uuid4(), parent_id=None, code="D"))
    _, found = await bench.report()
    assert {(each.finding, each.nomis_location_id, each.dps_location_id) for each in found} == {
        (Finding.MISSING_IN_DPS, alone, None),
        (Finding.MISSING_IN_NOMIS, None, own.id),
    }


async def test_two_halves_without_a_link_are_one_mismatch(bench: Bench) -> None:
    by_id = await bench.add("M")
    await bench.mappings.remove(dps_id_for(by_id))
    by_key = await bench.add("D", linked=False)
    own = bench.locations.staff_create(dps_cell(id=uuid4(), parent_id=None, code="D"))
    _, found = await bench.report()
    assert {(each.finding, each.nomis_location_id, each.dps_location_id) for each in found} == {
        (Finding.MISSING_MAPPING, by_id, dps_id_for(by_id)),
        (Finding.MISSING_MAPPING, by_key, own.id),
    }


async def test_links_that_lead_nowhere_are_stray(bench: Bench) -> None:
    row_gone, own_gone = await bench.add("1"), await bench.add("2", linked=False)
    bench.nomis.screen_delete(row_gone)
    nowhere, never = uuid4(), uuid4()
    await bench.link(never, own_gone)
    await bench.link(nowhere, 5)
    beyond = uuid4()
    await bench.link(beyond, 2**62)
    _, found = await bench.report()
    assert {(each.finding, each.dps_location_id, each.nomis_location_id) for each in found} == {
        (Finding.STRAY_MAPPING, dps_id_for(row_gone), row_gone),
        (Finding.STRAY_MAPPING, never, own_gone),
        (Finding.STRAY_MAPPING, nowhere, 5),
        (Finding.STRAY_MAPPING, beyond, 2**62),
    }


async def test_two_links_that_were_swapped_are_crossed(bench: Bench) -> None:
    first, second = await bench.add("1"), await bench.add("2")
    for each in (first, second):
        await bench.mappings.remove(dps_id_for(each))
    await bench.link(dps_id_for(first), second)
    await bench.link(dps_id_for(second), first)
    _, found = await bench.report()
    assert {(each.finding, each.nomis_location_id) for each in found} == {
        (Finding.CROSSED_MAPPING, first),
        (Finding.CROSSED_MAPPING, second),
    }


async def test_a_tombstone_and_a_row_out_of_use_are_equal(bench: Bench) -> None:
    gone = await bench.add("1")
    await bench.locations.delete(dps_id_for(gone), bench.locations.states[dps_id_for(gone)].etag)
    _, found = await bench.report()
    assert [each.reason for each in found] == ["deleted in DPS, in use in NOMIS"]
    bench.nomis.screen_edit(gone, active=False, capacity=0, operational_capacity=0, cna_capacity=0, certified=False)
    _, found = await bench.report()
    assert found == []


async def test_a_description_need_not_be_the_key_but_must_not_move_by_itself(bench: Bench) -> None:
    odd = await bench.add("1", description="NWI-ODD")
    assert (await bench.report())[1] == []
    bench.nomis.screen_edit(odd, description="NWI-ODDER")
    assert told((await bench.report())[1]) == [(Finding.DIFFERENT, "NWI-1", ["key"])]


async def test_a_key_that_moved_in_dps_is_missed_in_nomis(bench: Bench) -> None:
    ids = await bench.wing(cells=2)
    bench.locations.staff_edit(dps_id_for(ids[0]), code="Z")
    _, found = await bench.report()
    assert {(each.key, *(d["field"] for d in each.differences)) for each in found} == {
        ("NWI-Z", "code", "key"),
        *(("NWI-Z-1" + rest, "key") for rest in ("", "-001", "-002")),
    }


async def test_a_code_that_dps_has_no_word_for_is_named(bench: Bench) -> None:
    cell = await bench.add("1")
    bench.nomis.screen_edit(cell, unit_type="XYZ")
    _, found = await bench.report()
    assert found[0].finding is Finding.DIFFERENT
    assert "XYZ" in found[0].reason


async def test_ignored_agencies_are_left_alone_on_both_sides(bench: Bench) -> None:
    cell = await bench.add("1", prison_id="ZZGHI")
    bench.nomis.screen_edit(cell, comment="Changed")
    assert (await bench.report())[1] == []


async def test_what_is_on_its_way_is_no_mismatch(bench: Bench) -> None:
    arriving, moving, wrong = [await bench.add(f"{n}") for n in range(3)]
    for each in (arriving, moving, wrong):
        bench.nomis.screen_edit(each, comment="Edited")
    edits = iter(range(100))

    def meanwhile() -> None:
        bench.locations.staff_edit(dps_id_for(arriving), comments="Edited")
        bench.nomis.screen_edit(moving, comment=f"Again {next(edits)}")

    bench.meanwhile.append(meanwhile)
    run, found = await bench.report()
    assert [each.nomis_location_id for each in found] == [wrong]
    assert (run.suspected, run.in_flight, run.mismatches) == (3, 1, 1)


async def test_one_prison_is_compared_and_no_other(bench: Bench) -> None:
    await bench.wing("A", prison_id="LEI")
    ours, theirs = await bench.add("1", prison_id="NWI"), await bench.add("1", prison_id="LEI")
    alone = await bench.add("2", prison_id="NWI", linked=False)
    for each in (ours, theirs):
        bench.nomis.screen_edit(each, comment="Edited")
    bench.locations.staff_create(dps_cell(id=uuid4(), parent_id=None, code="D", prison_id="MDI"))
    run, found = await bench.report("NWI")
    assert {each.nomis_location_id for each in found} == {ours, alone}
    assert (run.prison_id, run.compared, run.dps_locations) == ("NWI", 1, 1)


@pytest.mark.parametrize("block", [1, 2, 7, 1000])
async def test_sizes_of_pages_and_blocks_change_nothing(bench: Bench, block: int) -> None:
    await bench.wing("A")
    await bench.wing("B")
    await bench.add("N", linked=False)
    limits = RunLimits(ids_page=block, block=block, parents_kept_max=1, blocks_in_flight_max=2)
    run, found = await bench.report(runs=bench.runs_with(limits))
    assert (run.compared, run.dps_locations, len(found)) == (12, 12, 1)


async def test_there_is_one_run_at_a_time(bench: Bench) -> None:
    await bench.runs.request(None, "OPERATOR", settles=False)
    with pytest.raises(RunActive):
        await bench.runs.request("LEI", "OPERATOR", settles=False)
    assert await bench.runs.work()
    assert not await bench.runs.work()


class Broken(BulkLocations):
    """Fails as often as it is told to."""

    failures = 1

    async def mirrors(self, ids: Any) -> Any:
        if self.failures:
            self.failures -= 1
            raise ConnectionError("away")
        return await super().mirrors(ids)


async def test_a_run_that_failed_starts_again_from_the_top(bench: Bench) -> None:
    await bench.wing()
    bench.nomis.screen_edit((await bench.wing("B"))[-1], comment="Edited")
    runs = bench.runs_with(SMALL, locations=Broken(bench.locations))
    run_id = await runs.request(None, "OPERATOR", settles=True)
    assert await runs.work()
    run = await bench.store.run(run_id)
    assert (run.status, run.failure) == (Status.RUNNING, "ConnectionError: away")
    assert await runs.work()
    run = await bench.store.run(run_id)
    assert (run.status, run.attempts, run.compared, run.mismatches) == (Status.COMPLETED, 2, 12, 1)
    assert [each.run_id for each in bench.settled] == [run_id]


async def test_a_run_that_keeps_failing_has_failed(bench: Bench) -> None:
    await bench.wing()
    broken = Broken(bench.locations)
    broken.failures = 1000
    runs = bench.runs_with(SMALL, locations=broken)
    run_id = await runs.request(None, "OPERATOR", settles=False)
    while await runs.work():
        pass
    run = await bench.store.run(run_id)
    assert (run.status, run.attempts) == (Status.FAILED, SMALL.attempts_max)
    assert await runs.request(None, "OPERATOR", settles=False)


async def test_a_run_whose_process_died_is_taken_over(bench: Bench) -> None:
    await bench.wing()
    run_id = await bench.runs.request(None, "OPERATOR", settles=False)
    assert await bench.store.lease(bench.time, timedelta(seconds=120), 3)
    assert not await bench.runs.work()
    bench.time += timedelta(seconds=121)
    assert await bench.runs.work()
    assert (await bench.store.run(run_id)).status is Status.COMPLETED


async def test_each_time_of_the_schedule_has_one_run(bench: Bench) -> None:
    time_due = datetime(2026, 11, 25, 2, 30, tzinfo=UTC)
    await bench.runs.schedule(time_due, settles=True)
    await bench.runs.schedule(time_due, settles=True)
    assert await bench.runs.work()
    await bench.runs.schedule(time_due, settles=True)
    assert not await bench.runs.work()
    await bench.runs.schedule(time_due + timedelta(days=7), settles=True)
    assert [run.requested_by for run in await bench.store.runs(10)] == ["schedule", "schedule"]


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        (datetime(2026, 11, 25, 2, 29, tzinfo=UTC), None),
        (datetime(2026, 11, 25, 2, 30, tzinfo=UTC), datetime(2026, 11, 25, 2, 30, tzinfo=UTC)),
        (datetime(2026, 11, 25, 14, 29, tzinfo=UTC), datetime(2026, 11, 25, 2, 30, tzinfo=UTC)),
        (datetime(2026, 11, 25, 14, 31, tzinfo=UTC), None),
        # Summer time: the clock that counts is London's.
        (datetime(2026, 7, 1, 1, 30, tzinfo=UTC), datetime(2026, 7, 1, 1, 30, tzinfo=UTC)),
    ],
)
def test_the_week_is_londons(now: datetime, expected: datetime | None) -> None:
    assert due(now, weekday=2, at=time(2, 30), late_max=timedelta(hours=12)) == expected


def test_ids_that_were_met_are_told_from_all_others() -> None:
    met = Met()
    for n in range(0, 5000, 2):
        met.add(str(dps_id_for(NomisLocationId(n))))
    met.sort()
    assert [n for n in range(5000) if str(dps_id_for(NomisLocationId(n))) in met] == [*range(0, 5000, 2)]
