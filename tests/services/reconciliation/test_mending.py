"""Every event lost: a full run finds what each edit left behind, has it settled, and finds nothing the next time."""

from collections.abc import Awaitable, Callable, Mapping
from types import MappingProxyType
from uuid import uuid4

import pytest

from libs.domain.codes import ConvertedCellType, DeactivatedReason, UsageType
from libs.domain.identity import dps_id_for
from libs.domain.nomis import NomisUsage
from libs.domain.sync import Usage
from tests.libs.domain.rows import dps_cell, nomis_cell
from tests.services.reconciliation.test_settle_check import Desk, desk

__all__ = ["desk"]

Scenario = Callable[[Desk], Awaitable[None]]


async def deleted_by_hand_while_dps_edits_it(desk: Desk) -> None:
    cell = await desk.bench.add("1")
    desk.bench.locations.staff_edit(dps_id_for(cell), comments="Ours")
    desk.bench.nomis.screen_delete(cell)


async def deleted_before_its_create_was_handled(desk: Desk) -> None:
    cell = await desk.bench.add("1", linked=False)
    desk.bench.nomis.screen_delete(cell)


async def deleted_and_made_again_under_the_same_key(desk: Desk) -> None:
    cell = await desk.bench.add("1")
    desk.bench.nomis.screen_delete(cell)
    desk.bench.nomis.screen_insert(nomis_cell(location_code="1", description="NWI-1", parent_location_id=None))


async def an_archived_location_edited_in_nomis(desk: Desk) -> None:
    cell = await desk.bench.add("1", active=False, reason_code="D")
    desk.bench.locations.staff_edit(dps_id_for(cell), archived=True)
    desk.bench.nomis.screen_edit(cell, comment="Theirs")


async def a_converted_cell_edited_in_nomis(desk: Desk) -> None:
    cell = await desk.bench.add("1")
    desk.bench.locations.staff_edit(dps_id_for(cell), converted_cell_type=ConvertedCellType.OFFICE)
    desk.bench.nomis.screen_edit(cell, comment="Theirs")


async def moved_to_another_parent_in_nomis(desk: Desk) -> None:
    one, other = await desk.bench.wing("A"), await desk.bench.wing("B")
    desk.bench.nomis.screen_edit(one[2], parent_location_id=other[1], description="NWI-B-1-001X", location_code="001X")


async def a_code_renamed_on_both_sides(desk: Desk) -> None:
    cell = await desk.bench.add("1")
    desk.bench.locations.staff_edit(dps_id_for(cell), code="2")
    desk.bench.nomis.screen_edit(cell, location_code="3", description="NWI-3")


async def a_wing_renamed_while_its_cells_are_edited(desk: Desk) -> None:
    wing = await desk.bench.wing("A")
    desk.bench.locations.staff_edit(dps_id_for(wing[0]), code="Z")
    for cell in wing[2:]:
        desk.bench.nomis.screen_edit(cell, comment=f"Edited {cell}")


async def an_active_child_under_an_inactive_parent(desk: Desk) -> None:
    wing = await desk.bench.wing("A")
    desk.bench.nomis.screen_edit(wing[1], active=False, reason_code="D")


async def a_create_whose_link_was_lost_and_whose_key_then_changed(desk: Desk) -> None:
    own = desk.bench.locations.staff_create(dps_cell(id=uuid4(), parent_id=None, code="D"))
    await desk.settler.settle_dps(own.id)
    await desk.bench.mappings.remove(own.id)
    desk.bench.locations.staff_edit(own.id, code="E")


async def a_link_lost_on_the_way_from_nomis(desk: Desk) -> None:
    cell = await desk.bench.add("1")
    await desk.bench.mappings.remove(dps_id_for(cell))
    desk.bench.nomis.screen_edit(cell, comment="Theirs")


async def wing_totals_and_room_capacity(desk: Desk) -> None:
    wing = await desk.bench.wing("A", capacity=100)
    desk.bench.nomis.screen_edit(wing[0], capacity=400, comment="With a change beside")
    room = await desk.bench.add("GYM", location_type="CLAS", unit_type=None, capacity=10, profiles=())
    desk.bench.nomis.screen_edit(room, capacity=40)


async def long_names_and_comments(desk: Desk) -> None:
    cell = await desk.bench.add("1")
    desk.bench.locations.staff_edit(dps_id_for(cell), local_name="n" * 80, comments="c" * 255)


async def folded_types_reasons_and_uses(desk: Desk) -> None:
    top = await desk.bench.add("A", location_type="BLK")
    tier = await desk.bench.add("1", top, location_type="TIER")
    for code in "ABCDEFGHIJKL":
        cell = await desk.bench.add(f"R{code}", tier)
        desk.bench.nomis.screen_edit(cell, active=False, reason_code=code)
    use = NomisUsage(internal_location_usage_type="OTH", capacity=3, sequence=1)
    room = await desk.bench.add("R", location_type="CLAS", unit_type=None, usages=(use,), profiles=())
    desk.bench.locations.staff_edit(
        dps_id_for(room), usages=(Usage(usage_type=UsageType.OTHER, capacity=5, sequence=1),)
    )


async def reasons_that_nomis_has_no_code_for(desk: Desk) -> None:
    for n, reason in enumerate((DeactivatedReason.DAMP, DeactivatedReason.PEST, DeactivatedReason.SECURITY_SEALED)):
        cell = await desk.bench.add(f"{n}")
        desk.bench.locations.staff_edit(dps_id_for(cell), active=False, deactivated_reason=reason)


async def two_cells_that_swapped_their_codes(desk: Desk) -> None:
    one, other = await desk.bench.add("1"), await desk.bench.add("2")
    desk.bench.locations.staff_edit(dps_id_for(one), code="X")
    desk.bench.locations.staff_edit(dps_id_for(other), code="1")
    desk.bench.locations.staff_edit(dps_id_for(one), code="2")


SCENARIOS: Mapping[str, Scenario] = MappingProxyType(
    {
        each.__name__: each
        for each in (
            deleted_by_hand_while_dps_edits_it,
            deleted_before_its_create_was_handled,
            deleted_and_made_again_under_the_same_key,
            an_archived_location_edited_in_nomis,
            a_converted_cell_edited_in_nomis,
            moved_to_another_parent_in_nomis,
            a_code_renamed_on_both_sides,
            a_wing_renamed_while_its_cells_are_edited,
            an_active_child_under_an_inactive_parent,
            a_create_whose_link_was_lost_and_whose_key_then_changed,
            a_link_lost_on_the_way_from_nomis,
            wing_totals_and_room_capacity,
            long_names_and_comments,
            folded_types_reasons_and_uses,
            reasons_that_nomis_has_no_code_for,
            two_cells_that_swapped_their_codes,
        )
    }
)


@pytest.mark.parametrize("name", SCENARIOS)
async def test_what_a_lost_event_left_behind_is_found_and_mended(desk: Desk, name: str) -> None:
    await SCENARIOS[name](desk)
    run, _ = await desk.bench.report()
    await desk.due.note_run(run.run_id, desk.bench.time)
    await desk.rest()
    after, found = await desk.bench.report()
    assert (found, after.in_flight, await desk.parked()) == ([], 0, [])
    # One half for each other half, and a link for each pair.
    live = set(desk.bench.locations.locations)
    assert live == desk.bench.mappings.by_dps.keys()
    assert desk.bench.nomis.rows.keys() == desk.bench.mappings.by_nomis.keys()


async def test_totals_of_wings_and_room_capacity_stay_as_nomis_has_them(desk: Desk) -> None:
    await wing_totals_and_room_capacity(desk)
    run, _ = await desk.bench.report()
    await desk.due.note_run(run.run_id, desk.bench.time)
    await desk.rest()
    assert {row.capacity for row in desk.bench.nomis.rows.values() if row.location_type != "CELL"} == {400, 40, 2}
