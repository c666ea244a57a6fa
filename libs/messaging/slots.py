"""How many messages may be in hand: whoever polls takes the slots first, so that nothing waits here without one."""

import asyncio


class Slots:
    """`take` and `give` balance; after `close` nothing is given out any more."""

    def __init__(self, count: int) -> None:
        self.count = count
        self._free = count
        self._closed = False
        self._changed = asyncio.Event()

    @property
    def free(self) -> int:
        """How many are free."""
        return self._free

    @property
    def closed(self) -> bool:
        """Whether the end has begun."""
        return self._closed

    async def take(self, at_most: int, gather_seconds: float) -> int:
        """Wait for at least one, and a moment longer for all of them, so that receives stay full; 0 once closed."""
        while not self._closed:
            await self._until(1)
            if self._free < min(at_most, self.count) and gather_seconds and not self._closed:
                try:
                    async with asyncio.timeout(gather_seconds):
                        await self._until(min(at_most, self.count))
                except TimeoutError:
                    pass
            # Another poller may have taken them while this one waited: 0 would say that the end has begun.
            if self._free and not self._closed:
                taken = min(at_most, self._free)
                self._free -= taken
                return taken
        return 0

    async def all_free(self) -> bool:
        """Wait until nothing is in hand; false once closed."""
        await self._until(self.count)
        return not self._closed

    def give(self, count: int) -> None:
        """Give back."""
        self._free += count
        self._changed.set()

    def close(self) -> None:
        """Give out nothing more; whoever waits gets 0."""
        self._closed = True
        self._changed.set()

    async def _until(self, wanted: int) -> None:
        while self._free < wanted and not self._closed:
            self._changed.clear()
            await self._changed.wait()
