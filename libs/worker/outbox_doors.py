"""Doors to the outbox of a service: what waits, what the topic refused for good, and what becomes of that."""

from collections.abc import Sequence
from typing import Annotated, Any

import structlog
from pydantic import BaseModel, ConfigDict, Field

from libs.messaging.dead_rows import DeadRows
from libs.web.auth import Caller
from libs.web.routing import Route
from libs.worker.queue_doors import ADMIN

DEAD_SHOWN_MAX = 500
log = structlog.get_logger()


class DeadQuery(BaseModel):
    """How many dead rows to show, the oldest first."""

    limit: Annotated[int, Field(ge=1, le=DEAD_SHOWN_MAX)] = 100


class DeadIds(BaseModel):
    """Which dead rows, by the `id` that the list shows; what is not there (any more) is passed over."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    ids: Annotated[list[Annotated[int, Field(ge=1, le=2**63 - 1)]], Field(min_length=1, max_length=DEAD_SHOWN_MAX)]


class OutboxDoors:
    """The handlers, for the outbox of one service."""

    def __init__(self, rows: DeadRows) -> None:
        self._rows = rows

    async def look(self, query: DeadQuery) -> dict[str, Any]:
        """Show what the outbox holds, and each dead row with its reason, never with its body."""
        counted, dead = await self._rows.look(query.limit)
        return {
            "waitingCount": counted.waiting,
            "oldestWaitingSeconds": round(counted.oldest_seconds, 1),
            "deadCount": counted.dead,
            "dead": [
                {
                    "id": row.id,
                    "eventId": str(row.event_id),
                    "topic": row.topic,
                    "key": row.key,
                    "eventType": row.event_type,
                    "createdAt": row.created_at.isoformat(),
                    "diedAt": row.died_at.isoformat(),
                    "reason": row.reason,
                }
                for row in dead
            ],
        }

    async def publish_again(self, body: DeadIds, caller: Caller) -> dict[str, int]:
        """Publish dead rows again, in their old place, within a second or so."""
        count = await self._rows.publish_again(body.ids, caller.username)
        log.info("outbox-rows-revived", rows=count, username=caller.username)
        return {"revivedCount": count}

    async def discard(self, body: DeadIds, caller: Caller) -> dict[str, int]:
        """Give dead rows up for good; what waits behind them goes on."""
        count = await self._rows.discard(body.ids, caller.username)
        log.info("outbox-rows-discarded", rows=count, username=caller.username)
        return {"discardedCount": count}


def outbox_routes(doors: OutboxDoors) -> Sequence[Route]:
    """List the doors."""
    base = "/queue-admin/outbox"
    return (
        Route("GET", base, doors.look, ADMIN),
        Route("PUT", f"{base}/retry-dead", doors.publish_again, ADMIN),
        Route("PUT", f"{base}/discard-dead", doors.discard, ADMIN),
    )
