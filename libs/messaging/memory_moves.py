"""The broker in memory sends dead letters back by itself, as AWS does: at a rate, one task at a time."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from libs.messaging.queue import Move, MoveRunning


class MemoryMoves:
    """Of one queue. `move_one` moves a dead letter and says whether there was one."""

    def __init__(self, count: Callable[[], int], move_one: Callable[[], bool], now: Callable[[], datetime]) -> None:
        self._count = count
        self._move_one = move_one
        self._now = now
        self._task: asyncio.Task[None] | None = None
        self.latest: Move | None = None

    def start(self, per_second: int) -> str:
        """Begin; return a handle. Raises MoveRunning."""
        if self.latest is not None and self.latest.status == "RUNNING":
            raise MoveRunning("running")
        self.latest = Move("RUNNING", self._count(), 0, per_second, self._now(), "task")
        self._task = asyncio.create_task(self._run(self.latest.found, 1 / per_second))
        return self.latest.handle

    def cancel(self) -> bool:
        """End it; false when none runs."""
        if self._task is None or self.latest is None or self.latest.status != "RUNNING":
            return False
        self._task.cancel()
        self.latest = replace(self.latest, status="CANCELLED", handle="")
        return True

    async def _run(self, found: int, pause: float) -> None:
        for _ in range(found):
            if not self._move_one():
                break
            assert self.latest is not None
            self.latest = replace(self.latest, moved=self.latest.moved + 1)
            await asyncio.sleep(pause)
        assert self.latest is not None
        self.latest = replace(self.latest, status="COMPLETED", handle="")
