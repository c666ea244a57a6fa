"""What many callers at once do to one table: nothing is lost, nobody is refused for coming second with the same."""

import asyncio
from collections import Counter
from typing import Any

import asyncpg

from tests.services.mapping.conftest import Client
from tests.services.mapping.test_reference import BASE, D1, N1, N2, pair, stored


async def status_and_body(client: Client, path: str, body: Any) -> tuple[int, Any]:
    async with client.post(path, json=body) as answer:
        return answer.status, await answer.json(content_type=None) if answer.status != 201 else None


async def test_m06_of_two_creates_that_clash_one_wins_and_the_other_names_it(client: Client, mapping_dsn: str) -> None:
    for _ in range(10):
        first, second = await asyncio.gather(
            status_and_body(client, BASE, pair(D1, N1)), status_and_body(client, BASE, pair(D1, N2))
        )
        won, lost = sorted((first, second), key=lambda answer: answer[0])
        assert (won[0], lost[0]) == (201, 409)
        [row] = await stored(mapping_dsn)
        assert lost[1]["moreInfo"]["existing"]["nomisLocationId"] == row[1]
        await client.delete(f"{BASE}/dps/{D1}")


async def test_m07_identical_creates_at_once_all_succeed(client: Client, mapping_dsn: str) -> None:
    for _ in range(10):
        answers = await asyncio.gather(*(status_and_body(client, BASE, pair(D1, N1)) for _ in range(8)))
        assert Counter(status for status, _ in answers) == {201: 8}
        assert await stored(mapping_dsn) == [(D1, N1)]
        await client.delete(f"{BASE}/dps/{D1}")


async def test_a_create_waits_for_the_winner_and_then_agrees_with_it(client: Client, mapping_dsn: str) -> None:
    other = await asyncpg.connect(mapping_dsn)
    transaction = other.transaction()
    await transaction.start()
    await other.execute("INSERT INTO location_mapping VALUES ($1, $2, NULL, 'MIGRATED')", D1, N1)
    ours = asyncio.create_task(status_and_body(client, BASE, pair(D1, N1)))
    await somebody_waits(other)
    await transaction.commit()
    await other.close()
    assert (await ours)[0] == 201


async def test_a_create_that_waited_for_somebody_who_gave_up_is_made(client: Client, mapping_dsn: str) -> None:
    other = await asyncpg.connect(mapping_dsn)
    transaction = other.transaction()
    await transaction.start()
    await other.execute("INSERT INTO location_mapping VALUES ($1, $2, NULL, 'MIGRATED')", D1, N2)
    ours = asyncio.create_task(status_and_body(client, BASE, pair(D1, N1)))
    await somebody_waits(other)
    await transaction.rollback()
    await other.close()
    assert (await ours)[0] == 201
    assert await stored(mapping_dsn) == [(D1, N1)]


async def test_batches_that_cross_on_the_nomis_side_both_save_what_they_can(client: Client, mapping_dsn: str) -> None:
    size = 200
    upwards = [pair(f"a{n:03}", n) for n in range(size)]
    downwards = [pair(f"b{n:03}", size - 1 - n) for n in range(size)]
    answers = await asyncio.gather(
        status_and_body(client, f"{BASE}/batch", upwards), status_and_body(client, f"{BASE}/batch", downwards)
    )
    assert [status for status, _ in answers] == [200, 200]
    outcomes = Counter(item["outcome"] for _, items in answers for item in items)
    assert outcomes == {"created": size, "conflict": size}
    assert sorted(nomis for _, nomis in await stored(mapping_dsn)) == list(range(size))


async def test_the_victim_of_a_deadlock_starts_again(client: Client, mapping_dsn: str) -> None:
    # Who waited first (we) is the first to notice, nearly always; else the other is thrown out, and it is tried anew.
    while not (answers := await crossed(client, mapping_dsn)):
        await client.delete(f"{BASE}/dps/a")
        await client.delete(f"{BASE}/dps/b")
        await client.delete(f"{BASE}/dps/c")
    [(status, outcomes)] = answers
    assert status == 200
    assert [outcome["outcome"] for outcome in outcomes] == ["conflict", "conflict", "created"]


async def crossed(client: Client, mapping_dsn: str) -> list[tuple[int, Any]]:
    """Let a batch and a transaction each wait for the other; the batch's answer if it was thrown out, else nothing."""
    other = await asyncpg.connect(mapping_dsn)
    try:
        transaction = other.transaction()
        await transaction.start()
        await other.execute("INSERT INTO location_mapping VALUES ('x', 5, NULL, 'MIGRATED')")
        ours = asyncio.create_task(status_and_body(client, f"{BASE}/batch", [pair("a", 1), pair("b", 5), pair("c", 6)]))
        await somebody_waits(other)
        try:
            await other.execute("INSERT INTO location_mapping VALUES ('y', 1, NULL, 'MIGRATED')")
        except asyncpg.DeadlockDetectedError:
            await transaction.rollback()
            await ours
            return []
        await transaction.commit()
        return [await ours]
    finally:
        await other.close()


async def test_of_two_replacements_at_once_one_wins(client: Client, mapping_dsn: str) -> None:
    await client.post(BASE, json=pair(D1, N1))
    wishes = [pair(D1, nomis) | {"previousNomisLocationId": N1} for nomis in (7, 8)]
    answers = await asyncio.gather(*(status_and_body(client, f"{BASE}/replace", wish) for wish in wishes))
    assert sorted(status for status, _ in answers) == [200, 409]
    assert len(await stored(mapping_dsn)) == 1


async def somebody_waits(connection: "asyncpg.Connection[asyncpg.Record]") -> None:
    """Look until another session waits for a lock; the test's own time limit bounds it."""
    while not await connection.fetchval(
        "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
    ):
        pass
