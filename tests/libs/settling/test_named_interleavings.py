"""Interleavings that the simulation found, each told alone: what slept between two calls, and what happened there."""

from datetime import timedelta
from functools import partial
from uuid import UUID

import pytest

from libs.domain.attributes import Attribute
from libs.domain.comparing import is_spare
from libs.domain.identity import dps_id_for
from libs.domain.mapping import LocationMapping, MappingType
from libs.domain.nomis import NomisLocationId
from libs.domain.writing import is_soft_deleted
from libs.messaging.outcome import RetryLater
from libs.settling.keys import LEFT, aside_code
from libs.settling.outcome import Act
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


async def test_a_screen_edit_to_the_value_that_a_dead_walk_was_to_write_is_no_late_write_of_ours(house: House) -> None:
    before = house.cell.comments
    house.locations.staff_edit(CELL_ID, comments="ours")
    asleep(partial(house.stepped.settle_dps, CELL_ID), 4 if house.nomis.conditional_writes else 5)
    assert house.locations.states[CELL_ID].published["comments"] == ["ours"]
    house.locations.staff_edit(CELL_ID, comments=before)
    house.nomis.screen_edit(CELL_NOMIS, comment="ours")
    await house.settler.settle_nomis(CELL_NOMIS)
    assert (house.cell.comments, house.row.comment) == ("ours", "ours")
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
    linking = asleep(partial(house.stepped.settle_nomis, theirs), 9)
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


async def test_where_sync_is_one_way_a_location_that_stood_aside_is_made_again_as_it_is(house: House) -> None:
    stand_aside(house)
    house.nomis.screen_delete(CELL_NOMIS)
    house.locations.switch_over(house.cell.prison_id, one_way=True)
    await house.settler.settle_nomis(CELL_NOMIS)
    again = house.mappings.by_dps[CELL_ID].nomis_location_id
    assert house.cell.code == house.nomis.rows[again].location_code == f"~{CELL_NOMIS}"
    assert "sync is one way" in {c.reason for _, c in house.locations.conflicts if c.field == "code"}
    assert house.locations.states[CELL_ID].published == {}


async def test_an_archived_location_that_stood_aside_waits_for_no_place(house: House) -> None:
    stand_aside(house)
    house.locations.staff_edit(CELL_ID, active=False, archived=True, deactivated_date=house.locations.now())
    await house.settler.settle_dps(CELL_ID)
    assert house.locations.states[CELL_ID].published == {}


async def test_a_location_that_stays_aside_gives_away_the_description_it_only_kept(house: House) -> None:
    stand_aside(house)
    house.locations.staff_create(dps_cell(id=NEW_ID, code="017"))
    house.locations.set_sync(CELL_ID, published={})
    house.nomis.screen_edit(CELL_NOMIS, location_code=house.cell.code)
    await house.settler.settle_dps(NEW_ID)
    assert house.nomis.rows[house.mappings.by_dps[NEW_ID].nomis_location_id].description == "NWI-2-017"
    assert house.row.description == house.cell.key
    assert house.differences() == []


def swapped_in_dps(house: House) -> NomisLocationId:
    """Swap the codes of the cell and of another in DPS: in NOMIS one of them has to stand aside."""
    other = house.nomis.screen_insert(
        nomis_cell(location_code="018", description="NWI-2-018", parent_location_id=LANDING_NOMIS)
    ).location_id
    Running(partial(house.settler.settle_nomis, other)).finish()
    for who, code in ((CELL_ID, "TMP"), (dps_id_for(other), "017"), (CELL_ID, "018")):
        house.locations.staff_edit(who, code=code)
    return other


async def test_a_screen_edit_that_a_row_standing_aside_overwrites_is_on_record() -> None:
    house = House(conditional_writes=False)
    await house.furnish()
    other = swapped_in_dps(house)
    walk = Running(partial(house.stepped.settle_dps, CELL_ID))
    reads = 0
    while not walk.over:
        walk.step()
        if "update" not in house.nomis.calls:
            reads += 1
    before_the_put = reads
    house = House(conditional_writes=False)
    await house.furnish()
    swapped_in_dps(house)
    late = asleep(partial(house.stepped.settle_dps, CELL_ID), before_the_put)
    for row in (CELL_NOMIS, other):
        house.nomis.screen_edit(row, comment=f"theirs {row}")
    late.finish()
    for row in (CELL_NOMIS, other):
        await house.settler.settle_nomis(row)
        own = house.locations.locations[house.mappings.by_nomis[row].dps_location_id]
        recorded = {conflict.nomis for _, conflict in house.locations.conflicts if conflict.field == "comments"}
        assert f"theirs {row}" in {own.comments, *recorded}
    assert house.differences() == []


async def test_a_name_for_standing_aside_that_a_screen_gave_to_another_row_is_not_waited_for(house: House) -> None:
    house.locations.bury(CELL_ID)
    house.nomis.screen_insert(nomis_cell(location_code="X", description=f"NWI-~{CELL_NOMIS}"))
    house.locations.staff_create(dps_cell(id=NEW_ID, code="017"))
    await house.settler.settle_dps(NEW_ID)
    assert house.row.description == f"NWI-~{CELL_NOMIS}~"
    assert house.nomis.rows[house.mappings.by_dps[NEW_ID].nomis_location_id].description == "NWI-2-017"


async def test_a_row_made_again_for_a_location_deleted_meanwhile_goes_out_of_use(house: House) -> None:
    house.nomis.screen_delete(CELL_NOMIS)
    house.locations.staff_edit(CELL_ID, comments="ours")
    late = Running(partial(house.stepped.settle_nomis, CELL_NOMIS))
    while "create" not in house.nomis.calls:
        late.step()
    [again] = house.nomis.rows.keys() - {LANDING_NOMIS}
    house.locations.bury(CELL_ID)
    await house.settler.settle_nomis(CELL_NOMIS)
    assert CELL_ID not in house.mappings.by_dps
    late.finish()
    assert is_soft_deleted(house.nomis.rows[again])
    assert house.mappings.by_dps[CELL_ID].nomis_location_id == again


async def test_a_location_that_is_being_made_in_nomis_is_not_linked_from_the_other_end(house: House) -> None:
    house.locations.staff_create(dps_cell(id=NEW_ID, code="018"))
    late = asleep(partial(house.stepped.settle_dps, NEW_ID), 6)
    theirs = house.nomis.screen_insert(nomis_cell(location_code="018", description="NWI-ODD")).location_id
    with pytest.raises(RetryLater, match=f"{theirs}: {NEW_ID} is being created in NOMIS"):
        await house.settler.settle_nomis(theirs)
    late.finish()
    made = house.mappings.by_dps[NEW_ID].nomis_location_id
    assert (made == theirs, house.nomis.rows[made].description) == (False, "NWI-2-018")


@pytest.mark.parametrize("begun_only", [False, True])
async def test_of_two_rows_made_for_one_location_one_goes_out_of_use_and_is_nobody_s(
    house: House, *, begun_only: bool
) -> None:
    house.locations.staff_create(dps_cell(id=NEW_ID, code="018"))
    first = asleep(partial(house.stepped.settle_dps, NEW_ID), 6)
    house.locations.staff_edit(NEW_ID, code="019")
    second = asleep(partial(house.stepped.settle_dps, NEW_ID), 8)
    for walk in (first, second):
        walk.finish()
    linked = house.mappings.by_dps[NEW_ID].nomis_location_id
    [spare] = house.nomis.rows.keys() - {LANDING_NOMIS, CELL_NOMIS, linked}
    assert is_spare(house.nomis.rows[spare])
    if begun_only:
        house.nomis.screen_edit(spare, active=True, certified=True)
    assert (await house.settler.settle_nomis(spare)).act is Act.IGNORED
    assert is_spare(house.nomis.rows[spare])
    assert house.nomis.rows[linked].description == "NWI-2-019"


async def test_a_twin_that_migration_made_of_a_row_that_is_another_s_goes(house: House) -> None:
    other = house.nomis.screen_insert(nomis_cell(location_code="018", description="NWI-2-018")).location_id
    await house.settler.settle_nomis(other)
    await house.mappings.remove(dps_id_for(other))
    house.locations.staff_create(dps_cell(id=NEW_ID, code="019"))
    link = LocationMapping(dps_location_id=NEW_ID, nomis_location_id=other, mapping_type=MappingType.NOMIS_CREATED)
    await house.mappings.save(link)
    assert (await house.settler.settle_dps(dps_id_for(other))).act is Act.DELETED
    assert dps_id_for(other) in house.locations.tombstones


@pytest.mark.parametrize("edited", [False, True])
async def test_a_late_put_that_brings_back_an_old_value_is_no_edit(*, edited: bool) -> None:
    house = House(conditional_writes=False)
    await house.furnish()
    house.locations.staff_edit(CELL_ID, comments="ours")
    late = asleep(partial(house.stepped.settle_dps, CELL_ID), 5)
    house.locations.staff_edit(CELL_ID, comments="ours again", local_name="Ours")
    await house.settler.settle_dps(CELL_ID)
    while house.row.comment == "ours again":
        late.step()
    assert (house.row.comment, house.row.user_description) == ("ours", None)
    if edited:
        house.nomis.screen_edit(CELL_NOMIS, comment="theirs", user_description="Theirs")
    await house.settler.settle_nomis(CELL_NOMIS)
    kept = ("theirs", "Theirs") if edited else ("ours again", "Ours")
    assert (house.cell.comments, house.cell.local_name) == (house.row.comment, house.row.user_description) == kept


async def test_an_edit_taken_back_in_dps_while_its_put_is_in_the_air_stays_taken_back(house: House) -> None:
    before = house.cell.attributes
    house.locations.staff_edit(CELL_ID, attributes=(Attribute.CAT_B,), certified=False)
    late = asleep(partial(house.stepped.settle_dps, CELL_ID), 4 if house.nomis.conditional_writes else 5)
    house.locations.staff_edit(CELL_ID, attributes=before, certified=True)
    await house.settler.settle_dps(CELL_ID)
    assert house.locations.states[CELL_ID].published == {}
    late.finish()
    assert (house.cell.attributes, house.cell.certified, house.row.certified) == (before, True, True)
    assert house.locations.conflicts == []
    assert house.differences() == []


def set_back(house: House) -> None:
    """Set NOMIS's clock back by seven seconds."""
    at = house.nomis.now() - timedelta(seconds=7)
    house.nomis.now = lambda: at


async def test_a_late_put_is_known_as_ours_though_the_clock_was_set_back_before_it() -> None:
    house = House(conditional_writes=False)
    await house.furnish()
    house.nomis.screen_edit(CELL_NOMIS, location_code="018")
    await house.settler.settle_nomis(CELL_NOMIS)
    house.locations.staff_edit(CELL_ID, comments="ours")
    late = asleep(partial(house.stepped.settle_dps, CELL_ID), 5)
    set_back(house)
    house.nomis.screen_edit(CELL_NOMIS, location_code="019")
    await house.settler.settle_nomis(CELL_NOMIS)
    late.step()
    assert (house.cell.code, house.row.location_code) == ("019", "018")
    await house.settler.settle_nomis(CELL_NOMIS)
    assert (house.cell.code, house.row.location_code) == ("019", "019")
    assert "code" not in {conflict.field for _, conflict in house.locations.conflicts}


async def test_where_a_clock_set_back_leaves_open_who_wrote_last_the_overwritten_value_is_on_record() -> None:
    house = House(conditional_writes=False)
    await house.furnish()
    house.nomis.screen_edit(CELL_NOMIS, location_code="018")
    await house.settler.settle_nomis(CELL_NOMIS)
    house.locations.staff_edit(CELL_ID, comments="ours")
    late = asleep(partial(house.stepped.settle_dps, CELL_ID), 5)
    house.locations.staff_edit(CELL_ID, code="017")
    await house.settler.settle_dps(CELL_ID)
    set_back(house)
    late.step()
    assert (house.cell.code, house.row.location_code) == ("017", "018")
    await house.settler.settle_nomis(CELL_NOMIS)
    assert house.cell.code == house.row.location_code
    [told] = [conflict for _, conflict in house.locations.conflicts if conflict.field == "code"]
    assert (told.dps, told.nomis) == ("017", "018")
    assert "cannot be told" in told.reason


async def test_what_staff_edited_in_a_twin_that_goes_is_on_record(house: House) -> None:
    theirs = house.nomis.screen_insert(
        nomis_cell(location_code="018", description="NWI-2-018", parent_location_id=LANDING_NOMIS)
    ).location_id
    late = Running(partial(house.stepped.settle_nomis, theirs))
    while dps_id_for(theirs) not in house.locations.locations:
        late.step()
    house.locations.staff_create(dps_cell(id=NEW_ID, code="019"))
    link = LocationMapping(dps_location_id=NEW_ID, nomis_location_id=theirs, mapping_type=MappingType.NOMIS_CREATED)
    await house.mappings.save(link)
    house.locations.staff_edit(dps_id_for(theirs), comments="ours")
    late.finish()
    assert dps_id_for(theirs) in house.locations.tombstones
    [told] = [c for who, c in house.locations.conflicts if who == dps_id_for(theirs)]
    assert (told.field, told.reason) == (
        "deleted",
        f"staff edited it in the moment before it turned out to be a twin of {NEW_ID}",
    )


async def test_a_row_made_again_before_its_link_was_saved_is_on_record_with_what_staff_edited(house: House) -> None:
    row = nomis_cell(location_code="018", description="NWI-2-018", user_description="theirs")
    first = house.nomis.screen_insert(row).location_id
    who = dps_id_for(first)
    died = Running(partial(house.stepped.settle_nomis, first))
    while who not in house.locations.locations:
        died.step()
    house.locations.staff_edit(who, local_name="ours")
    house.nomis.screen_delete(first)
    again = house.nomis.screen_insert(row.model_copy(update={"user_description": None})).location_id
    await house.settler.settle_dps(who)
    assert house.mappings.by_dps[who].nomis_location_id == again
    assert house.nomis.rows[again].user_description == house.locations.locations[who].local_name == "ours"
    [told] = [conflict for location_id, conflict in house.locations.conflicts if location_id == who]
    assert (told.field, told.base, told.dps, told.nomis) == ("localName", "theirs", "ours", "")


async def test_a_row_made_again_by_a_walk_that_died_is_linked_though_the_edit_was_taken_back(house: House) -> None:
    before = house.cell.comments
    house.locations.staff_edit(CELL_ID, comments="ours")
    house.nomis.screen_delete(CELL_NOMIS)
    died = Running(partial(house.stepped.settle_nomis, CELL_NOMIS))
    while "create" not in house.nomis.calls:
        died.step()
    house.locations.staff_edit(CELL_ID, comments=before)
    [again] = house.nomis.rows.keys() - {LANDING_NOMIS}
    await house.settler.settle_nomis(CELL_NOMIS)
    assert house.mappings.by_dps[CELL_ID].nomis_location_id == again
    assert house.nomis.rows[again].comment == before
    assert house.differences() == []


async def test_of_two_rows_made_the_spare_goes_out_of_use_though_the_linked_one_is_deleted(house: House) -> None:
    house.locations.staff_create(dps_cell(id=NEW_ID, code="018"))
    first = asleep(partial(house.stepped.settle_dps, NEW_ID), 6)
    house.locations.staff_edit(NEW_ID, code="019")
    asleep(partial(house.stepped.settle_dps, NEW_ID), 8).finish()
    linked = house.mappings.by_dps[NEW_ID].nomis_location_id
    house.nomis.screen_delete(linked)
    first.finish()
    [spare] = [each for each in house.nomis.rows.values() if is_spare(each)]
    assert spare.location_id not in house.mappings.by_nomis
