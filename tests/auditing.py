"""Who notes acts in tests, and reads them back from an outbox."""

from datetime import UTC, datetime
from typing import Any

import orjson

from libs.db.pool import Database
from libs.messaging.audit import Auditor

WHEN = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
AUDITOR = Auditor("tests", lambda: WHEN)


async def audited(database: Database) -> list[dict[str, Any]]:
    """Return what was noted and committed, with its details read."""
    rows = await database.fetch("SELECT body FROM outbox WHERE topic = 'audit' ORDER BY id")
    events = [orjson.loads(row["body"]) for row in rows]
    return [{**event, "details": orjson.loads(event["details"])} for event in events]
