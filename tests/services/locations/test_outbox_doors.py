"""What operators do to events that the topic refused for good."""

from typing import Any

import asyncpg

from libs.messaging.outbox_store import BURY
from services.locations.changes.announce import TOPIC
from tests.conftest import MakeToken
from tests.services.locations.cases import Client

ADMIN = "ROLE_QUEUE_ADMIN"
ADD = """
INSERT INTO outbox (event_id, topic, key, event_type, body, attributes)
VALUES (gen_random_uuid(), $1, $2, 'made', '{"a": "secret"}', '{}') RETURNING id
"""


async def test_dead_rows_are_shown_and_published_again_or_discarded(
    client: Client, database_connection: "asyncpg.Connection[asyncpg.Record]", token: MakeToken
) -> None:
    await database_connection.execute("TRUNCATE outbox_dead")
    ids = [await database_connection.fetchval(ADD, TOPIC, key) for key in "ABC"]
    for row_id in ids:
        await database_connection.execute(BURY, row_id, "InvalidParameter")

    async def call(method: str, path: str, body: object = None) -> tuple[int, Any]:
        bearer = {"Authorization": f"Bearer {token({ADMIN}, username='X')}"}
        async with client.request(method, f"/queue-admin/outbox{path}", json=body, headers=bearer) as answer:
            return answer.status, await answer.json()

    status, told = await call("GET", "?limit=2")
    assert (status, told["waitingCount"], told["deadCount"]) == (200, 0, 3)
    assert [(each["id"], each["key"], each["reason"]) for each in told["dead"]] == [
        (ids[0], "A", "InvalidParameter"),
        (ids[1], "B", "InvalidParameter"),
    ]
    assert "secret" not in str(told)
    assert await call("PUT", "/retry-dead", {"ids": [ids[0], 999_999]}) == (200, {"revivedCount": 1})
    assert await call("PUT", "/discard-dead", {"ids": ids[:2]}) == (200, {"discardedCount": 1})
    status, told = await call("GET", "")
    # What other tests announce may wait beside it.
    assert told["waitingCount"] >= 1
    assert [each["id"] for each in told["dead"]] == ids[2:]
    assert await database_connection.fetchval("SELECT id FROM outbox WHERE published_at IS NULL") == ids[0]
    assert (await call("PUT", "/discard-dead", {"ids": []}))[0] == 400
