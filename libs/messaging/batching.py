"""Cuts a list into batches that the broker takes: by count and by bytes. Pure."""

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

from libs.messaging.queue import BATCH_MAX

T = TypeVar("T")


def batches(items: Iterable[T], *, count: int = BATCH_MAX) -> Iterator[list[T]]:
    """Cut by count."""
    return packed(items, size=lambda _: 0, size_max=0, count=count)


def packed(items: Iterable[T], *, size: Callable[[T], int], size_max: int, count: int = BATCH_MAX) -> Iterator[list[T]]:
    """Cut by count and by the sum of sizes, in order; an item larger than that travels alone, to be refused alone."""
    batch: list[T] = []
    total = 0
    for item in items:
        weight = size(item)
        if batch and (len(batch) == count or total + weight > size_max):
            yield batch
            batch, total = [], 0
        batch.append(item)
        total += weight
    if batch:
        yield batch
