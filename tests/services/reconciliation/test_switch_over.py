"""An operator takes a prison over: what each step rests on, what is refused and why, and what a death in it leaves."""

import pytest

from libs.domain.switch_over import PrisonStage, Stage, StageMove, StepRefused, refusal
from libs.domain.sync import Side
from services.reconciliation.reconcile.switch_over import SwitchOver
from services.reconciliation.records import DueLocation, Noted, Waiting
from services.reconciliation.rules.settling import PARKED_ONE_WAY, Decided, Park
from services.reconciliation.store.due import DueStore
from tests.auditing import AUDITOR
from tests.services.reconciliation.conftest import Bench


class Neighbours:
    """The locations API's state machine and NOMIS's switches, in memory."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self.stands = PrisonStage(prison_id="NWI")
        self.off: set[str] = set()
        self.broken = False

    async def stages(self, *, holding: bool = False) -> list[PrisonStage]:
        return [PrisonStage(prison_id="LEI"), self.stands] if holding else [self.stands]

    async def stage(self, prison_id: str) -> PrisonStage:
        assert prison_id == "NWI"
        return self.stands

    async def take_step(self, prison_id: str, move: StageMove) -> PrisonStage:
        if refused := refusal(move, self.stands.stage, self.stands.since):
            raise StepRefused(refused)
        one_way = move.to_stage is Stage.ONE_WAY
        self.stands = PrisonStage(prison_id=prison_id, stage=move.to_stage, since=self.bench.time, one_way=one_way)
        return self.stands

    async def switch(self, service: str, prison_id: str) -> bool:
        assert service == "LIP"
        return prison_id in self.off

    async def set_switch(self, service: str, prison_id: str, *, on: bool) -> None:
        assert service == "LIP"
        if self.broken:
            raise ConnectionError
        (self.off.add if on else self.off.discard)(prison_id)


@pytest.fixture
def neighbours(bench: Bench) -> Neighbours:
    return Neighbours(bench)


@pytest.fixture
def switch_over(bench: Bench, neighbours: Neighbours) -> SwitchOver:
    due = DueStore(bench.database, AUDITOR)
    return SwitchOver(neighbours, neighbours, bench.store, due, "LIP", lambda: bench.time)


async def to(switch_over: SwitchOver, stage: Stage) -> PrisonStage:
    return (await switch_over.step("NWI", stage, "BOSS", "ready")).stage


async def test_a_prison_goes_one_way_and_comes_back(
    bench: Bench, switch_over: SwitchOver, neighbours: Neighbours
) -> None:
    await bench.wing()
    await to(switch_over, Stage.SCREENS_OFF)
    assert neighbours.off == {"NWI"}
    await bench.report("NWI")
    await to(switch_over, Stage.RECONCILED)
    assert (await to(switch_over, Stage.ONE_WAY)).one_way
    assert not (await to(switch_over, Stage.SCREENS_OFF)).one_way
    assert neighbours.off == {"NWI"}
    await to(switch_over, Stage.BOTH_WAYS)
    assert neighbours.off == set()


async def test_what_was_inserted_while_one_way_is_looked_at_again_on_the_way_back(
    bench: Bench, switch_over: SwitchOver
) -> None:
    await bench.wing()
    await to(switch_over, Stage.SCREENS_OFF)
    await bench.report()
    await to(switch_over, Stage.RECONCILED)
    await to(switch_over, Stage.ONE_WAY)
    for row, prison, reason in (
        ("5", "NWI", PARKED_ONE_WAY),
        ("6", "NWI", "cannot settle"),
        ("7", "LEI", PARKED_ONE_WAY),
    ):
        where = DueLocation(Side.NOMIS, row)
        await switch_over.due.demand(where, bench.time, "BOSS")
        parked = Decided(Waiting(where, 1, Noted()), Park(Noted(), reason), "key", prison)
        await switch_over.due.decide([parked], [], bench.time)
    await to(switch_over, Stage.SCREENS_OFF)
    assert await switch_over.due.waiting("NWI") == (1, 1)
    assert [each.location_id for each in await switch_over.due.parked("", 10)] == ["6", "7"]


async def test_a_check_must_have_begun_after_the_screens_were_off(bench: Bench, switch_over: SwitchOver) -> None:
    await bench.wing()
    await bench.report()
    bench.time = bench.time.replace(hour=10)
    await to(switch_over, Stage.SCREENS_OFF)
    with pytest.raises(StepRefused, match="began before the screens were off"):
        await to(switch_over, Stage.RECONCILED)
    await bench.report()
    assert (await to(switch_over, Stage.RECONCILED)).stage is Stage.RECONCILED


async def test_mismatches_of_the_prison_count_and_those_of_others_do_not(bench: Bench, switch_over: SwitchOver) -> None:
    ours, theirs = await bench.add("1"), await bench.add("1", prison_id="LEI")
    await to(switch_over, Stage.SCREENS_OFF)
    bench.nomis.screen_edit(theirs, comment="Edited")
    bench.nomis.screen_edit(ours, comment="Edited")
    await bench.report()
    with pytest.raises(StepRefused, match="1 mismatch,"):
        await to(switch_over, Stage.RECONCILED)
    bench.nomis.screen_edit(ours, comment="Door re-hung")
    await bench.report()
    await to(switch_over, Stage.RECONCILED)


async def test_what_is_due_or_parked_is_not_settled(bench: Bench, switch_over: SwitchOver) -> None:
    await bench.wing()
    await to(switch_over, Stage.SCREENS_OFF)
    await bench.report()
    await to(switch_over, Stage.RECONCILED)
    await switch_over.due.demand(DueLocation(Side.NOMIS, "5", "NWI"), bench.time, "BOSS")
    with pytest.raises(StepRefused, match="1 not settled yet"):
        await to(switch_over, Stage.ONE_WAY)


async def test_screens_that_came_on_again_stop_the_way_forward(
    bench: Bench, switch_over: SwitchOver, neighbours: Neighbours
) -> None:
    await bench.wing()
    await to(switch_over, Stage.SCREENS_OFF)
    await bench.report()
    neighbours.off.clear()
    with pytest.raises(StepRefused, match="screens are on again"):
        await to(switch_over, Stage.RECONCILED)
    standing = await switch_over.one("NWI")
    assert standing.next_steps == {Stage.BOTH_WAYS: None, Stage.RECONCILED: "NOMIS's screens are on again"}


async def test_a_step_cut_short_is_finished_by_asking_again(
    bench: Bench, switch_over: SwitchOver, neighbours: Neighbours
) -> None:
    await bench.wing()
    await to(switch_over, Stage.SCREENS_OFF)
    neighbours.broken = True
    with pytest.raises(ConnectionError):
        await to(switch_over, Stage.BOTH_WAYS)
    assert (neighbours.stands.stage, neighbours.off) == (Stage.BOTH_WAYS, {"NWI"})
    neighbours.broken = False
    await to(switch_over, Stage.BOTH_WAYS)
    assert neighbours.off == set()


async def test_no_stage_says_screens_off_before_they_are(switch_over: SwitchOver, neighbours: Neighbours) -> None:
    neighbours.broken = True
    with pytest.raises(ConnectionError):
        await to(switch_over, Stage.SCREENS_OFF)
    assert neighbours.stands.stage is Stage.BOTH_WAYS


async def test_a_step_that_does_not_follow_touches_nothing(switch_over: SwitchOver, neighbours: Neighbours) -> None:
    with pytest.raises(StepRefused, match="BOTH_WAYS does not lead to ONE_WAY"):
        await to(switch_over, Stage.ONE_WAY)
    assert neighbours.off == set()


async def test_all_prisons_are_shown_with_what_can_follow_and_what_blocks_it(
    bench: Bench, switch_over: SwitchOver
) -> None:
    await bench.wing()
    await to(switch_over, Stage.SCREENS_OFF)
    first, second = await switch_over.every()
    assert (first.stage.prison_id, first.next_steps, first.screens_off) == ("LEI", {Stage.SCREENS_OFF: None}, None)
    rests = "cleanCheck: the step rests on a clean check"
    assert (second.stage.prison_id, second.screens_off) == ("NWI", True)
    assert second.next_steps == {Stage.BOTH_WAYS: None, Stage.RECONCILED: rests}
