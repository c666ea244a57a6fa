"""Looks at a queue every so often, so that a scrape costs the broker no call."""

from collections.abc import Callable
from datetime import datetime

from libs.messaging.metrics import DepthMetrics
from libs.messaging.queue import BrokerUnavailable, DeadLetters, QueueGone, WorkQueue
from libs.messaging.redrives import Redrives


class Depths:
    """Counts of one queue and its dead-letter queue, about as fresh as the broker's own estimates."""

    def __init__(
        self,
        queue: WorkQueue,
        dead: DeadLetters,
        oldest_seen: Callable[[], datetime | None],
        metrics: DepthMetrics,
        redrives: Redrives,
        now: Callable[[], datetime],
    ) -> None:
        self._queue = queue
        self._oldest_seen = oldest_seen
        self._now = now
        self._dead = dead
        self._metrics = metrics
        self._redrives = redrives
        self._oldest_seconds: float | None = None
        self._sampled_at: datetime | None = None
        metrics.redrive_running.labels(queue.name).set_function(lambda: redrives.is_running(dead.name))

    @property
    def oldest_seconds(self) -> float | None:
        """Tell how old the oldest message was at the last sample; None while nothing is known."""
        return self._oldest_seconds

    def details(self) -> dict[str, str | bool]:
        """Tell what `/health` shows of the last sample; the age is an estimate and missing while nothing is known."""
        told: dict[str, str | bool] = {"redriveRunning": self._redrives.is_running(self._dead.name)}
        if self._oldest_seconds is not None:
            told["oldestMessageAgeSeconds"] = str(int(self._oldest_seconds))
        if self._sampled_at is not None:
            told["sampledAt"] = self._sampled_at.isoformat()
        return told

    async def sample(self) -> bool:
        """Count once. A broker that is away leaves the numbers as they were."""
        name = self._queue.name
        try:
            depth, letters = await self._queue.depth(), await self._dead.depth()
            await self._redrives.look(self._dead, self._queue)
        except (BrokerUnavailable, QueueGone):
            return False
        for state, count in (("visible", depth.visible), ("in_flight", depth.in_flight), ("delayed", depth.delayed)):
            self._metrics.messages.labels(name, state).set(count)
        self._metrics.dead.labels(name).set(letters.visible)
        # Only CloudWatch knows the oldest; what came lately is the nearest that we can tell.
        oldest = self._oldest_seen()
        if oldest is not None or not depth.visible:
            age = (self._now() - oldest).total_seconds() if oldest and depth.visible else 0
            self._oldest_seconds = max(0.0, age)
            self._metrics.oldest.labels(name).set(self._oldest_seconds)
        self._sampled_at = self._now()
        return False
