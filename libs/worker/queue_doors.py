"""Queue admin over HTTP in the shapes operators' tools know (`reference/messaging.md` §3): retry, purge, peek."""

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Annotated, Any

import structlog
from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from libs.messaging import admin
from libs.messaging.admin import AdminLimits, DeadLetter
from libs.messaging.audit import Act, ActNotNoted, Notes
from libs.messaging.queue import BrokerUnavailable, DeadLetters, PurgeInProgress, QueueGone, WorkQueue
from libs.messaging.redrives import Redrive, RedriveRunning, Redrives
from libs.messaging.sqs import DEAD_LETTER
from libs.web.auth import Caller
from libs.web.health import Check, HealthDetail
from libs.web.problems import Problem
from libs.web.routing import Needs, Route

ADMIN = Needs.role("ROLE_QUEUE_ADMIN")
PEEK_MAX = 100
log = structlog.get_logger()


class PurgeNotAllowed(Exception):
    """Purging is switched off here."""

    def __init__(self) -> None:
        super().__init__("purging a queue is switched off here (ALLOW_PURGE)")


class QueueUnknown(Exception):
    """This worker has no queue of that name."""

    def __init__(self, name: str) -> None:
        super().__init__(f"{name} not found")


QUEUE_PROBLEMS = MappingProxyType(
    {
        QueueUnknown: Problem(404, "Queue not found"),
        PurgeNotAllowed: Problem(403, "Purge not allowed"),
        RedriveRunning: Problem(409, "Redrive running", retry_after_seconds=10),
        # The broker's own rule: one purge a minute.
        PurgeInProgress: Problem(429, "Purge in progress", retry_after_seconds=60),
        BrokerUnavailable: Problem(503, "Broker unavailable", retry_after_seconds=5),
        QueueGone: Problem(503, "Queue gone", retry_after_seconds=30),
        ActNotNoted: Problem(503, "Audit unavailable", retry_after_seconds=30),
    }
)


class RateQuery(BaseModel):
    """How fast dead letters go back, in messages a second."""

    rate: Annotated[float, Field(gt=0, le=500)] | None = None


class RetryQuery(RateQuery):
    """How fast, and whether those go too that have been retried so often that a round more seems vain."""

    model_config = ConfigDict(frozen=True, alias_generator=to_camel)

    exhausted: bool = False


class PeekQuery(BaseModel):
    """How many to look at."""

    model_config = ConfigDict(frozen=True, alias_generator=to_camel)

    max_messages: Annotated[int, Field(ge=1, le=PEEK_MAX)] = PEEK_MAX


class ChosenBody(BaseModel):
    """Which dead letters, by the `messageId` that the list shows."""

    model_config = ConfigDict(frozen=True, extra="forbid", alias_generator=to_camel)

    message_ids: Annotated[
        list[Annotated[str, Field(min_length=1, max_length=100)]], Field(min_length=1, max_length=PEEK_MAX)
    ]


@dataclass(frozen=True, slots=True)
class Line:
    """A queue and its dead-letter queue."""

    queue: WorkQueue
    dead: DeadLetters


class QueueDoors:
    """The handlers, for the queues of one worker."""

    def __init__(
        self, lines: Sequence[Line], redrives: Redrives, limits: AdminLimits, notes: Notes, *, allow_purge: bool
    ) -> None:
        self._lines = tuple(lines)
        self._notes = notes
        self._allow_purge = allow_purge
        self._redrives = redrives
        self._limits = limits

    async def retry(self, dlq_name: str, query: RetryQuery, caller: Caller) -> dict[str, Any]:
        """Send dead letters back to their queue; what was retried too often stays, unless `exhausted` asks for it."""
        line = self._line(dlq_name)
        running = await self._redrives.look(line.dead, line.queue)
        if running is not None and running.status == "RUNNING":
            raise RedriveRunning(dlq_name)
        await self._noted("DEAD_LETTERS_RETRY_REQUESTED", caller, dlq_name, **query.model_dump(exclude_none=True))
        return redrive_told(await self._redrives.start(line.dead, line.queue, query.rate, exhausted=query.exhausted))

    async def retry_all(self, query: RateQuery, caller: Caller) -> list[dict[str, Any]]:
        """Send all dead letters back; a queue that is being retried already is left to it."""
        told = []
        for line in self._lines:
            running = await self._redrives.look(line.dead, line.queue)
            if running is None or running.status != "RUNNING":
                told_of = query.model_dump(exclude_none=True)
                await self._noted("DEAD_LETTERS_RETRY_REQUESTED", caller, line.dead.name, **told_of)
                running = await self._begun(line, query)
            told.append(redrive_told(running))
        return told

    async def redrive(self, dlq_name: str) -> dict[str, Any]:
        """Show the running or the last redrive, whichever replica began it."""
        line = self._line(dlq_name)
        return redrive_told(await self._redrives.look(line.dead, line.queue))

    async def cancel(self, dlq_name: str, caller: Caller) -> dict[str, bool]:
        """Stop a redrive, also another replica's, which hears of it some seconds later; what was moved stays moved."""
        line = self._line(dlq_name)
        running = await self._redrives.look(line.dead, line.queue)
        if running is not None and running.status == "RUNNING":
            await self._noted("DEAD_LETTERS_RETRY_CANCEL_REQUESTED", caller, dlq_name)
        return {"cancelled": await self._redrives.cancel(line.dead, line.queue)}

    async def retry_chosen(self, dlq_name: str, body: ChosenBody, caller: Caller) -> dict[str, Any]:
        """Send single dead letters back, however often that was done before."""
        line = self._line(dlq_name)
        await self._noted("DEAD_LETTERS_RETRY_REQUESTED", caller, dlq_name, messageIds=body.message_ids)
        gone = await admin.retry_chosen(line.dead, line.queue, body.message_ids, self._limits)
        log.info("dead-letters-retried", queue=dlq_name, messageIds=sorted(gone), username=caller.username)
        return _told_of_chosen("messagesMovedCount", gone, body)

    async def delete_chosen(self, dlq_name: str, body: ChosenBody, caller: Caller) -> dict[str, Any]:
        """Delete single dead letters for good."""
        dead = self._line(dlq_name).dead
        await self._noted("DEAD_LETTERS_DELETE_REQUESTED", caller, dlq_name, messageIds=body.message_ids)
        gone = await admin.delete_chosen(dead, body.message_ids, self._limits)
        log.info("dead-letters-deleted", queue=dlq_name, messageIds=sorted(gone), username=caller.username)
        return _told_of_chosen("messagesDeletedCount", gone, body)

    async def purge(self, queue_name: str, caller: Caller) -> dict[str, int]:
        """Delete everything on a queue or dead-letter queue, where that is allowed."""
        if not self._allow_purge:
            raise PurgeNotAllowed
        log.info("purge-asked", queue=queue_name, username=caller.username)
        for line in self._lines:
            for queue in (line.queue, line.dead):
                if queue.name == queue_name:
                    await self._noted("QUEUE_PURGE_REQUESTED", caller, queue_name)
                    return {"messagesFoundCount": await admin.purge(queue)}
        raise QueueUnknown(queue_name)

    async def peek(self, dlq_name: str, query: PeekQuery) -> dict[str, Any]:
        """Show dead letters, each once, and why they are there."""
        peeked = await admin.peek(self._line(dlq_name).dead, self._limits, query.max_messages)
        return {
            "messagesFoundCount": peeked.found,
            "messagesReturnedCount": len(peeked.messages),
            "reasons": _by_reason(peeked.messages),
            "messages": [
                {
                    "body": letter.body,
                    "messageId": letter.message_id,
                    "attributeNames": list(letter.attribute_names),
                    "attributes": dict(letter.attributes),
                    "receiveCount": letter.receive_count,
                    "firstSeen": letter.sent_at.isoformat(),
                    "redriveCount": letter.redrives,
                    "exhausted": letter.redrives >= self._limits.redrives_max,
                    "failureReason": letter.failure_reason,
                    "failureAt": letter.failure_at,
                }
                for letter in peeked.messages
            ],
        }

    async def _noted(self, what: str, caller: Caller, queue_name: str, **told: object) -> None:
        await self._notes.note(Act(what, caller.username, queue_name, "QUEUE_NAME", told))

    async def _begun(self, line: Line, query: RateQuery) -> Redrive | None:
        """Begin, or tell of the one that began a moment before."""
        try:
            return await self._redrives.start(line.dead, line.queue, query.rate)
        except RedriveRunning:
            return await self._redrives.look(line.dead, line.queue)

    def _line(self, dlq_name: str) -> Line:
        for line in self._lines:
            if line.dead.name == dlq_name:
                return line
        raise QueueUnknown(dlq_name)


def redrive_told(redrive: Redrive | None) -> dict[str, Any]:
    """Tell how far a redrive is, or that there was none."""
    if redrive is None:
        return {"messagesFoundCount": 0, "status": "NONE"}
    return {
        "messagesFoundCount": redrive.found,
        "messagesMovedCount": redrive.moved,
        "messagesLeftCount": redrive.left,
        "maxPerSecond": redrive.rate,
        "status": redrive.status,
        "taskHandle": redrive.handle,
    }


def _told_of_chosen(count: str, gone: Collection[str], body: ChosenBody) -> dict[str, Any]:
    return {count: len(gone), "notFound": [each for each in body.message_ids if each not in gone]}


def _by_reason(letters: Sequence[DeadLetter]) -> list[dict[str, Any]]:
    """Count what was looked at by its reason, most frequent first."""
    counted = Counter(letter.failure_reason for letter in letters)
    return [{"failureReason": reason, "count": count} for reason, count in counted.most_common()]


def queue_check(
    line: Line, known: Callable[[], Mapping[str, Any]], trouble: Callable[[], str | None] = lambda: None
) -> Check:
    """Return the queue's component of `/health`: what is `known` of it, and down while its consumer is in trouble."""

    async def check() -> HealthDetail:
        health = await admin.health(line.queue, line.dead)
        wrong = trouble()
        error = {"error": wrong} if wrong and health.up else {}
        return HealthDetail(up=health.up and not wrong, details={**health.details, **known(), **error})

    return check


def line_of(queue: WorkQueue, dead: DeadLetters) -> Line:
    """Pair a queue with its dead-letter queue. Their ids differ by the suffix the topology gives."""
    assert dead.name == queue.name + DEAD_LETTER
    return Line(queue, dead)


def queue_routes(doors: QueueDoors) -> Sequence[Route]:
    """List the doors."""
    base = "/queue-admin"
    common = (QueueUnknown, BrokerUnavailable, QueueGone, ActNotNoted)
    return (
        Route("PUT", f"{base}/retry-dlq/{{dlqName}}", doors.retry, ADMIN, problems=(*common, RedriveRunning)),
        Route("PUT", f"{base}/retry-all-dlqs", doors.retry_all, ADMIN, problems=common),
        Route("GET", f"{base}/redrives/{{dlqName}}", doors.redrive, ADMIN, problems=common),
        Route("DELETE", f"{base}/redrives/{{dlqName}}", doors.cancel, ADMIN, problems=common),
        Route("PUT", f"{base}/retry-messages/{{dlqName}}", doors.retry_chosen, ADMIN, problems=common),
        Route("PUT", f"{base}/delete-messages/{{dlqName}}", doors.delete_chosen, ADMIN, problems=common),
        Route(
            "PUT",
            f"{base}/purge-queue/{{queueName}}",
            doors.purge,
            ADMIN,
            problems=(*common, PurgeInProgress, PurgeNotAllowed),
        ),
        Route("GET", f"{base}/get-dlq-messages/{{dlqName}}", doors.peek, ADMIN, problems=common),
    )
