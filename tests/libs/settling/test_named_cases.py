"""Cases that people asked about by name; the simulation meets them all, here each can be read alone."""

from typing import Any
from uuid import UUID, uuid4

import pytest

from libs.domain.codes import ConvertedCellType
from libs.domain.nomis import NomisLocationId, NomisUsage
from libs.domain.sync import OwnLocation
from libs.messaging.outcome import RetryLater, Unprocessable
from libs.settling.outcome import Act
from libs.settling.settler import Settler
from tests.fakes.fake_nomis import FakeNomis
from tests.libs.domain.rows import CELL_ID, CELL_NOMIS, LANDING_ID, LANDING_NOMIS, dps_cell, nomis_cell
from tests.simulation.house import House


@pytest.fixture(params=[False, True], ids=["plain NOMIS", "conditional NOMIS"])
async def house(request: pytest.FixtureRequest) -> House:
    house = House(conditional_writes=request.param)
    await house.furnish()
    return house


async def second_cell(house: House) -> tuple[UUID, NomisLocationId]:
    own: OwnLocation = house.locations.staff_create(dps_cell(id=uuid4(), code="018"))
    await house.settler.settle_dps(own.id)
    return own.id, house.mappings.by_dps[own.id].nomis_location_id


def swap_in_dps(house: House, other: UUID) -> None:
    for who, code in ((CELL_ID, "TMP"), (other, "017"), (CELL_ID, "018")):
        house.locations.staff_edit(who, code=code)


def swap_in_nomis(house: House, other: NomisLocationId) -> None:
    for row, code in ((CELL_NOMIS, "TMP"), (other, "017"), (CELL_NOMIS, "018")):
        house.nomis.screen_edit(row, location_code=code, description=f"NWI-2-{code}")


async def test_two_cells_that_swapped_codes_in_dps_swap_in_nomis(house: House) -> None:
    other, other_row = await second_cell(house)
    swap_in_dps(house, other)
    await house.settler.settle_dps(CELL_ID)
    await house.settler.settle_dps(other)
    assert (house.row.description, house.nomis.rows[other_row].description) == ("NWI-2-018", "NWI-2-017")
    assert (house.differences(), house.locations.conflicts) == ([], [])


async def test_two_rows_that_swapped_codes_in_nomis_swap_in_dps(house: House) -> None:
    other, other_row = await second_cell(house)
    swap_in_nomis(house, other_row)
    await house.settler.settle_nomis(other_row)
    await house.settler.settle_nomis(CELL_NOMIS)
    assert (house.cell.key, house.locations.locations[other].key) == ("NWI-2-018", "NWI-2-017")
    assert (house.differences(), house.locations.conflicts) == ([], [])


async def test_a_code_renamed_on_both_sides_is_the_authority_s_and_recorded(house: House) -> None:
    house.locations.staff_edit(CELL_ID, code="018")
    house.nomis.screen_edit(CELL_NOMIS, location_code="019", description="NWI-2-019")
    await house.settler.settle_nomis(CELL_NOMIS)
    assert (house.row.location_code, house.row.description, house.cell.key) == ("018", "NWI-2-018", "NWI-2-018")
    assert {(c.field, c.nomis) for _, c in house.locations.conflicts} == {("code", "019"), ("description", "NWI-2-019")}


async def test_two_moves_legal_alone_that_make_a_circle_are_put_back_and_recorded(house: House) -> None:
    own = house.locations.staff_create(dps_cell(id=uuid4(), code="9", location_type="LANDING", parent_id=None))
    await house.settler.settle_dps(own.id)
    other = house.mappings.by_dps[own.id].nomis_location_id
    house.locations.staff_edit(own.id, parent_id=LANDING_ID)
    house.nomis.screen_edit(LANDING_NOMIS, parent_location_id=other)
    await house.settler.settle_nomis(LANDING_NOMIS)
    await house.settler.settle_dps(own.id)
    assert house.differences() == []
    assert house.nomis.rows[LANDING_NOMIS].parent_location_id is None
    assert [c.field for _, c in house.locations.conflicts] == ["parentId"]


async def test_a_row_moved_to_another_parent_moves_in_dps(house: House) -> None:
    landing = house.nomis.screen_insert(
        nomis_cell(location_type="LAND", location_code="3", description="NWI-3", parent_location_id=None)
    )
    house.nomis.screen_edit(CELL_NOMIS, parent_location_id=landing.location_id, description="NWI-3-017")
    await house.settler.settle_nomis(CELL_NOMIS)
    assert house.cell.key == "NWI-3-017"
    assert (house.differences(), house.locations.conflicts) == ([], [])


async def test_a_create_whose_link_was_lost_and_whose_key_changed_is_adopted(house: House) -> None:
    own = house.locations.staff_create(dps_cell(id=uuid4(), code="018"))
    await house.settler.settle_dps(own.id)
    made = house.mappings.by_dps[own.id].nomis_location_id
    await house.mappings.remove(own.id)
    house.locations.staff_edit(own.id, code="019")
    await house.settler.settle_dps(own.id, "NWI-2-019")
    assert house.mappings.by_dps[own.id].nomis_location_id == made
    assert len(house.nomis.rows) == 3
    assert (house.differences(), house.locations.conflicts) == ([], [])


@pytest.mark.parametrize("insert_first", [True, False])
async def test_a_row_deleted_and_made_again_under_the_same_key_is_a_new_location(
    house: House, *, insert_first: bool
) -> None:
    house.nomis.screen_delete(CELL_NOMIS)
    again = house.nomis.screen_insert(nomis_cell(description="NWI-2-017", comment="new")).location_id
    for row in (again, CELL_NOMIS) if insert_first else (CELL_NOMIS, again):
        await house.settler.settle_nomis(row)
    assert house.differences() == []
    assert CELL_ID in house.locations.tombstones
    assert house.locations.locations[house.mappings.by_nomis[again].dps_location_id].comments == "new"


async def test_an_archived_location_edited_in_nomis_is_put_back(house: House) -> None:
    house.locations.staff_edit(CELL_ID, active=False, archived=True, deactivated_date=house.locations.now())
    await house.settler.settle_dps(CELL_ID)
    house.nomis.screen_edit(CELL_NOMIS, active=True, deactivate_date=None, reason_code=None, comment="theirs")
    await house.settler.settle_nomis(CELL_NOMIS)
    assert (house.row.active, house.row.comment) == (False, "Door re-hung")
    assert {"active", "comments"} <= {c.field for _, c in house.locations.conflicts}


async def test_a_wing_renamed_while_its_cells_are_edited(house: House) -> None:
    house.nomis.screen_edit(CELL_NOMIS, comment="theirs")
    house.locations.staff_edit(LANDING_ID, code="9")
    house.locations.staff_edit(CELL_ID, order_within_parent_location=99)
    for who in (CELL_ID, LANDING_ID):
        await house.settler.settle_dps(who)
    assert (house.row.description, house.row.comment, house.row.list_sequence) == ("NWI-9-017", "theirs", 99)
    assert (house.differences(), house.locations.conflicts) == ([], [])


async def test_an_active_child_under_an_inactive_parent_stays_active(house: House) -> None:
    house.nomis.screen_edit(LANDING_NOMIS, active=False, reason_code="D")
    await house.settler.settle_nomis(LANDING_NOMIS)
    assert (await house.settler.settle_dps(CELL_ID)).act is Act.NOTHING
    assert (house.cell.active, house.row.active) == (True, True)


@pytest.mark.parametrize("kind", [{"location_type": "LAND"}, {"location_type": "CLAS", "unit_type": None}])
async def test_totals_and_capacity_of_rooms_are_left_alone(house: House, kind: dict[str, Any]) -> None:
    house.nomis.screen_edit(CELL_NOMIS, **kind, capacity=40, operational_capacity=30, cna_capacity=20)
    await house.settler.settle_nomis(CELL_NOMIS)
    house.locations.staff_edit(CELL_ID, comments="ours")
    await house.settler.settle_dps(CELL_ID)
    row = house.row
    assert (row.capacity, row.operational_capacity, row.cna_capacity, row.comment) == (40, 30, 20, "ours")
    assert house.cell.max_capacity is None


async def test_long_texts_are_cut_on_the_way_out_and_come_back_whole(house: House) -> None:
    house.locations.staff_edit(CELL_ID, local_name="n" * 80, comments="c" * 255)
    await house.settler.settle_dps(CELL_ID)
    assert (len(house.row.user_description or ""), len(house.row.comment or "")) == (40, 240)
    house.nomis.screen_edit(CELL_NOMIS, capacity=3)
    await house.settler.settle_nomis(CELL_NOMIS)
    assert (len(house.cell.local_name or ""), len(house.cell.comments or ""), house.cell.max_capacity) == (80, 255, 3)


@pytest.mark.parametrize(
    "oddity",
    [
        *({"active": False, "reason_code": letter} for letter in "ABCDEFGHIJKL"),
        {"location_type": "BLK"},
        {"location_type": "TIER"},
        {"location_type": "CLAS", "unit_type": None, "usages": (NomisUsage(internal_location_usage_type="OTH"),)},
    ],
    ids=str,
)
async def test_codes_that_fold_stay_as_nomis_has_them(house: House, oddity: dict[str, Any]) -> None:
    house.nomis.screen_edit(CELL_NOMIS, **oddity)
    await house.settler.settle_nomis(CELL_NOMIS)
    house.locations.staff_edit(CELL_ID, comments="ours")
    await house.settler.settle_dps(CELL_ID)
    assert house.row.comment == "ours"
    assert {name: getattr(house.row, name) for name in oddity} == oddity


async def test_what_stays_different_whatever_is_written_cannot_be_settled(house: House) -> None:
    class Deaf(FakeNomis):
        async def carry_out(self, location_id: Any, writes: Any, etag: str | None) -> None:
            """Takes the call and does nothing."""

    deaf = Deaf()
    deaf.rows = house.nomis.rows
    house.locations.staff_edit(CELL_ID, comments="ours")
    with pytest.raises(Unprocessable, match=f"cannot settle {CELL_ID} and {CELL_NOMIS}: comments"):
        await Settler(house.locations, deaf, house.mappings).settle_dps(CELL_ID)


async def test_a_row_under_the_path_of_a_linked_location_waits_naming_both(house: House) -> None:
    twin = house.nomis.screen_insert(nomis_cell(description="NWI-ODD", location_code="017")).location_id
    with pytest.raises(RetryLater, match=f"duplicate path: {twin}.*{CELL_ID}"):
        await house.settler.settle_nomis(twin)


async def test_the_key_of_a_location_deleted_in_dps_is_free_for_a_new_one(house: House) -> None:
    house.locations.bury(CELL_ID)
    own = house.locations.staff_create(dps_cell(id=uuid4()))
    await house.settler.settle_dps(own.id)
    assert house.nomis.rows[house.mappings.by_dps[own.id].nomis_location_id].description == "NWI-2-017"
    assert not house.row.active


async def test_a_change_costs_few_calls(house: House) -> None:
    counted = Counting(house)
    house.locations.staff_edit(CELL_ID, comments="ours")
    await counted.settler.settle_dps(CELL_ID)
    plain = 0 if house.nomis.conditional_writes else 1
    assert len(counted.calls) == 7 + plain, counted.calls
    counted.calls.clear()
    house.nomis.screen_edit(CELL_NOMIS, comment="theirs")
    await counted.settler.settle_nomis(CELL_NOMIS)
    assert len(counted.calls) == 6, counted.calls


class Counting:
    """A settler whose remote calls are written down."""

    def __init__(self, house: House) -> None:
        self.calls: list[str] = []
        self.settler = Settler(self._over(house.locations), self._over(house.nomis), self._over(house.mappings))

    def _over(self, port: Any) -> Any:
        calls = self.calls

        class Over:
            def __getattr__(self, name: str) -> Any:
                calls.append(name)
                return getattr(port, name)

        return Over()


async def test_a_move_in_nomis_that_is_put_back_takes_its_description_along(house: House) -> None:
    house.locations.staff_edit(CELL_ID, converted_cell_type=ConvertedCellType.OFFICE)
    await house.settler.settle_dps(CELL_ID)
    house.nomis.screen_edit(CELL_NOMIS, location_code="099", description="NWI-2-099")
    await house.settler.settle_nomis(CELL_NOMIS)
    assert (house.row.location_code, house.row.description) == ("017", "NWI-2-017")
    assert {c.field for _, c in house.locations.conflicts} == {"code", "description"}
    house.nomis.screen_edit(CELL_NOMIS, description="NWI-ODD")
    await house.settler.settle_nomis(CELL_NOMIS)
    assert house.row.description == "NWI-ODD"
