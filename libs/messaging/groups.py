"""Keeps a FIFO queue's groups in order here as the broker does there: one at a time, and none past one that failed."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from libs.messaging.lanes import Lanes
from libs.messaging.leases import Lease


@dataclass(slots=True, eq=False)
class Turn:
    """A received message's place in its group; `fallen` once one before it was given back, and it with that one."""

    group: str | None
    lease: Lease
    fallen: bool = False


class Groups:
    """Places in groups; a message without a group has nothing to wait for."""

    def __init__(self) -> None:
        self._lanes = Lanes()
        self._waiting: dict[str, list[Turn]] = {}

    def __len__(self) -> int:
        return len(self._waiting)

    def join(self, group: str | None, lease: Lease) -> Turn:
        """Take the next place; to be called in the order of the receive."""
        turn = Turn(group, lease)
        if group is not None:
            self._waiting.setdefault(group, []).append(turn)
        return turn

    @asynccontextmanager
    async def turn(self, turn: Turn) -> AsyncIterator[None]:
        """Wait until all before it in its group have ended; then it may have `fallen`."""
        try:
            async with self._lanes.lane(turn.group):
                self._leave(turn)
                yield
        finally:
            self._leave(turn)

    def fall(self, group: str | None) -> list[Lease]:
        """Take everyone who waits in a group out of it; return their leases, the newest first, to be given back."""
        fallen = self._waiting.pop(group, []) if group is not None else []
        for turn in fallen:
            turn.fallen = True
        return [turn.lease for turn in reversed(fallen)]

    def _leave(self, turn: Turn) -> None:
        waiting = self._waiting.get(turn.group, []) if turn.group is not None else []
        if turn in waiting:
            waiting.remove(turn)
            if not waiting and turn.group is not None:
                del self._waiting[turn.group]
