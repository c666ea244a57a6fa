"""The cursor over changes: each location at its latest, deletions too, and nothing skipped that commits late."""

from random import Random
from typing import Any

import asyncpg
import pytest

from libs.db.pool import speak_json
from services.locations.store.changed import begin_epoch_if_restored
from tests.services.locations.asking import Asking
from tests.services.locations.prison import at, put, row

LINE = "GET /locations/changes"
TOUCH = "UPDATE location SET version = version + 1 WHERE id = $1"
BURY = """
    WITH gone AS (DELETE FROM location WHERE id = $1 RETURNING id, prison_id, path_hierarchy)
    INSERT INTO tombstone (location_id, prison_id, key, deleted_at, deleted_by)
    SELECT id, prison_id, prison_id || '-' || path_hierarchy, '2025-07-01T09:30:00Z', 'BOSS' FROM gone
"""
SEEDS = 10


class Reader:
    """A consumer that goes on from where it was, and remembers what it was told last of each location."""

    def __init__(self, asking: Asking, size: int = 500) -> None:
        self._asking = asking
        self._size = size
        self._since = ""
        self.known: dict[str, Any] = {}

    async def catch_up(self) -> list[str]:
        """Read to the end; return the keys told, in order."""
        told: list[str] = []
        while True:
            page = await self._asking.ask("VIEW", f"{LINE}?limit={self._size}{self._since}")
            for change in page["changes"]:
                told.append(change["key"])
                self.known[change["id"]] = None if change["deleted"] else change["version"]
            if "next" in page:
                self._since = f"&since={page['next']}"
            if page["last"]:
                return told


@pytest.fixture
async def others(locations_dsn: str) -> Any:
    """Two more connections, each for a transaction that stays open."""
    made = [await asyncpg.connect(locations_dsn) for _ in range(2)]
    for connection in made:
        await speak_json(connection)
    yield made
    for connection in made:
        await connection.close()


async def test_each_location_is_told_once_at_its_latest_and_a_deletion_stays(f1: Asking) -> None:
    reader = Reader(f1, size=4)
    assert len(await reader.catch_up()) == 15
    assert await reader.catch_up() == []
    await f1.connection.execute(TOUCH, f1.id("D"))
    await f1.connection.execute(TOUCH, f1.id("C"))
    await f1.connection.execute(TOUCH, f1.id("D"))
    await f1.connection.execute(BURY, f1.id("D-E-007"))
    assert await reader.catch_up() == ["KTI-C", "KTI-D", "KTI-D-E-007"]
    assert (reader.known[str(f1.id("D"))], reader.known[str(f1.id("D-E-007"))]) == (3, None)
    whole = await f1.ask("VIEW", LINE)
    assert len(whole["changes"]) == 15
    assert whole["changes"][-1] == {
        "id": str(f1.id("D-E-007")),
        "key": "KTI-D-E-007",
        "prisonId": "KTI",
        "deleted": True,
        "lastModifiedDate": "2025-07-01T10:30:00",
    }


@pytest.mark.parametrize("ends", ["COMMIT", "ROLLBACK"])
async def test_a_change_that_commits_late_is_not_skipped(f1: Asking, others: Any, ends: str) -> None:
    early, late = others
    reader = Reader(f1)
    await reader.catch_up()
    await late.execute("BEGIN")
    await late.execute(TOUCH, f1.id("C"))
    await early.execute("BEGIN")
    await early.execute(TOUCH, f1.id("D"))
    await early.execute("COMMIT")
    # The later transaction is done; were its change told now, the earlier one's would be behind the cursor.
    assert await reader.catch_up() == []
    await late.execute(ends)
    assert await reader.catch_up() == (["KTI-C", "KTI-D"] if ends == "COMMIT" else ["KTI-D"])
    assert await reader.catch_up() == []


@pytest.mark.parametrize("seed", range(SEEDS))
async def test_a_reader_ends_with_the_state_of_the_table_whatever_the_order_of_commits(
    f1: Asking, others: Any, seed: int
) -> None:
    chance, reader = Random(seed), Reader(f1, size=3)
    await put(f1.connection, [row(100 + n, f"Z{n}") for n in range(12)])
    # Each writer has locations of its own, so that neither waits for the other.
    own = {0: [at("KTI", 100 + n) for n in range(6)], 1: [at("KTI", 106 + n) for n in range(6)]}
    for _ in range(40):
        which = chance.randrange(3)
        if which == 2:
            await reader.catch_up()
            continue
        writer = others[which]
        if not writer.is_in_transaction():
            await writer.execute("BEGIN")
        if chance.random() < 0.35:
            await writer.execute(chance.choice(["COMMIT", "COMMIT", "ROLLBACK"]))
        else:
            await writer.execute(BURY if chance.random() < 0.1 else TOUCH, chance.choice(own[which]))
    for writer in others:
        if writer.is_in_transaction():
            await writer.execute("COMMIT")
    await reader.catch_up()
    rows = await f1.connection.fetch("SELECT id, version FROM location")
    standing = {str(each["id"]): each["version"] for each in rows}
    assert {known: version for known, version in reader.known.items() if version is not None} == standing


async def test_a_renamed_subtree_is_told_row_by_row(f1: Asking) -> None:
    reader = Reader(f1)
    await reader.catch_up()
    await f1.ask("MAINT", "PATCH /locations/residential/{D}", {"code": "E"})
    assert set(await reader.catch_up()) == {"KTI-E", "KTI-E-E", "KTI-E-E-007"}


async def test_after_a_restore_the_cursors_of_before_end_and_everything_is_told_anew(f1: Asking) -> None:
    before = await f1.ask("VIEW", LINE)
    async with f1.connection.transaction():
        assert not await begin_epoch_if_restored(f1.connection)
    await f1.connection.execute("ALTER TABLE location DISABLE TRIGGER location_note_changed_in")
    await f1.connection.execute("UPDATE location SET changed_in = '9000000000000' WHERE path_hierarchy = 'C'")
    await f1.connection.execute("ALTER TABLE location ENABLE TRIGGER location_note_changed_in")
    assert len((await f1.ask("VIEW", LINE))["changes"]) == 14
    async with f1.connection.transaction():
        assert await begin_epoch_if_restored(f1.connection)
    assert len((await f1.ask("VIEW", LINE))["changes"]) == 15
    assert "errorCode" not in await f1.ask("VIEW", f"{LINE}?since={before['next']}", status=410)


@pytest.mark.parametrize("since", ["x", "1.2", "1.99999999999999999999.11111111-1111-7111-8111-111111111111", "1.1.1"])
async def test_a_cursor_that_is_none_is_a_bad_request(f1: Asking, since: str) -> None:
    assert "since" in (await f1.ask("VIEW", f"{LINE}?since={since}", status=400))["developerMessage"]


async def test_a_page_is_bounded(f1: Asking) -> None:
    await f1.ask("VIEW", f"{LINE}?limit=1001", status=400)
