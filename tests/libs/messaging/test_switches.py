"""Types of messages are dropped or held while we run; what is held is put aside, outlives a kill, and comes back."""

import asyncio
import json
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import UTC, datetime

import pytest

from libs.messaging.aws import Aws
from libs.messaging.consumer import Consumer
from libs.messaging.limits import ConsumerLimits
from libs.messaging.memory import Faults, MemoryBroker, MemoryQueue, NoFaults
from libs.messaging.message import Message
from libs.messaging.outcome import Done, Outcome
from libs.messaging.parking import replay
from libs.messaging.queue import BrokerUnavailable, Depth, Parcel
from libs.messaging.records import Handled
from libs.messaging.switching import Setting, SwitchBoard, settings_of
from tests.contracts.queue import TOPOLOGY
from tests.libs.messaging.virtual_time import run

AT = datetime(2026, 11, 24, 10, 0, tzinfo=UTC)
EMPTY = Depth(0, 0, 0)


def prison(message: Message) -> str | None:
    return str(json.loads(message.body)["prison"])


class Stage:
    def __init__(self, faults: Faults | None = None) -> None:
        self.broker = MemoryBroker(TOPOLOGY, faults)
        self.queue, self.aside = self.broker.queue("work"), self.broker.queue("work-parked")
        self.board = SwitchBoard(self.queue, scope=prison)
        self.handled: list[Handled] = []
        self.effects = Counter[int]()
        self.stop = asyncio.Event()

    async def handle(self, message: Message) -> Outcome:
        self.effects[json.loads(message.body)["n"]] += 1
        return Done()

    def start(self) -> asyncio.Task[None]:
        handlers: dict[str, Callable[[Message], Awaitable[Outcome]]] = {"made": self.handle, "gone": self.handle}
        limits = ConsumerLimits(visibility_seconds=30)
        consumer = Consumer(
            self.queue,
            handlers,
            limits,
            now=lambda: AT,
            observe=self.handled.append,
            switches=self.board,
            aside=self.aside,
        )
        return asyncio.create_task(consumer.run(self.stop))

    def send(self, *numbers: int, kind: str = "made", prison: str = "LEI") -> None:
        for n in numbers:
            self.queue.put(Parcel(json.dumps({"n": n, "prison": prison}), {"eventType": kind, "eventId": f"e-{n}"}))

    def held(self, message: Message) -> bool:
        return self.board.mode(message) == "hold"

    async def end(self, running: asyncio.Task[None]) -> None:
        await asyncio.sleep(60)
        self.stop.set()
        await running

    @property
    def outcomes(self) -> Counter[str]:
        return Counter(each.outcome for each in self.handled)


def test_what_is_held_is_put_aside_and_has_its_effect_once_it_is_on_again() -> None:
    async def story() -> None:
        stage = Stage()
        await stage.board.set("made", "", "hold")
        running = stage.start()
        stage.send(*range(25))
        stage.send(100, kind="gone")
        await asyncio.sleep(30)
        assert stage.outcomes == {"parked": 25, "done": 1}
        assert (await stage.aside.depth()).visible == 25
        assert (await replay(stage.aside, stage.queue, stage.held)).still_held == 25
        await stage.board.set("made", "", "on")
        assert (await replay(stage.aside, stage.queue, stage.held)).replayed == 25
        await stage.end(running)
        assert stage.effects == dict.fromkeys([*range(25), 100], 1)
        assert await stage.queue.depth() == await stage.aside.depth() == EMPTY

    run(story())


def test_one_prison_may_be_held_while_others_go_on_and_one_may_go_on_while_all_are_held() -> None:
    async def story() -> None:
        stage = Stage()
        running = stage.start()
        await stage.board.set("made", "LEI", "hold")
        stage.send(1, prison="LEI")
        stage.send(2, prison="MDI")
        await asyncio.sleep(30)
        assert set(stage.effects) == {2}
        await stage.board.set("made", "", "hold")
        await stage.board.set("made", "LEI", "on")
        stage.send(3, prison="LEI")
        stage.send(4, prison="MDI")
        await asyncio.sleep(30)
        assert set(stage.effects) == {2, 3}
        done = await replay(stage.aside, stage.queue, stage.held)
        assert (done.replayed, done.still_held) == (1, 1)
        await stage.end(running)
        assert set(stage.effects) == {1, 2, 3}
        assert (await stage.aside.depth()).visible == 1

    run(story())


def test_what_is_dropped_is_gone_and_said_to_be() -> None:
    async def story() -> None:
        stage = Stage()
        await stage.board.set("made", "", "drop")
        running = stage.start()
        stage.send(1)
        await stage.end(running)
        assert [(each.outcome, each.reason) for each in stage.handled] == [("ignored", "switched off")]
        assert await stage.queue.depth() == await stage.aside.depth() == EMPTY

    run(story())


def test_another_replica_does_what_was_set_when_it_next_looks_and_so_does_one_that_starts() -> None:
    async def story() -> None:
        stage = Stage()
        other = SwitchBoard(stage.queue)
        await stage.board.set("made", "", "hold")
        assert other.general("made") == "on"
        assert await other.refresh()
        assert other.general("made") == "hold"
        assert not await other.refresh()
        await stage.board.set("made", "", "on")
        assert await other.refresh()
        assert other.settings == ()

    run(story())


def test_a_default_of_the_start_holds_until_something_else_is_set() -> None:
    async def story() -> None:
        board = SwitchBoard(MemoryBroker(TOPOLOGY).queue("work"), {"made": "drop"})
        assert (board.general("made"), board.general("gone")) == ("drop", "on")
        await board.set("made", "", "on")
        assert board.general("made") == "on"

    run(story())


def test_tags_that_are_not_ours_say_nothing() -> None:
    tags = {"team": "hold", "switch:made": "sometimes", "switch:gone": "drop"}
    assert settings_of(tags) == {Setting("gone", "", "drop")}


class NoRoomAside(NoFaults):
    on = True

    def unreachable(self, call: str) -> bool:
        return self.on and call == "send"


def test_what_cannot_be_put_aside_stays_on_its_queue() -> None:
    async def story() -> None:
        faults = NoRoomAside()
        stage = Stage(faults)
        await stage.board.set("made", "", "hold")
        running = stage.start()
        stage.send(1)
        await asyncio.sleep(0.1)
        assert stage.outcomes == {"retry": 1}
        faults.on = False
        await stage.end(running)
        assert stage.outcomes == {"retry": 1, "parked": 1}
        assert (await stage.aside.depth()).visible == 1

    run(story())


class DeletesLost(NoFaults):
    def unreachable(self, call: str) -> bool:
        return call == "delete"


@pytest.mark.parametrize("where", ["parking", "replay"])
def test_killed_between_the_copy_and_the_delete_a_message_is_there_twice_and_not_lost(where: str) -> None:
    async def story() -> None:
        stage = Stage()
        await stage.board.set("made", "", "hold")
        if where == "parking":
            stage.broker.faults = DeletesLost()
        running = stage.start()
        stage.send(1)
        await asyncio.sleep(10)
        running.cancel()
        await asyncio.wait([running])
        stage.broker.faults = DeletesLost() if where == "replay" else NoFaults()
        await stage.board.set("made", "", "on")
        with suppress(BrokerUnavailable):
            await replay(stage.aside, stage.queue, stage.held)
        stage.broker.faults = NoFaults()
        stage.broker.jump(200)
        running = stage.start()
        await asyncio.sleep(10)
        await replay(stage.aside, stage.queue, stage.held)
        await stage.end(running)
        assert stage.effects[1] == 2
        assert await stage.queue.depth() == await stage.aside.depth() == EMPTY

    run(story())


def test_a_fifo_message_is_parked_and_replayed_again_within_five_minutes_of_its_first_sending() -> None:
    async def story() -> None:
        broker = MemoryBroker(TOPOLOGY)
        queue, aside = broker.queue("ordered.fifo"), broker.queue("ordered-parked.fifo")
        board, seen, stop = SwitchBoard(queue), list[str](), asyncio.Event()

        async def handle(message: Message) -> Outcome:
            seen.append(message.id)
            return Done()

        consumer = Consumer(
            queue,
            {"made": handle},
            ConsumerLimits(),
            now=lambda: AT,
            switches=board,
            aside=aside,
            observe=lambda _: None,
        )
        running = asyncio.create_task(consumer.run(stop))
        await queue.send([Parcel(f"{n}", {"eventType": "made", "eventId": f"e-{n}"}, group="A") for n in range(3)])
        for _ in range(2):
            await board.set("made", "", "hold")
            await replay(aside, queue, lambda _: False)
            await asyncio.sleep(20)
        assert seen == []
        await board.set("made", "", "on")
        await replay(aside, queue, lambda _: False)
        await asyncio.sleep(20)
        stop.set()
        await running
        assert seen == ["e-0", "e-1", "e-2"]

    run(story())


class RealTags:
    """A subclass names the broker."""

    async def test_switches_are_kept_by_the_queue_itself(self, real: Aws) -> None:
        board, other = SwitchBoard(real.queue("work")), SwitchBoard(real.queue("work"))
        await board.set("location.inside.prison.created", "LEI", "hold")
        await board.set("AGY_INT_LOC_PROFILES-UPDATED", "", "drop")
        await other.refresh()
        assert other.settings == board.settings
        assert [(each.event_type, each.scope, each.mode) for each in other.settings] == [
            ("AGY_INT_LOC_PROFILES-UPDATED", "", "drop"),
            ("location.inside.prison.created", "LEI", "hold"),
        ]
        await board.set("AGY_INT_LOC_PROFILES-UPDATED", "", "on")
        await other.refresh()
        assert len(other.settings) == 1


class TestMinistack(RealTags):
    @pytest.fixture
    def real(self, aws: Aws) -> Aws:
        return aws


class TestFauxqs(RealTags):
    @pytest.fixture
    def real(self, fauxqs_aws: Aws) -> Aws:
        return fauxqs_aws


def test_the_queue_in_memory_keeps_its_tags() -> None:
    queue: MemoryQueue = MemoryBroker(TOPOLOGY).queue("work")

    async def story() -> None:
        await queue.tag("a", "1")
        await queue.untag("b")
        assert await queue.tags() == {"a": "1"}

    run(story())
