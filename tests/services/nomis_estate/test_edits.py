"""Edits as a screen makes them: they are committed, they raise the right events, and the journal tells the truth."""

from collections import Counter
from datetime import date

import asyncpg
import pytest

from services.nomis.estate.edits import FIELD_ACTS, ScreenEdits
from services.nomis.estate.journal import LOCATION_EVENT, PROFILE_EVENT, USAGE_EVENT, Act, Edit
from tests.services.nomis_estate.conftest import PRISONS

TODAY = date(2024, 9, 30)
EVENTS = "SELECT id, jms_type, payload::text AS payload FROM xtag_listener_tab WHERE id > $1 ORDER BY id"
EXPECTED = {
    Act.MOVE: [],
    Act.CAPACITY: [LOCATION_EVENT],
    Act.CERTIFICATION: [LOCATION_EVENT],
    Act.COMMENT: [LOCATION_EVENT],
    Act.LOCAL_NAME: [LOCATION_EVENT],
    Act.DEACTIVATE: [LOCATION_EVENT],
    Act.REACTIVATE: [LOCATION_EVENT],
    Act.ADD_PROFILE: [PROFILE_EVENT],
    Act.REMOVE_PROFILE: [PROFILE_EVENT],
    Act.USAGE: [USAGE_EVENT],
    Act.NEW_CELL: [LOCATION_EVENT],
}


@pytest.mark.parametrize("act", list(EXPECTED))
async def test_an_act_raises_its_events(screens: "asyncpg.Connection[asyncpg.Record]", act: Act) -> None:
    edit = await ScreenEdits(1, PRISONS, TODAY, [act]).make(screens)
    raised = [row["jms_type"] for row in await screens.fetch(EVENTS, 0)]
    assert raised == EXPECTED[act] == list(edit.event_types)


async def test_deleting_a_cell_deletes_what_it_had(screens: "asyncpg.Connection[asyncpg.Record]") -> None:
    edit = await ScreenEdits(2, PRISONS, TODAY, [Act.DELETE_CELL]).make(screens)
    raised = Counter(row["jms_type"] for row in await screens.fetch(EVENTS, 0))
    assert raised == edit.events
    assert edit.events[LOCATION_EVENT] == 1
    left = "SELECT count(*) FROM agency_internal_locations WHERE internal_location_id = $1"
    assert await screens.fetchval(left, edit.location_id) == 0


async def test_events_of_many_edits_are_those_of_the_journal(screens: "asyncpg.Connection[asyncpg.Record]") -> None:
    edits = ScreenEdits(3, PRISONS, TODAY)
    journal = [await edits.make(screens) for _ in range(150)]
    raised = Counter(row["jms_type"] for row in await screens.fetch(EVENTS, 0))
    assert raised == sum((edit.events for edit in journal), Counter())
    assert {edit.act for edit in journal} >= {Act.MOVE, Act.CAPACITY, Act.DEACTIVATE, Act.REACTIVATE}


async def test_the_last_change_of_each_field_is_what_the_row_says(
    screens: "asyncpg.Connection[asyncpg.Record]",
) -> None:
    edits = ScreenEdits(4, PRISONS, TODAY, FIELD_ACTS)
    journal = [await edits.make(screens) for _ in range(100)]
    last = {(change.row, change.field): change.new for edit in journal for change in edit.changes}
    for (row, field), value in last.items():
        sql = f"SELECT {field} FROM agency_internal_locations WHERE internal_location_id = $1"
        assert await screens.fetchval(sql, row) == value


async def test_an_edit_names_its_user_and_module(screens: "asyncpg.Connection[asyncpg.Record]") -> None:
    edit = await ScreenEdits(5, PRISONS, TODAY, [Act.CAPACITY]).make(screens)
    row = await screens.fetchrow(
        "SELECT audit_module_name, modify_user_id FROM agency_internal_locations WHERE internal_location_id = $1",
        edit.location_id,
    )
    assert row is not None
    assert row["audit_module_name"] == "OIMMHOLO"
    assert row["modify_user_id"]


async def test_the_same_seed_makes_the_same_edits(screens: "asyncpg.Connection[asyncpg.Record]") -> None:
    async def twenty() -> list[Edit]:
        edits = ScreenEdits(6, PRISONS, TODAY, FIELD_ACTS)
        return [await edits.make(screens) for _ in range(20)]

    first = screens.transaction()
    await first.start()
    once = await twenty()
    await first.rollback()
    assert await twenty() == once
