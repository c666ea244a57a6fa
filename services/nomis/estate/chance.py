"""Seeded chance: a stream for each prison and purpose, and weighted draws cheap enough for a million."""

from bisect import bisect
from itertools import accumulate
from math import exp
from random import Random
from typing import Generic, TypeVar

T = TypeVar("T")


def stream(seed: int, *names: str) -> Random:
    """Give the chance for one purpose; text seeds are hashed the same way by every Python."""
    return Random("/".join((str(seed), *names)))  # noqa: S311 - repeatable data, not secrets


class Weighted(Generic[T]):
    """Draws values by weight."""

    def __init__(self, *choices: tuple[T, float]) -> None:
        total = sum(weight for _, weight in choices)
        self._values = tuple(value for value, _ in choices)
        # The last bound is left out, so that rounding cannot fall past the end.
        self._bounds = tuple(accumulate(weight / total for _, weight in choices))[:-1]

    def draw(self, rng: Random) -> T:
        """Take one."""
        return self._values[bisect(self._bounds, rng.random())]


def poisson(mean: float, largest: int) -> Weighted[int]:
    """Count events that come independently, cut off at `largest`."""
    weight = exp(-mean)
    weights = [weight]
    for count in range(1, largest + 1):
        weight *= mean / count
        weights.append(weight)
    return Weighted(*enumerate(weights))
