"""Looks that are shared among those who watch the same."""

import asyncio

import pytest

from services.staff_ui.edge.looks import Looks


class Source:
    """Something to look at, which counts how often that is done."""

    def __init__(self) -> None:
        self.asked = 0
        self.now = 0.0

    async def ask(self) -> int:
        self.asked += 1
        await asyncio.sleep(0)
        return self.asked


async def test_however_many_watch_a_thing_it_is_asked_for_once_in_a_while() -> None:
    source = Source()
    looks = Looks(2, lambda: source.now)
    with looks.watching("run") as one, looks.watching("run") as other, looks.watching("else") as apart:
        assert await asyncio.gather(*(look(source.ask) for look in (one, other, one))) == [1, 1, 1]
        source.now = 1.9
        assert await other(source.ask) == 1
        source.now = 2
        assert await one(source.ask) == 2
        assert await apart(source.ask) == 3


async def test_who_fails_to_ask_fails_alone_and_the_next_asks_anew() -> None:
    source = Source()
    looks = Looks(2, lambda: source.now)

    async def refused() -> int:
        raise PermissionError

    with looks.watching("run") as one, looks.watching("run") as other:
        with pytest.raises(PermissionError):
            await one(refused)
        assert await other(source.ask) == 1


async def test_nothing_is_kept_of_what_nobody_watches_any_more() -> None:
    source = Source()
    looks = Looks(60, lambda: source.now)
    with looks.watching("run") as look:
        assert await look(source.ask) == 1
    with looks.watching("run") as look:
        assert await look(source.ask) == 2
