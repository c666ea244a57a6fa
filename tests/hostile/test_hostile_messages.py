"""Each hostile message ends at once, with its reason; a good one behind it has its effect; nothing piles up."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from random import Random
from typing import Any

import pytest

from infra.local.settings import ROOT
from libs.domain.events import SETTLE
from libs.messaging.consumer import Consumer
from libs.messaging.endings import Handler
from libs.messaging.limits import ConsumerLimits
from libs.messaging.memory import MemoryBroker
from libs.messaging.records import Handled
from libs.messaging.sqs import DEAD_LETTER
from libs.messaging.topology import Topology
from services.from_nomis.app import handlers as from_nomis_handlers
from services.from_nomis.sync import Synchroniser
from services.to_nomis.app import handlers as to_nomis_handlers
from services.to_nomis.publish import Publisher
from tests.hostile.mutations import Good, hostile
from tests.libs.domain.rows import CELL_ID, CELL_NOMIS
from tests.simulation.house import House

MESSAGES = 10_000
AT_ONCE = 500
AT = datetime(2026, 11, 24, tzinfo=UTC)

DPS_EVENT = Good(
    "location.inside.prison.amended",
    {
        "eventType": "location.inside.prison.amended",
        "version": "1.0",
        "occurredAt": "2024-05-03T10:00:00+01:00",
        "description": "Location NWI-2-017 amended",
        "additionalInformation": {"id": str(CELL_ID), "key": "NWI-2-017", "source": "DPS"},
    },
    enveloped=True,
)
NOMIS_EVENT = Good(
    "AGENCY_INTERNAL_LOCATIONS-UPDATED",
    {
        "eventType": "AGENCY_INTERNAL_LOCATIONS-UPDATED",
        "eventDatetime": "2024-05-03T10:00:00",
        "internalLocationId": CELL_NOMIS,
        "description": "NWI-2-017",
        "prisonId": "NWI",
        "auditModuleName": "OIMILOCA",
        "recordDeleted": False,
    },
    enveloped=True,
)
SETTLE_REQUEST = Good(SETTLE, {"dpsLocationId": str(CELL_ID), "nomisLocationId": CELL_NOMIS}, enveloped=False)


@dataclass
class Line:
    """One queue, its real handlers over fakes, and what became of each message."""

    name: str
    handlers: Mapping[str, Handler]
    good: tuple[Good, ...]
    ended: list[Handled] = field(default_factory=list)

    def __post_init__(self) -> None:
        topology = Topology.load(ROOT / "infra" / "messaging.json")
        broker = MemoryBroker(topology)
        self.queue, self.dead = broker.queue(self.name), broker.queue(self.name + DEAD_LETTER)
        self._some = asyncio.Event()
        self.stop = asyncio.Event()
        self.consumer = Consumer(
            self.queue,
            self.handlers,
            ConsumerLimits.model_validate({"visibility_seconds": 60, "backoff_seconds": (600,)}),
            now=lambda: AT,
            unknown="dlq",
            observe=self._observe,
        )

    def _observe(self, handled: Handled) -> None:
        self.ended.append(handled)
        self._some.set()

    async def until(self, count: int) -> None:
        while len(self.ended) < count:
            self._some.clear()
            await self._some.wait()


async def line(name: str) -> Line:
    house = House(conditional_writes=True)
    await house.furnish()
    if name == "to-nomis-locations":
        return Line(name, to_nomis_handlers(Publisher(house.settler)), (DPS_EVENT, SETTLE_REQUEST))
    return Line(name, from_nomis_handlers(Synchroniser(house.settler)), (NOMIS_EVENT, SETTLE_REQUEST))


@pytest.mark.parametrize("name", ["to-nomis-locations", "from-nomis-locations"])
async def test_every_hostile_message_ends_with_a_reason_and_blocks_none_behind_it(name: str) -> None:
    under_test = await line(name)
    chance = Random(name)
    running = asyncio.create_task(under_test.consumer.run(under_test.stop))
    sent = 0
    for _ in range(MESSAGES // AT_ONCE):
        for parcel in (*hostile(under_test.good, AT_ONCE, chance), under_test.good[0].parcel()):
            # A broker takes no empty body.
            sent += under_test.queue.put(parcel) is None
        await under_test.until(sent)
    under_test.stop.set()
    await running

    assert {handled.outcome for handled in under_test.ended} <= {"done", "ignored", "dead"}
    assert [handled for handled in under_test.ended if handled.outcome != "done" and not handled.reason] == []
    buried = sum(handled.outcome == "dead" for handled in under_test.ended)
    depth, dead = await under_test.queue.depth(), await under_test.dead.depth()
    assert (depth.visible, depth.in_flight, depth.delayed) == (0, 0, 0)
    assert dead.visible == buried > MESSAGES / 4
    letters: list[Any] = await under_test.dead.receive(10, wait_seconds=0, visibility_seconds=30)
    assert all(letter.attributes["failureReason"] for letter in letters)
    good = [handled for handled in under_test.ended if handled.outcome == "done"]
    assert len(good) >= MESSAGES // AT_ONCE
