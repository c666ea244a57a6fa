"""Creates that find their other half, creates that died half-way, deletions that meet edits: no twin, nothing lost."""

from datetime import datetime
from functools import partial
from uuid import UUID, uuid4

import pytest

from libs.domain.identity import dps_id_for
from libs.domain.mapping import LocationMapping, MappingType
from libs.domain.nomis import NomisLocationId
from libs.domain.sync import OwnLocation, Side
from libs.messaging.outcome import RetryLater
from libs.settling.outcome import Act
from tests.fakes.fake_nomis import API_USER
from tests.libs.domain.rows import CELL_ID, CELL_NOMIS, LANDING_ID, LANDING_NOMIS, dps_cell, nomis_cell
from tests.simulation.house import House
from tests.simulation.stepping import Running, Walk, every_order, in_order

CREATE_TURNS = 5


@pytest.fixture(params=[False, True], ids=["plain NOMIS", "conditional NOMIS"])
async def house(request: pytest.FixtureRequest) -> House:
    return await furnished(conditional_writes=request.param)


async def furnished(*, conditional_writes: bool = True) -> House:
    house = House(conditional_writes=conditional_writes)
    await house.furnish()
    return house


def new_in_dps(house: House, **changed: object) -> OwnLocation:
    return house.locations.staff_create(dps_cell(**{"id": uuid4(), "code": "018", **changed}))


def new_in_nomis(house: House, **changed: object) -> NomisLocationId:
    row = nomis_cell(**{"description": "NWI-2-018", "location_code": "018", **changed})
    return house.nomis.screen_insert(row).location_id


async def test_a_location_staff_create_arrives_in_nomis_and_is_linked(house: House) -> None:
    own = new_in_dps(house)
    settled = await house.settler.settle_dps(own.id)
    assert settled.act is Act.CREATED
    row = house.nomis.rows[house.mappings.by_dps[own.id].nomis_location_id]
    assert (row.description, row.parent_location_id, row.capacity) == ("NWI-2-018", LANDING_NOMIS, 2)
    assert house.mappings.by_dps[own.id].mapping_type is MappingType.LOCATION_CREATED
    assert house.differences() == []
    assert house.locations.conflicts == []


async def test_a_location_created_inactive_is_inactive_in_nomis_without_a_conflict(house: House) -> None:
    own = new_in_dps(house, active=False, deactivated_reason="PEST", deactivated_date=datetime(2026, 3, 4))  # noqa: DTZ001
    await house.settler.settle_dps(own.id)
    row = house.nomis.rows[house.mappings.by_dps[own.id].nomis_location_id]
    assert (row.active, row.reason_code, str(row.deactivate_date)) == (False, "F", "2026-03-04")
    assert house.locations.conflicts == []


async def test_a_row_inserted_in_nomis_gets_the_derived_id_and_is_linked(house: House) -> None:
    nomis_id = new_in_nomis(house)
    settled = await house.settler.settle_nomis(nomis_id)
    assert (settled.act, settled.dps_location_id) == (Act.CREATED, dps_id_for(nomis_id))
    assert house.locations.locations[dps_id_for(nomis_id)].parent_id == LANDING_ID
    assert house.mappings.by_nomis[nomis_id].mapping_type is MappingType.NOMIS_CREATED
    assert house.differences() == []
    assert (await house.settler.settle_nomis(nomis_id)).act is Act.NOTHING


@pytest.mark.parametrize("dies_at", range(1, 14))
async def test_a_create_that_dies_anywhere_makes_no_twin(house: House, dies_at: int) -> None:
    for make, settle in ((new_in_dps, "settle_dps"), (new_in_nomis, "settle_nomis")):
        made = make(house, code="019") if settle == "settle_dps" else make(house)
        target = made.id if isinstance(made, OwnLocation) else made
        walk = Running(partial(getattr(house.stepped, settle), target))
        for _ in range(dies_at):
            walk.step()
        walk.die()
        walk.finish()
    assert house.differences() == []
    assert len(house.nomis.rows) == len(house.locations.locations) == len(house.mappings.by_dps) == 4
    assert house.locations.conflicts == []


async def test_two_deliveries_of_one_create_make_one_in_every_order() -> None:
    for order in every_order(CREATE_TURNS):
        house = await furnished()
        own, nomis_id = new_in_dps(house, code="019"), new_in_nomis(house)
        twice_dps: list[Walk] = [partial(house.stepped.settle_dps, own.id)] * 2
        twice_nomis: list[Walk] = [partial(house.stepped.settle_nomis, nomis_id)] * 2
        in_order(order, twice_dps)
        in_order(order, twice_nomis)
        assert house.differences() == [], order
        assert len(house.nomis.rows) == len(house.locations.locations) == 4, order


async def test_the_same_key_created_on_both_sides_is_adopted_and_merged_in_every_order() -> None:
    for order in every_order(CREATE_TURNS):
        house = await furnished()
        own, nomis_id = new_in_dps(house, comments="ours"), new_in_nomis(house, comment="theirs")
        in_order(order, [partial(house.stepped.settle_dps, own.id), partial(house.stepped.settle_nomis, nomis_id)])
        assert house.differences() == [], order
        assert house.mappings.by_dps[own.id].nomis_location_id == nomis_id, order
        assert [c.nomis for _, c in house.locations.conflicts] == ["theirs"], order


async def test_missing_ancestors_are_created_on_the_way_both_ways(house: House) -> None:
    wing = new_in_nomis(house, description="NWI-W", location_code="W", location_type="WING", parent_location_id=None)
    cell = new_in_nomis(house, description="NWI-W-001", location_code="001", parent_location_id=wing)
    await house.settler.settle_nomis(cell)
    above = new_in_dps(house, code="V", parent_id=None, location_type="WING")
    below = new_in_dps(house, code="001", parent_id=above.id)
    await house.settler.settle_dps(below.id)
    assert house.differences() == []
    assert len(house.mappings.by_dps) == 6


async def test_a_row_of_our_own_api_user_waits_for_its_link_but_a_visit_room_is_taken(house: House) -> None:
    ours = new_in_nomis(house, create_username=API_USER)
    with pytest.raises(RetryLater, match=str(ours)):
        await house.settler.settle_nomis(ours)
    room = new_in_nomis(
        house, create_username=API_USER, description="NWI-VISITS-VSIP_SOC", location_code="VSIP_SOC", unit_type=None
    )
    assert (await house.settler.settle_nomis(room)).act is Act.CREATED


async def test_a_row_linked_to_another_is_not_adopted(house: House) -> None:
    own = new_in_dps(house)
    stranger = new_in_nomis(house)
    other = uuid4()
    await house.mappings.save(
        LocationMapping(dps_location_id=other, nomis_location_id=stranger, mapping_type=MappingType.NOMIS_CREATED)
    )
    with pytest.raises(RetryLater, match="NWI-2-018"):
        await house.settler.settle_dps(own.id)
    assert house.mappings.by_nomis[stranger].dps_location_id == other
    assert own.id not in house.mappings.by_dps


async def test_ignored_agencies_stay_where_they_are(house: House) -> None:
    ghost = new_in_nomis(house, prison_id="ZZGHI", description="ZZGHI-1")
    assert (await house.settler.settle_nomis(ghost)).act is Act.IGNORED


async def test_a_row_deleted_in_nomis_leaves_a_tombstone_and_no_link(house: House) -> None:
    house.nomis.screen_delete(CELL_NOMIS)
    settled = await house.settler.settle_nomis(CELL_NOMIS)
    assert settled.act is Act.DELETED
    assert house.locations.tombstones == {CELL_ID: CELL_NOMIS}
    assert CELL_ID not in house.mappings.by_dps
    assert (await house.settler.settle_nomis(CELL_NOMIS)).act is Act.IGNORED
    assert (await house.settler.settle_dps(CELL_ID)).act is Act.IGNORED


@pytest.mark.parametrize("authority", Side)
async def test_a_row_deleted_while_dps_edits_it_goes_to_the_authority_recorded(house: House, authority: Side) -> None:
    house.locations.set_sync(CELL_ID, authority=authority)
    house.locations.staff_edit(CELL_ID, comments="still here")
    house.nomis.screen_delete(CELL_NOMIS)
    await house.settler.settle_nomis(CELL_NOMIS)
    assert [c.field for _, c in house.locations.conflicts] == ["deleted"]
    if authority is Side.DPS:
        new = house.mappings.by_dps[CELL_ID].nomis_location_id
        assert new != CELL_NOMIS
        assert house.nomis.rows[new].comment == "still here"
        assert house.differences() == []
    else:
        assert CELL_ID in house.locations.tombstones


@pytest.mark.parametrize("dies_at", range(1, 12))
async def test_creating_again_after_a_deletion_may_die_anywhere(house: House, dies_at: int) -> None:
    house.locations.staff_edit(CELL_ID, comments="still here")
    house.nomis.screen_delete(CELL_NOMIS)
    walk = Running(partial(house.stepped.settle_nomis, CELL_NOMIS))
    for _ in range(dies_at):
        walk.step()
    walk.die()
    walk.finish()
    await house.settler.settle_dps(CELL_ID)
    assert house.differences() == []
    assert len(house.nomis.rows) == 2


async def test_a_parent_gone_from_nomis_goes_after_its_children(house: House) -> None:
    house.nomis.screen_delete(CELL_NOMIS)
    house.nomis.screen_delete(LANDING_NOMIS)
    assert (await house.settler.settle_nomis(LANDING_NOMIS)).act is Act.DELETED
    assert set(house.locations.tombstones) == {LANDING_ID, CELL_ID}
    assert (await house.settler.settle_nomis(CELL_NOMIS)).act is Act.IGNORED


@pytest.mark.parametrize("authority", Side)
async def test_a_parent_gone_from_nomis_comes_back_for_a_child_that_nomis_lacks(house: House, authority: Side) -> None:
    house.locations.set_sync(LANDING_ID, authority=authority)
    house.nomis.screen_delete(CELL_NOMIS)
    house.nomis.screen_delete(LANDING_NOMIS)
    child = new_in_dps(house)
    for settle in (house.settler.settle_nomis(LANDING_NOMIS), house.settler.settle_dps(child.id)):
        await settle
    await house.settler.settle_nomis(CELL_NOMIS)
    assert house.differences() == []
    assert set(house.locations.locations) == {LANDING_ID, child.id}
    assert {c.reason for _, c in house.locations.conflicts} == {"deleted in NOMIS, has children in DPS"}


async def test_a_row_deleted_before_its_create_was_handled_is_ignored(house: House) -> None:
    nomis_id = new_in_nomis(house)
    house.nomis.screen_delete(nomis_id)
    assert (await house.settler.settle_nomis(nomis_id)).act is Act.IGNORED


@pytest.mark.parametrize("gone_at", range(1, 9))
async def test_a_row_that_goes_while_dps_creates_it_goes_there_too(house: House, gone_at: int) -> None:
    nomis_id = new_in_nomis(house)
    walk = Running(partial(house.stepped.settle_nomis, nomis_id))
    for _ in range(gone_at):
        walk.step()
    house.nomis.screen_delete(nomis_id)
    walk.finish()
    await house.settler.settle_nomis(nomis_id)
    assert house.differences() == []
    assert dps_id_for(nomis_id) not in house.locations.locations


async def test_a_location_deleted_in_dps_goes_out_of_use_in_nomis_and_keeps_its_link(house: House) -> None:
    await house.locations.delete(CELL_ID, house.locations.states[CELL_ID].etag)
    settled = await house.settler.settle_dps(CELL_ID)
    assert settled.act is Act.DELETED
    assert (house.row.active, house.row.capacity, house.row.certified) == (False, 0, False)
    assert CELL_ID in house.mappings.by_dps
    assert (await house.settler.settle_dps(CELL_ID)).act is Act.NOTHING


def forget(house: House, *ids: UUID) -> None:
    """Have DPS know nothing of these, as after the restore of an older database."""
    for dps_id in ids:
        del house.locations.rows[dps_id], house.locations.states[dps_id]


@pytest.mark.parametrize("by_row", [False, True])
async def test_what_an_older_database_of_dps_lacks_comes_back_under_its_id(house: House, by_row: bool) -> None:
    own = new_in_dps(house)
    await house.settler.settle_dps(own.id)
    linked = house.mappings.by_dps[own.id]
    below = dict(house.locations.locations)
    # Its parent too, which a walk may come to last.
    forget(house, own.id, CELL_ID, LANDING_ID)
    settled = await (
        house.settler.settle_nomis(linked.nomis_location_id) if by_row else house.settler.settle_dps(own.id)
    )
    assert (settled.act, settled.dps_location_id) == (Act.CREATED, own.id)
    assert house.mappings.by_dps[own.id] == linked
    await house.settler.settle_nomis(CELL_NOMIS)
    assert house.locations.locations.keys() == below.keys()
    assert house.differences() == []
    assert house.locations.conflicts == []
