"""What is asked for at the same time goes out in one call; each gets its own answer or its own failure."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest

from libs.web.gathering import Gatherer, GatherLimits
from libs.web.outgoing import RemoteRefused, RemoteUnavailable


@dataclass
class Remote:
    """Doubles numbers. `calls` has what each call asked for; a call waits while `open` is not set."""

    calls: list[list[int]] = field(default_factory=list)
    open: asyncio.Event = field(default_factory=asyncio.Event)
    refuses: Exception | None = None

    async def many(self, numbers: Sequence[int]) -> list[int | Exception]:
        self.calls.append(list(numbers))
        await self.open.wait()
        if self.refuses:
            raise self.refuses
        return [ValueError(str(number)) if number < 0 else number * 2 for number in numbers]

    async def one(self, number: int) -> int:
        self.calls.append([number])
        await self.open.wait()
        if number < 0:
            raise ValueError(str(number))
        return number * 2

    def gatherer(self, together_max: int = 10, calls_max: int = 1) -> Gatherer[int, int]:
        return Gatherer(self.many, self.one, GatherLimits(together_max=together_max, calls_max=calls_max))


async def asked(gatherer: Gatherer[int, int], *numbers: int) -> list[asyncio.Task[int]]:
    tasks = [asyncio.create_task(gatherer.ask(number)) for number in numbers]
    for _ in range(5):
        await asyncio.sleep(0)
    return tasks


async def test_those_of_one_moment_share_a_call_and_who_is_alone_asks_alone() -> None:
    remote = Remote()
    remote.open.set()
    gatherer = remote.gatherer()
    assert await asyncio.gather(*(gatherer.ask(n) for n in (1, 2, 3))) == [2, 4, 6]
    assert await gatherer.ask(4) == 8
    assert remote.calls == [[1, 2, 3], [4]]


async def test_a_call_under_way_is_joined_by_nobody_and_the_next_takes_all_who_wait() -> None:
    remote = Remote()
    gatherer = remote.gatherer(calls_max=2)
    tasks = [*await asked(gatherer, 1), *await asked(gatherer, 2), *await asked(gatherer, 3), *await asked(gatherer, 4)]
    assert remote.calls == [[1], [2]]
    remote.open.set()
    assert await asyncio.gather(*tasks) == [2, 4, 6, 8]
    assert remote.calls == [[1], [2], [3, 4]]


async def test_no_call_is_larger_than_allowed() -> None:
    remote = Remote()
    remote.open.set()
    gatherer = remote.gatherer(together_max=2)
    assert await asyncio.gather(*(gatherer.ask(n) for n in range(5))) == [0, 2, 4, 6, 8]
    assert remote.calls == [[0, 1], [2, 3], [4]]


async def test_a_failure_of_one_is_raised_where_it_was_asked() -> None:
    remote = Remote()
    remote.open.set()
    gatherer = remote.gatherer()
    told = await asyncio.gather(*(gatherer.ask(n) for n in (1, -2, 3)), return_exceptions=True)
    assert told[::2] == [2, 6]
    assert isinstance(told[1], ValueError)


async def test_when_the_whole_is_not_taken_each_is_asked_alone() -> None:
    remote = Remote(refuses=RemoteRefused(400, {}, "POST", "/find"))
    remote.open.set()
    gatherer = remote.gatherer()
    told = await asyncio.gather(*(gatherer.ask(n) for n in (1, -2, 3)), return_exceptions=True)
    assert told[::2] == [2, 6]
    assert isinstance(told[1], ValueError)
    assert remote.calls == [[1, -2, 3], [1], [-2], [3]]


@pytest.mark.parametrize("away", [RemoteUnavailable("POST", "/find", "failed"), RemoteRefused(503, {}, "POST", "/f")])
async def test_a_remote_that_is_away_is_not_asked_again(away: Exception) -> None:
    remote = Remote(refuses=away)
    remote.open.set()
    gatherer = remote.gatherer()
    told = await asyncio.gather(*(gatherer.ask(n) for n in (1, 2)), return_exceptions=True)
    assert told == [away, away]
    assert remote.calls == [[1, 2]]


async def test_who_gave_up_is_not_asked_for_and_spoils_nothing() -> None:
    remote = Remote()
    gatherer = remote.gatherer()
    first, second, third = [*await asked(gatherer, 1), *await asked(gatherer, 2, 3)]
    first.cancel()
    second.cancel()
    remote.open.set()
    assert await third == 6
    assert remote.calls == [[1], [3]]
