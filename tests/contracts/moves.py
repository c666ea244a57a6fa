"""What a broker does that sends dead letters back by itself, be it the one in memory or a real one behind the adapter.

A subclass named `Test…` gives the fixture `messaging`, as for `tests.contracts.queue`, and `pause`, how to let a second
pass there. None of the brokers that the tests start can do this; `tests/contracts/elsewhere.py` asks one that can.
"""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from libs.messaging.queue import Depth, MoveRunning, Parcel
from tests.contracts.queue import received

Pause = Callable[[], Awaitable[None]]


class MovesContract:
    """The sentences."""

    @pytest.fixture
    def pause(self) -> Pause:
        raise NotImplementedError

    async def test_there_is_none_before_the_first(self, messaging: Any) -> None:
        queue = messaging.queue("work")
        assert await queue.latest_return() is None
        assert not await queue.cancel_return()

    async def test_all_dead_letters_go_back_as_they_lie_there(self, messaging: Any, pause: Pause) -> None:
        queue, attributes = messaging.queue("work"), {"eventType": "made", "failureAt": "x"}
        await queue.send_dead([Parcel(f"{n}", attributes) for n in range(3)])
        await queue.start_return(500)
        while (move := await queue.latest_return()).status == "RUNNING":
            await pause()
        assert (move.status, move.moved, move.handle) == ("COMPLETED", 3, "")
        back = await received(queue, 3)
        assert {each.body for each in back} == {"0", "1", "2"}
        assert {tuple(each.attributes.items()) for each in back} == {tuple(attributes.items())}
        assert await messaging.queue("work-dlq").depth() == Depth(0, 0, 0)

    async def test_one_runs_at_a_time_and_a_cancelled_one_keeps_what_it_moved(
        self, messaging: Any, pause: Pause
    ) -> None:
        queue = messaging.queue("work")
        for _ in range(3):
            await queue.send_dead([Parcel(f"{n}") for n in range(10)])
        handle = await queue.start_return(2)
        with pytest.raises(MoveRunning):
            await queue.start_return(2)
        while not (await queue.latest_return()).moved:
            await pause()
        running = await queue.latest_return()
        assert (running.status, running.found, running.per_second) == ("RUNNING", 30, 2)
        assert running.handle == handle
        assert await queue.cancel_return()
        while (move := await queue.latest_return()).status == "RUNNING":
            await pause()
        assert move.status == "CANCELLED"
        assert 1 <= move.moved < 30
        assert not await queue.cancel_return()
        await queue.start_return(500)
        assert (await queue.latest_return()).started_at >= move.started_at
