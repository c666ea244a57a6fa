"""A prison that is one way: what changes in NOMIS is put back or reported, never copied, and nothing is deleted."""

from typing import Any
from uuid import UUID

import pytest

from libs.domain.nomis import NomisLocationId
from libs.domain.sync import LocationMirror
from libs.messaging.outcome import RetryLater
from libs.settling.outcome import Act
from libs.settling.ports import Busy
from tests.libs.domain.rows import CELL_ID, CELL_NOMIS, LANDING_ID, LANDING_NOMIS, dps_cell, nomis_cell
from tests.simulation.house import House


@pytest.fixture(params=[False, True], ids=["plain NOMIS", "conditional NOMIS"])
async def house(request: pytest.FixtureRequest) -> House:
    house = House(conditional_writes=request.param)
    await house.furnish()
    for location_id in house.locations.locations:
        house.locations.set_sync(location_id, one_way=True)
    house.locations.one_way_prisons.add("NWI")
    return house


def inserted(house: House, code: str, **changed: Any) -> NomisLocationId:
    plain = {"location_code": code, "description": f"NWI-C-2-{code}", "parent_location_id": LANDING_NOMIS}
    return house.nomis.screen_insert(nomis_cell(**plain | changed)).location_id


async def test_an_edit_in_nomis_is_put_back_and_recorded(house: House) -> None:
    house.nomis.screen_edit(CELL_NOMIS, comment="By SQL", capacity=9)
    await house.settler.settle_nomis(CELL_NOMIS)
    assert (house.row.comment, house.row.capacity) == ("Door re-hung", 2)
    assert {(each.field, each.nomis) for _, each in house.locations.conflicts} == {
        ("comments", "By SQL"),
        ("maxCapacity", 9),
    }
    assert house.locations.events == []


async def test_an_edit_in_dps_goes_over_as_ever(house: House) -> None:
    house.locations.staff_edit(CELL_ID, max_capacity=3)
    await house.settler.settle_dps(CELL_ID)
    assert (house.row.capacity, house.locations.conflicts) == (3, [])


async def test_a_row_deleted_in_nomis_is_made_again(house: House) -> None:
    house.nomis.screen_delete(CELL_NOMIS)
    await house.settler.settle_nomis(CELL_NOMIS)
    assert CELL_ID in house.locations.locations
    link = house.mappings.by_dps[CELL_ID]
    assert house.nomis.rows[link.nomis_location_id].description == house.cell.key
    assert [each.field for _, each in house.locations.conflicts] == ["deleted"]


async def test_a_row_inserted_in_nomis_is_neither_copied_nor_deleted(house: House) -> None:
    wing = inserted(house, "X", location_type="WING")
    below = inserted(house, "Y", parent_location_id=wing)
    for each in (wing, below):
        settled = await house.settler.settle_nomis(each)
        assert (settled.act, settled.reason) == (Act.IGNORED, "sync off")
    assert {wing, below} <= house.nomis.rows.keys()
    assert len(house.locations.locations) == len(house.mappings.by_dps)


async def test_a_row_moved_below_an_inserted_one_is_put_back(house: House) -> None:
    wing = inserted(house, "X", location_type="WING")
    house.nomis.screen_edit(CELL_NOMIS, parent_location_id=wing)
    await house.settler.settle_nomis(CELL_NOMIS)
    assert (house.row.parent_location_id, house.cell.parent_id) == (LANDING_NOMIS, LANDING_ID)
    assert [each.field for _, each in house.locations.conflicts] == ["parentId"]


async def test_who_is_busy_in_dps_is_tried_again(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    async def busy(*_: object) -> LocationMirror:
        raise Busy("try again")

    house.locations.staff_edit(CELL_ID, max_capacity=3)
    monkeypatch.setattr(house.locations, "write", busy)
    with pytest.raises(RetryLater, match="busy in DPS"):
        await house.settler.settle_dps(CELL_ID)
    assert house.row.capacity == 2


async def test_a_visit_room_is_taken_all_the_same(house: House) -> None:
    room = inserted(
        house,
        "VSIP_SOC",
        description="NWI-VISITS-VSIP_SOC",
        location_type="VISIT",
        unit_type=None,
        parent_location_id=None,
        create_username="PRISONER_MANAGER_API",
        profiles=(),
    )
    settled = await house.settler.settle_nomis(room)
    assert settled.act is Act.CREATED


async def test_a_description_changed_in_nomis_is_put_back_and_recorded(house: House) -> None:
    house.nomis.screen_edit(CELL_NOMIS, description="NWI-ODD")
    await house.settler.settle_nomis(CELL_NOMIS)
    assert house.row.description == house.cell.key
    assert [(each.field, each.nomis) for _, each in house.locations.conflicts] == [("description", "NWI-ODD")]


async def test_who_needs_a_description_gets_it_though_its_holder_has_no_place_to_go(house: House) -> None:
    inserted(house, "099", description="NWI-2-018")
    house.nomis.screen_edit(CELL_NOMIS, description="NWI-X")
    house.locations.staff_edit(CELL_ID, code="018")
    await house.settler.settle_dps(CELL_ID)
    assert house.row.description == "NWI-X"
    house.nomis.screen_edit(CELL_NOMIS, description="NWI-2-020")
    new = house.locations.staff_create(dps_cell(id=UUID(int=18), code="020"))
    await house.settler.settle_dps(new.id)
    assert house.nomis.rows[house.mappings.by_dps[new.id].nomis_location_id].description == "NWI-2-020"
    assert house.row.description == f"NWI-~{CELL_NOMIS}"


async def test_what_an_older_database_of_dps_lacks_waits_for_a_person(house: House) -> None:
    del house.locations.rows[CELL_ID], house.locations.states[CELL_ID]
    with pytest.raises(RetryLater, match="not in DPS, and sync is one way"):
        await house.settler.settle_nomis(CELL_NOMIS)
    assert CELL_ID not in house.locations.locations
    assert CELL_NOMIS in house.mappings.by_nomis
