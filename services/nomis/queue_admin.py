"""What operators do about events that could not be published (reference/nomis.md §3.8)."""

from collections.abc import Sequence
from datetime import UTC, datetime, time
from typing import Annotated

import structlog
from pydantic import Field

from libs.domain.wire import Day, LondonMoment
from libs.web.health import Check, HealthDetail
from libs.web.routing import Needs, Route
from services.nomis.records import Wire
from services.nomis.settings import RelaySettings
from services.nomis.store.xtag import QUEUE, Xtag
from services.nomis.views.event import LONDON

ADMIN = Needs.role("ROLE_QUEUE_ADMIN")
log = structlog.get_logger()


class HousekeepingQuery(Wire):
    """How many to move back at most."""

    page_size: Annotated[int, Field(ge=1, le=100_000)] = 500


class DiscardQuery(Wire):
    """Only what was enqueued before this day."""

    only_before: Day | None = None


class RepublishQuery(Wire):
    """Only what was published since then; all that is kept if absent."""

    since: LondonMoment | None = None


class QueueAdmin:
    """The handlers."""

    def __init__(self, xtag: Xtag, settings: RelaySettings) -> None:
        self._xtag = xtag
        self._settings = settings

    async def housekeeping(self, query: HousekeepingQuery) -> dict[str, int]:
        """Move events that could not be published back to their queue, oldest first."""
        moved = await self._xtag.requeue(QUEUE, query.page_size, self._settings.housekeeping_chunk)
        log.info("RetryDLQ", events=moved)
        return {"requeued": moved}

    async def discard(self, original_queue: str, query: DiscardQuery) -> dict[str, int]:
        """Delete events that could not be published."""
        day = query.only_before
        before = None if day is None else datetime.combine(day, time(), LONDON)
        discarded = await self._xtag.discard(original_queue, before)
        log.warning("DequeueDLQ", events=discarded, queue=original_queue)
        return {"discarded": discarded}

    async def republish(self, query: RepublishQuery) -> dict[str, int]:
        """Publish again what was published and is still kept, e.g. after a broker lost it."""
        since = query.since and query.since.replace(tzinfo=LONDON)
        again = await self._xtag.republish(since and since.astimezone(UTC))
        log.warning("republish", events=again)
        return {"republished": again}


def queue_routes(admin: QueueAdmin) -> Sequence[Route]:
    """List the doors."""
    return (
        Route("PUT", "/housekeeping", admin.housekeeping, ADMIN),
        Route("DELETE", "/exceptions/{originalQueue}", admin.discard, ADMIN),
        Route("PUT", "/republish", admin.republish, ADMIN),
    )


def queue_check(xtag: Xtag) -> Check:
    """Tell how much is on the queue, and how much could not be published."""

    async def check() -> HealthDetail:
        counts = await xtag.counts()
        details = {
            "messagesOnQueue": counts.get("ready", 0),
            "messagesOnDlq": counts.get("exception", 0),
            "dlqName": "AQ$_XTAG_LISTENER_TAB_E",
            "dlqStatus": "UP",
        }
        return HealthDetail(details=details)

    return check
