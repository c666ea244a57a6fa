"""One at a time for messages of one key, within this process; other keys pass. Order within is arrival's."""

import asyncio
from typing import Self


class Lanes:
    """Locks by key; a lane exists only while somebody is in it or waits."""

    def __init__(self) -> None:
        self._locks: dict[str, asyncio.Lock] = {}
        self._interested: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self._locks)

    def lane(self, key: str | None) -> "Lane":
        """Wait until nobody else is in this key's lane; without a key there is nothing to wait for."""
        return Lane(self._locks, self._interested, key)


class Lane:
    """A stay in a lane; tells whether it had to be waited for."""

    __slots__ = ("_interested", "_key", "_locks", "waited")

    def __init__(self, locks: dict[str, asyncio.Lock], interested: dict[str, int], key: str | None) -> None:
        self._locks = locks
        self._interested = interested
        self._key = key
        self.waited = False

    async def __aenter__(self) -> Self:
        if self._key is not None:
            lock = self._locks.setdefault(self._key, asyncio.Lock())
            self._interested[self._key] = self._interested.get(self._key, 0) + 1
            self.waited = lock.locked()
            try:
                await lock.acquire()
            except BaseException:
                self._leave()
                raise
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._key is not None:
            self._locks[self._key].release()
            self._leave()

    def _leave(self) -> None:
        assert self._key is not None
        self._interested[self._key] -= 1
        if not self._interested[self._key]:
            del self._interested[self._key], self._locks[self._key]
