"""The walk over a linked pair, from both ends, in every order."""

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from libs.domain.codes import ConvertedCellType, LocationType, UsageType
from libs.domain.identity import dps_id_for
from libs.domain.nomis import NomisUsage, Profile
from libs.domain.sync import Side, Usage
from libs.messaging.outcome import RetryLater
from libs.settling.outcome import Act
from tests.fakes.fake_nomis import FakeNomis
from tests.libs.domain.rows import CELL_ID, CELL_NOMIS, LANDING_ID, LANDING_NOMIS, nomis_cell
from tests.simulation.house import House
from tests.simulation.stepping import Running, Walk, every_order, in_order

TURNS = 6  # of each walk are interleaved in every way; what is left runs to its end


@pytest.fixture(params=[False, True], ids=["plain NOMIS", "conditional NOMIS"])
async def house(request: pytest.FixtureRequest) -> House:
    return await furnished(conditional_writes=request.param)


async def furnished(*, conditional_writes: bool) -> House:
    house = House(conditional_writes=conditional_writes)
    await house.furnish()
    return house


def both_ends(house: House) -> list[Walk]:
    return [partial(house.stepped.settle_dps, CELL_ID), partial(house.stepped.settle_nomis, CELL_NOMIS)]


async def test_a_pair_that_agrees_costs_no_write(house: House) -> None:
    settled = await house.settler.settle_dps(CELL_ID)
    assert settled.act is Act.NOTHING
    assert house.nomis.calls == []
    assert house.locations.events == []


async def test_a_staff_edit_reaches_nomis_and_moves_the_base(house: House) -> None:
    house.locations.staff_edit(CELL_ID, max_capacity=3, local_name="Corner")
    settled = await house.settler.settle_dps(CELL_ID)
    assert settled.act is Act.AMENDED
    assert (house.row.capacity, house.row.operational_capacity, house.row.user_description) == (3, 1, "Corner")
    state = house.locations.states[CELL_ID]
    assert state.base is not None
    assert (state.base["maxCapacity"], state.published) == (3, {})
    assert (await house.settler.settle_dps(CELL_ID)).act is Act.NOTHING


async def test_a_screen_edit_reaches_dps_without_a_write_to_nomis(house: House) -> None:
    house.nomis.screen_edit(CELL_NOMIS, comment="Wet", certified=False)
    await house.settler.settle_nomis(CELL_NOMIS)
    assert (house.cell.comments, house.cell.certified) == ("Wet", False)
    assert house.cell.last_modified_by == "OFFICER"
    assert house.nomis.calls == []


@pytest.mark.parametrize("conditional_writes", [False, True])
async def test_edits_of_different_fields_survive_every_order_of_the_two_walks(*, conditional_writes: bool) -> None:
    tried = 0
    for order in every_order(TURNS):
        house = await furnished(conditional_writes=conditional_writes)
        house.locations.staff_edit(CELL_ID, local_name="Corner")
        house.nomis.screen_edit(CELL_NOMIS, capacity=3)
        in_order(order, both_ends(house))
        assert (house.cell.local_name, house.cell.max_capacity) == ("Corner", 3), order
        assert (house.row.user_description, house.row.capacity) == ("Corner", 3), order
        assert house.locations.conflicts == [], order
        assert house.locations.states[CELL_ID].published == {}, order
        tried += 1
    assert tried == 924


@pytest.mark.parametrize("authority", Side)
async def test_edits_of_one_field_end_equal_and_recorded_in_every_order(authority: Side) -> None:
    for order in every_order(TURNS):
        house = await furnished(conditional_writes=True)
        house.locations.set_sync(CELL_ID, authority=authority)
        house.locations.staff_edit(CELL_ID, comments="mine")
        house.nomis.screen_edit(CELL_NOMIS, comment="theirs")
        in_order(order, both_ends(house))
        kept = "mine" if authority is Side.DPS else "theirs"
        assert (house.cell.comments, house.row.comment) == (kept, kept), order
        assert [c.won for _, c in house.locations.conflicts] == [authority], order


@pytest.mark.parametrize("edit_at", range(1, 9))
async def test_a_staff_edit_in_the_middle_of_a_walk_is_not_lost(house: House, edit_at: int) -> None:
    house.locations.staff_edit(CELL_ID, comments="first")
    walk = Running(lambda: house.stepped.settle_dps(CELL_ID))
    for _ in range(edit_at):
        walk.step()
    house.locations.staff_edit(CELL_ID, comments="second")
    walk.finish()
    await house.settler.settle_dps(CELL_ID)
    assert (house.cell.comments, house.row.comment) == ("second", "second")
    assert house.locations.conflicts == []


@pytest.mark.parametrize("edit_at", range(1, 9))
async def test_a_screen_edit_that_is_taken_back_in_the_middle_of_its_walk_ends_taken_back(
    house: House, edit_at: int
) -> None:
    """The walk of the second edit finds both sides as they were and writes nothing, so no version tells the first."""
    before = house.row.comment
    house.nomis.screen_edit(CELL_NOMIS, comment="first")
    walk = Running(lambda: house.stepped.settle_nomis(CELL_NOMIS))
    for _ in range(edit_at):
        walk.step()
    house.nomis.screen_edit(CELL_NOMIS, comment=before)
    await house.settler.settle_nomis(CELL_NOMIS)
    walk.finish()
    assert (house.cell.comments, house.row.comment) == (before, before)


async def written_by_us(house: House) -> None:
    """Have a walk write the location's row in NOMIS, for another field's sake."""
    house.locations.staff_edit(CELL_ID, local_name="Corner")
    await house.settler.settle_dps(CELL_ID)


async def test_a_profile_that_a_screen_takes_away_again_stays_away_though_we_wrote_the_row_meanwhile(
    house: House,
) -> None:
    """The row says that we wrote it last, and what it is to hold is an earlier value; that is no late write of ours."""
    before = house.row.profiles
    house.nomis.screen_edit(CELL_NOMIS, profiles=(*before, Profile(profile_type="SUP_LVL_TYPE", profile_code="B")))
    await house.settler.settle_nomis(CELL_NOMIS)
    await written_by_us(house)
    house.nomis.screen_edit(CELL_NOMIS, profiles=before)
    await house.settler.settle_nomis(CELL_NOMIS)
    assert house.row.profiles == before
    assert house.differences() == []
    assert house.locations.conflicts == []


async def test_a_use_that_a_screen_sets_back_stays_so_or_is_recorded(house: House) -> None:
    """Nothing tells who wrote a use last; where writes are conditional we know at least that we never sent it."""
    first, other = (NomisUsage(internal_location_usage_type="PROG", capacity=places) for places in (12, 9))
    oddity: dict[str, Any] = {"location_type": "WORK", "unit_type": None, "profiles": (), "usages": (first,)}
    shop = house.nomis.screen_insert(nomis_cell(location_code="WS4", description="NWI-2-WS4", **oddity)).location_id
    await house.settler.settle_nomis(shop)
    house.nomis.screen_edit(shop, usages=(other,))
    await house.settler.settle_nomis(shop)
    house.locations.staff_edit(dps_id_for(shop), local_name="Shop")
    await house.settler.settle_dps(dps_id_for(shop))
    house.nomis.screen_edit(shop, usages=(first,))
    await house.settler.settle_nomis(shop)
    assert house.differences() == []
    if house.nomis.conditional_writes:
        assert house.nomis.rows[shop].usages == (first,)
        assert house.locations.conflicts == []
    else:
        assert [conflict.field for _, conflict in house.locations.conflicts] == ["usages"]


async def test_uses_that_staff_set_time_and_again_are_in_nobodys_doubt(house: House) -> None:
    """What NOMIS holds is what was sent the time before, and agreed on: nobody's edit is overwritten."""
    oddity: dict[str, Any] = {"location_type": "WORK", "unit_type": None, "profiles": ()}
    shop = house.nomis.screen_insert(nomis_cell(location_code="WS4", description="NWI-2-WS4", **oddity)).location_id
    await house.settler.settle_nomis(shop)
    for places in (12, 9, 4):
        use = Usage(usage_type=UsageType.PROGRAMMES_ACTIVITIES, capacity=places, sequence=1)
        house.locations.staff_edit(dps_id_for(shop), usages=(use,))
        await house.settler.settle_dps(dps_id_for(shop))
        assert [each.capacity for each in house.nomis.rows[shop].usages] == [places]
    assert house.locations.conflicts == []


@pytest.mark.parametrize("edit_at", range(1, 9))
async def test_a_screen_edit_in_the_middle_of_a_walk_survives_or_is_recorded(edit_at: int) -> None:
    house = await furnished(conditional_writes=False)
    house.locations.staff_edit(CELL_ID, local_name="Corner")
    walk = Running(lambda: house.stepped.settle_dps(CELL_ID))
    for _ in range(edit_at):
        walk.step()
    house.nomis.screen_edit(CELL_NOMIS, comment="Wet")
    walk.finish()
    await house.settler.settle_nomis(CELL_NOMIS)
    assert house.differences() == []
    kept = house.row.comment == "Wet"
    assert kept or [c.nomis for _, c in house.locations.conflicts] == ["Wet"]


@pytest.mark.parametrize("edit_at", range(1, 9))
async def test_with_conditional_writes_a_screen_edit_always_survives(edit_at: int) -> None:
    house = await furnished(conditional_writes=True)
    house.locations.staff_edit(CELL_ID, local_name="Corner")
    walk = Running(lambda: house.stepped.settle_dps(CELL_ID))
    for _ in range(edit_at):
        walk.step()
    house.nomis.screen_edit(CELL_NOMIS, comment="Wet")
    walk.finish()
    await house.settler.settle_nomis(CELL_NOMIS)
    assert (house.row.comment, house.cell.comments, house.row.user_description) == ("Wet", "Wet", "Corner")


@pytest.mark.parametrize("dies_at", range(1, 10))
async def test_a_walk_that_dies_anywhere_is_finished_by_the_next(house: House, dies_at: int) -> None:
    house.locations.staff_edit(CELL_ID, comments="new", max_capacity=4)
    walk = Running(lambda: house.stepped.settle_dps(CELL_ID))
    for _ in range(dies_at):
        walk.step()
    walk.die()
    walk.finish()
    assert (house.row.comment, house.row.capacity) == ("new", 4)
    assert house.differences() == []
    assert house.locations.conflicts == []


async def test_a_renamed_landing_renames_its_cells_in_nomis(house: House) -> None:
    house.locations.staff_edit(LANDING_ID, code="9")
    await house.settler.settle_dps(LANDING_ID)
    await house.settler.settle_dps(CELL_ID)
    assert house.nomis.rows[LANDING_NOMIS].description == "NWI-9"
    assert house.row.description == "NWI-9-017"


async def test_a_description_that_is_not_parent_and_code_is_left_alone(house: House) -> None:
    house.nomis.rows[CELL_NOMIS] = house.row.model_copy(update={"description": "NWI-ODD"})
    house.locations.set_sync(CELL_ID, nomis_description="NWI-ODD")
    house.locations.staff_edit(CELL_ID, comments="new")
    await house.settler.settle_dps(CELL_ID)
    assert (house.row.description, house.row.comment) == ("NWI-ODD", "new")


async def test_a_code_changed_in_nomis_is_not_written_back_as_a_description(house: House) -> None:
    house.nomis.screen_edit(CELL_NOMIS, location_code="018", description="NWI-X-018")
    await house.settler.settle_nomis(CELL_NOMIS)
    assert house.cell.key == "NWI-2-018"
    assert house.row.description == "NWI-X-018"
    assert (await house.settler.settle_nomis(CELL_NOMIS)).act is Act.NOTHING


async def test_a_converted_cell_edited_in_nomis_is_put_back(house: House) -> None:
    house.locations.staff_edit(CELL_ID, converted_cell_type=ConvertedCellType.OFFICE, max_capacity=None)
    await house.settler.settle_dps(CELL_ID)
    assert house.row.location_type == "ROOM"
    house.nomis.screen_edit(CELL_NOMIS, comment="theirs")
    await house.settler.settle_nomis(CELL_NOMIS)
    assert house.row.comment == "Door re-hung"
    assert [c.nomis for _, c in house.locations.conflicts] == ["theirs"]
    assert house.row.capacity == 2


@pytest.mark.parametrize(
    "oddity",
    [
        {"location_type": "BLK"},
        {"profiles": (Profile(profile_type="NON_ASSO_TYP", profile_code="WING"),)},
        {"unit_type": None, "location_type": "CLAS", "usages": (NomisUsage(internal_location_usage_type="OTH"),)},
        {"active": False, "reason_code": "K"},
        {"capacity": None, "operational_capacity": None},
    ],
    ids=["folded type", "foreign profile", "OTH", "folded reason", "no numbers"],
)
async def test_what_nomis_alone_can_say_survives_a_staff_edit(house: House, oddity: dict[str, Any]) -> None:
    house.nomis.screen_edit(CELL_NOMIS, **oddity)
    await house.settler.settle_nomis(CELL_NOMIS)
    house.locations.staff_edit(CELL_ID, comments="new")
    await house.settler.settle_dps(CELL_ID)
    assert house.row.comment == "new"
    assert {name: getattr(house.row, name) for name in oddity} == oddity


async def test_a_nomis_that_never_stands_still_is_tried_again_later(house: House) -> None:
    class Restless(FakeNomis):
        async def read(self, location_id: Any) -> Any:
            row = await super().read(location_id)
            self.screen_edit(location_id, comment=f"edit {len(self.rows[location_id].amendments)}")
            return row

    restless = Restless(conditional_writes=False)
    restless.rows = house.nomis.rows
    house.locations.staff_edit(CELL_ID, local_name="Corner")
    settle: Callable[[], Any] = lambda: type(house.settler)(house.locations, restless, house.mappings)  # noqa: E731
    with pytest.raises(RetryLater, match="keep changing"):
        await settle().settle_dps(CELL_ID)


async def test_a_cell_made_a_room_in_nomis_follows(house: House) -> None:
    house.nomis.screen_edit(CELL_NOMIS, location_type="INTE", unit_type=None)
    await house.settler.settle_nomis(CELL_NOMIS)
    assert (house.cell.location_type, house.cell.residential_housing_type) == (LocationType.INTERVIEW, None)
    assert house.differences() == []
