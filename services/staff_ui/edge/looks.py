"""Looks that pages share: however many people watch a thing, it is asked for once in a while."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

Ask = Callable[[], Awaitable[Any]]


@dataclass
class _Kept:
    """The newest look at one thing, and how many watch it."""

    one_at_a_time: asyncio.Lock = field(default_factory=asyncio.Lock)
    watchers: int = 0
    at: float = float("-inf")
    seen: Any = None


class Looks:
    """Looks that are shared: each thing is asked for once in `seconds`, by whoever comes first, however many watch.

    Nothing is kept of what nobody watches, so there are never more looks than streams.
    """

    def __init__(self, seconds: float, now: Callable[[], float]) -> None:
        self.seconds = seconds
        self._now = now
        self._kept: dict[str, _Kept] = {}

    @contextmanager
    def watching(self, thing: str) -> Iterator[Callable[[Ask], Awaitable[Any]]]:
        """Watch a thing. What is given takes a question and returns the newest answer; it raises what asking raises."""
        kept = self._kept.setdefault(thing, _Kept())
        kept.watchers += 1
        try:
            yield lambda ask: self._look(kept, ask)
        finally:
            kept.watchers -= 1
            if not kept.watchers:
                del self._kept[thing]

    async def _look(self, kept: _Kept, ask: Ask) -> Any:
        async with kept.one_at_a_time:
            if self._now() - kept.at >= self.seconds:
                kept.seen = await ask()
                kept.at = self._now()
            return kept.seen
