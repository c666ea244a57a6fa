"""Runs coroutines one remote call at a time, in an order that the test chooses. No event loop, no clock, no chance."""

from collections.abc import Awaitable, Callable, Coroutine, Generator, Iterator, Sequence
from functools import wraps
from itertools import combinations
from typing import Any

from libs.messaging.outcome import RetryLater

Walk = Callable[[], Coroutine[Any, Any, Any]]


class _Turn:
    """Hands control back to the scheduler once."""

    def __await__(self) -> Generator[None, None, None]:
        yield


class Stepped:
    """A port whose every call first waits for its turn."""

    def __init__(self, port: Any) -> None:
        self._port = port

    def __getattr__(self, name: str) -> Any:
        method: Callable[..., Awaitable[Any]] = getattr(self._port, name)

        @wraps(method)
        async def call(*given: Any, **named: Any) -> Any:
            await _Turn()
            return await method(*given, **named)

        return call


class Running:
    """One walk; begun again, as a redelivery would, when it asks for it."""

    def __init__(self, walk: Walk, deliveries_max: int = 20) -> None:
        self._walk = walk
        self._left = deliveries_max
        self._coroutine: Coroutine[Any, Any, Any] | None = walk()

    @property
    def over(self) -> bool:
        return self._coroutine is None

    def step(self) -> None:
        """Run to the next remote call."""
        if self._coroutine is None:
            return
        try:
            self._coroutine.send(None)
        except StopIteration:
            self._coroutine = None
        except RetryLater:
            self._left -= 1
            assert self._left, "this walk never ends"
            self._coroutine = self._walk()

    def die(self) -> None:
        """Kill it where it stands; the message comes again."""
        if self._coroutine is not None:
            self._coroutine.close()
            self._coroutine = self._walk()

    def finish(self) -> None:
        while not self.over:
            self.step()


def in_order(order: Sequence[int], walks: Sequence[Walk]) -> None:
    """Give the turns in `order` (indexes into `walks`), then let each finish."""
    running = [Running(walk) for walk in walks]
    for index in order:
        running[index].step()
    for walk in running:
        walk.finish()


def every_order(steps: int) -> Iterator[tuple[int, ...]]:
    """Return every way to interleave two walks of `steps` turns each."""
    for first in combinations(range(2 * steps), steps):
        chosen = frozenset(first)
        yield tuple(0 if turn in chosen else 1 for turn in range(2 * steps))
