"""The migrate doors of ours: an outcome for each location, in the order asked, and a rehearsal that keeps nothing."""

from typing import Any
from uuid import UUID

import msgspec

from libs.db.pool import Connection, connect
from libs.domain.identity import dps_id_for
from libs.domain.nomis import NomisLocationId
from libs.domain.sync import MigrateLocation
from services.locations.changes.migrate import MigrateChanges
from services.locations.settings import Settings
from services.locations.store.writing import writing
from tests.contracts.locations import migrated
from tests.libs.domain.rows import nomis_cell
from tests.services.locations.asking import Asking
from tests.services.locations.conftest import Client

WING, CELL, TWIN, ORPHAN, LONG = (NomisLocationId(number) for number in range(1, 6))


def row(number: NomisLocationId, code: str, parent: UUID | None = None, **changed: Any) -> dict[str, Any]:
    return migrated(
        nomis_cell(location_id=number, location_code=code, parent_location_id=None, amendments=(), **changed), parent
    )


def page() -> list[dict[str, Any]]:
    """A child before its parent, two that claim one path, one without a parent, one that no column holds."""
    wing = dps_id_for(WING)
    too_long = row(LONG, "3", wing) | {"lastUpdatedBy": "x" * 81}
    return [
        row(CELL, "1", wing),
        row(WING, "A", location_type="WING"),
        row(TWIN, "1", wing),
        row(ORPHAN, "2", UUID(int=7)),
        too_long,
    ]


async def asked(client: Client, door: str, locations: list[dict[str, Any]], status: int = 200) -> list[dict[str, Any]]:
    async with client.post(f"/migrate/locations/{door}", json={"locations": locations}) as answer:
        assert answer.status == status, await answer.text()
        outcomes: list[dict[str, Any]] = (await answer.json())["outcomes"] if status == 200 else []
        return outcomes


async def counted(connection: Connection) -> list[int]:
    tables = ("location", "location_history", "sync_state", "outbox")
    return [await connection.fetchval(f"SELECT count(*) FROM {table}") for table in tables]


async def test_outcomes_come_in_the_order_asked_though_one_is_refused_by_the_database(client: Client) -> None:
    outcomes = await asked(client, "batch", page())
    assert [each["nomisLocationId"] for each in outcomes] == [CELL, WING, TWIN, ORPHAN, LONG]
    assert [each["result"] for each in outcomes] == ["created", "created", "failed", "no parent", "failed"]


async def test_a_rehearsal_answers_as_the_batch_does_and_keeps_nothing(
    client: Client, database_connection: Connection
) -> None:
    rehearsed = await asked(client, "validate", page())
    assert await counted(database_connection) == [0, 0, 0, 0]
    assert rehearsed == await asked(client, "batch", page())
    there = await counted(database_connection)
    assert {each["result"] for each in await asked(client, "validate", page()[:2])} == {"exists"}
    assert await counted(database_connection) == there


async def test_a_rehearsal_takes_as_many_as_a_batch(client: Client) -> None:
    await asked(client, "validate", [row(NomisLocationId(n), str(n)) for n in range(501)], 400)


async def test_a_rehearsal_under_way_holds_up_no_edit_of_what_is_there(
    f1: Asking, locations_settings: Settings
) -> None:
    below = msgspec.convert(row(CELL, "9", f1.id("D"), prison_id="KTI"), MigrateLocation)
    async with connect(locations_settings.database) as database, writing(database, rehearsal=True) as tx:
        [outcome] = await MigrateChanges(database)._tried(tx, [below])
        assert outcome.result == "created"
        await f1.ask("MAINT", "PATCH /locations/residential/{D}", {"localName": "NORTH"})
        [there] = (await f1.ask("VIEW", "GET /locations/{D}?includeChildren=true"))["childLocations"]
        assert there["id"] == str(f1.id("D-E"))
