"""Interleavings that the simulation found, each told alone: what slept between two calls, and what happened there."""

from functools import partial
from uuid import UUID

import pytest

from libs.domain.writing import is_soft_deleted
from libs.messaging.outcome import RetryLater
from libs.settling.keys import LEFT, aside_code
from tests.libs.domain.rows import CELL_ID, CELL_NOMIS, LANDING_ID, LANDING_NOMIS, dps_cell, nomis_cell
from tests.simulation.house import House
from tests.simulation.stepping import Running, Walk

NEW_ID = UUID(int=18)


@pytest.fixture(params=[False, True], ids=["plain NOMIS", "conditional NOMIS"])
async def house(request: pytest.FixtureRequest) -> House:
    house = House(conditional_writes=request.param)
    await house.furnish()
    return house


def asleep(walk: Walk, calls: int) -> Running:
    """Begin a walk and leave it after so many remote calls."""
    running = Running(walk)
    for _ in range(calls + 1):
        running.step()
    return running


async def test_a_screen_edit_that_another_walk_took_over_survives_our_late_put(house: House) -> None:
    house.locations.staff_edit(CELL_ID, order_within_parent_location=5)
    calls_before_the_put = 4 if house.nomis.conditional_writes else 5
    late = asleep(partial(house.stepped.settle_dps, CELL_ID), calls_before_the_put)
    house.nomis.screen_edit(CELL_NOMIS, comment="theirs")
    await house.settler.settle_nomis(CELL_NOMIS)
    late.finish()
    assert (house.cell.comments, house.row.comment) == ("theirs", "theirs")
    assert house.differences() == []


async def test_a_link_to_the_new_row_outlives_a_walk_that_met_the_old_one(house: House) -> None:
    house.nomis.screen_delete(CELL_NOMIS)
    house.locations.staff_edit(CELL_ID, code="018")
    late = asleep(partial(house.stepped.settle_nomis, CELL_NOMIS), 1)
    await house.settler.settle_dps(CELL_ID)
    again = house.mappings.by_dps[CELL_ID].nomis_location_id
    house.locations.bury(CELL_ID)
    late.finish()
    await house.settler.settle_dps(CELL_ID)
    assert house.mappings.by_dps[CELL_ID].nomis_location_id == again
    assert is_soft_deleted(house.nomis.rows[again])


async def test_a_row_linked_to_us_meanwhile_is_ours_whatever_key_we_remember(house: House) -> None:
    house.locations.staff_create(dps_cell(id=NEW_ID, code="018"))
    late = asleep(partial(house.stepped.settle_dps, NEW_ID, "NWI-9-018"), 2)
    house.locations.staff_edit(LANDING_ID, code="9")
    theirs = house.nomis.screen_insert(nomis_cell(location_code="018", description="NWI-9-018")).location_id
    adopting = asleep(partial(house.stepped.settle_dps, NEW_ID), 6)
    assert house.mappings.by_dps[NEW_ID].nomis_location_id == theirs
    for walk in (late, adopting):
        walk.finish()
    assert set(house.nomis.rows) == {LANDING_NOMIS, CELL_NOMIS, theirs}


async def test_the_row_that_dps_came_from_and_that_is_linked_meanwhile_is_not_made_twice(house: House) -> None:
    await house.mappings.remove(CELL_ID)
    house.locations.staff_edit(CELL_ID, code="018")
    late, linking = (asleep(partial(house.stepped.settle_dps, CELL_ID), calls) for calls in (3, 6))
    assert house.mappings.by_dps[CELL_ID].nomis_location_id == CELL_NOMIS
    for walk in (late, linking):
        walk.finish()
    assert set(house.nomis.rows) == {LANDING_NOMIS, CELL_NOMIS}
    assert house.differences() == []


async def test_a_location_that_came_from_another_row_is_not_linked_to_one_that_took_its_code(house: House) -> None:
    await house.mappings.remove(CELL_ID)
    other = house.nomis.screen_insert(nomis_cell(description="NWI-ODD", location_code="017")).location_id
    with pytest.raises(RetryLater, match=f"duplicate path: {other}.*{CELL_ID} has a row that is not linked yet"):
        await house.settler.settle_nomis(other)
    await house.settler.settle_nomis(CELL_NOMIS)
    assert house.mappings.by_dps[CELL_ID].nomis_location_id == CELL_NOMIS


async def test_a_location_that_a_row_was_linked_to_from_the_other_end_is_not_made_in_nomis(house: House) -> None:
    house.locations.staff_create(dps_cell(id=NEW_ID, code="018"))
    late = asleep(partial(house.stepped.settle_dps, NEW_ID), 4)
    theirs = house.nomis.screen_insert(nomis_cell(location_code="018", description="NWI-ODD")).location_id
    linking = asleep(partial(house.stepped.settle_nomis, theirs), 8)
    assert house.mappings.by_dps[NEW_ID].nomis_location_id == theirs
    for walk in (late, linking):
        walk.finish()
    assert set(house.nomis.rows) == {LANDING_NOMIS, CELL_NOMIS, theirs}
    assert house.differences() == []


def stand_aside(house: House) -> None:
    """Leave the cell in DPS as a walk that died between two steps of a circle leaves it."""
    house.locations.staff_edit(CELL_ID, code=aside_code(CELL_NOMIS))
    state = house.locations.states[CELL_ID]
    house.locations.set_sync(CELL_ID, base={**(state.base or {}), "code": house.cell.code}, published={LEFT: ["017"]})


@pytest.mark.parametrize("taken", [False, True])
async def test_a_row_deleted_while_its_location_stood_aside_gives_it_its_code_back(
    house: House, *, taken: bool
) -> None:
    stand_aside(house)
    if taken:
        house.locations.staff_create(dps_cell(id=NEW_ID, code="017"))
    house.locations.staff_edit(CELL_ID, comments="ours")
    house.nomis.screen_delete(CELL_NOMIS)
    await house.settler.settle_nomis(CELL_NOMIS)
    await house.settler.settle_dps(CELL_ID)
    again = house.mappings.by_dps[CELL_ID].nomis_location_id
    assert house.cell.code == house.nomis.rows[again].location_code == (f"~{CELL_NOMIS}" if taken else "017")
    assert ("code" in {c.field for _, c in house.locations.conflicts}) == taken
    assert house.locations.states[CELL_ID].published == {}


async def test_an_archived_location_that_stood_aside_waits_for_no_place(house: House) -> None:
    stand_aside(house)
    house.locations.staff_edit(CELL_ID, active=False, archived=True, deactivated_date=house.locations.now())
    await house.settler.settle_dps(CELL_ID)
    assert house.locations.states[CELL_ID].published == {}
