"""The door by which people watch a worker's queue: what waits, how old it is, what died, how fast it goes."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

from libs.messaging.depths import Depths
from libs.messaging.queue import BrokerUnavailable, Queue, QueueGone
from libs.messaging.redrives import Redrives
from libs.messaging.traffic import Traffic
from libs.web.routing import Route
from libs.worker.queue_doors import ADMIN, Line, redrive_told


class WatchDoors:
    """The handler, for the queue of one worker."""

    def __init__(
        self,
        line: Line,
        aside: Queue,
        depths: Depths,
        traffic: Traffic,
        redrives: Redrives,
        trouble: Callable[[], str | None],
    ) -> None:
        self._line = line
        self._aside = aside
        self._depths = depths
        self._traffic = traffic
        self._redrives = redrives
        self._trouble = trouble

    async def queues(self) -> list[dict[str, Any]]:
        """Show the queue of this worker: counts as the broker tells them now, and the last hour of this replica.

        `oldestSeconds` is an estimate, missing while nothing is known; `traffic.lagSeconds` is from a change's commit
        to the end of its handling, over the last minutes. `trouble` says what keeps this replica from it.
        """
        queue, dead = self._line.queue, self._line.dead
        depth, letters, aside = await asyncio.gather(queue.depth(), dead.depth(), self._aside.depth())
        return [
            {
                "queue": queue.name,
                "waiting": depth.visible,
                "inFlight": depth.in_flight,
                "delayed": depth.delayed,
                "dead": letters.visible + letters.in_flight,
                "parked": aside.visible,
                "oldestSeconds": self._depths.oldest_seconds if depth.visible else 0.0,
                "redrive": redrive_told(await self._redrives.look(dead, queue)),
                "traffic": self._traffic.told(),
                "trouble": self._trouble(),
            }
        ]


def watch_routes(doors: WatchDoors) -> Sequence[Route]:
    """List the door."""
    return (Route("GET", "/queue-admin/queues", doors.queues, ADMIN, problems=(BrokerUnavailable, QueueGone)),)
