"""Looks at a queue every so often, so that a scrape costs the broker no call."""

from collections.abc import Callable
from datetime import datetime

from libs.messaging.metrics import DepthMetrics
from libs.messaging.queue import BrokerUnavailable, Queue, QueueGone
from libs.messaging.redrives import Redrives


class Depths:
    """Counts of one queue and its dead-letter queue, about as fresh as the broker's own estimates."""

    def __init__(
        self,
        queue: Queue,
        dead: Queue,
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
        metrics.redrive_running.labels(queue.name).set_function(lambda: redrives.is_running(dead.name))

    async def sample(self) -> bool:
        """Count once. A broker that is away leaves the numbers as they were."""
        name = self._queue.name
        try:
            depth, letters = await self._queue.depth(), await self._dead.depth()
        except (BrokerUnavailable, QueueGone):
            return False
        for state, count in (("visible", depth.visible), ("in_flight", depth.in_flight), ("delayed", depth.delayed)):
            self._metrics.messages.labels(name, state).set(count)
        self._metrics.dead.labels(name).set(letters.visible)
        # Only CloudWatch knows the oldest; what came lately is the nearest that we can tell.
        oldest = self._oldest_seen()
        if oldest is not None or not depth.visible:
            age = (self._now() - oldest).total_seconds() if oldest and depth.visible else 0
            self._metrics.oldest.labels(name).set(max(0, age))
        return False
