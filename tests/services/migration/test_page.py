"""What a page does with rows that nobody is linked to, decided without asking anybody."""

import pytest

from libs.domain.nomis import NomisLocationId
from services.migration.records import Item, ItemState
from services.migration.rules.page import LEFT_OVER, STANDS_ASIDE, plan
from services.migration.rules.verifying import NOT_LINKED, Sight, verified
from tests.libs.domain.rows import nomis_cell

ID = NomisLocationId(700)
OUT_OF_USE = {"active": False, "capacity": 0, "operational_capacity": 0, "cna_capacity": 0, "certified": False}


@pytest.mark.parametrize(
    ("changed", "migrates", "verifies"),
    [
        (OUT_OF_USE, (ItemState.SKIPPED, LEFT_OVER), (ItemState.SKIPPED, LEFT_OVER)),
        # In use it is somebody's: it is neither left out nor taken over under that name.
        ({}, (ItemState.PENDING, STANDS_ASIDE), (ItemState.PENDING, NOT_LINKED)),
    ],
)
def test_a_row_that_stands_aside_is_left_out_only_when_it_is_out_of_use(
    changed: dict[str, object], migrates: tuple[ItemState, str], verifies: tuple[ItemState, str]
) -> None:
    named = {"location_id": ID, "location_code": f"~{ID}", "description": f"NWI-~{ID}", "parent_location_id": None}
    row = nomis_cell(**named | changed)
    item = Item(ID, None)
    planned = plan([item], {ID: row}, {}, frozenset(), "label")
    assert [(each.state, each.reason) for each in planned.decided] == [migrates]
    assert planned.to_create == []
    verdict = verified(item, Sight({ID: row}, {}, {}, frozenset()), frozenset())
    assert (verdict.state, verdict.reason) == verifies
