"""Each hostile message ends at once, with its reason; a good one behind it has its effect; nothing piles up."""

import asyncio
import gc
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random

import pytest
from pydantic import SecretStr

from infra.local.settings import ROOT
from libs.db.pool import Database, DatabaseSettings, connect
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
from services.migration.app import handlers as migration_handlers
from services.migration.records import MigrationFilter
from services.migration.stages.work import LIST, PAGE
from services.reconciliation.app import handlers as reconciliation_handlers
from services.reconciliation.reconcile.noting import Noting
from services.reconciliation.store.due import DueStore
from services.to_nomis.app import handlers as to_nomis_handlers
from services.to_nomis.publish import Publisher
from tests.auditing import AUDITOR
from tests.conftest import Databases
from tests.hostile.mutations import Good, hostile
from tests.libs.domain.rows import CELL_ID, CELL_NOMIS
from tests.services.migration.office import Office, two_wings
from tests.simulation.house import House

MESSAGES = 10_000
AT_ONCE = 500
# Live objects may differ by what the garbage collector and the caches of libraries hold at the moment; one object kept
# for every second message would be more than this.
GROWTH_MAX = 2_000
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
    """One queue, its real handlers over fakes and real tables, and what became of the messages."""

    name: str
    handlers: Mapping[str, Handler]
    good: tuple[Good, ...]
    ended: Counter[str] = field(default_factory=Counter)
    without_reason: int = 0

    def __post_init__(self) -> None:
        topology = Topology.load(ROOT / "infra" / "messaging.json")
        broker = MemoryBroker(topology)
        self.queue, self.dead = broker.queue(self.name), broker.queue(self.name + DEAD_LETTER)
        self._some = asyncio.Event()
        self.stop = asyncio.Event()
        self.consumer = Consumer(
            self.queue,
            self.handlers,
            ConsumerLimits.model_validate({"visibility_seconds": 60, "backoff_seconds": (600,), "wait_seconds": 1}),
            now=lambda: AT,
            unknown="dlq",
            observe=self._observe,
        )

    def _observe(self, handled: Handled) -> None:
        self.ended[handled.outcome] += 1
        self.without_reason += handled.outcome != "done" and not handled.reason
        self._some.set()

    async def until(self, count: int) -> None:
        while self.ended.total() < count:
            self._some.clear()
            await self._some.wait()

    async def letters(self) -> int:
        """Read and remove the dead letters, each of which must tell its reason; return how many there were."""
        count = 0
        while letters := await self.dead.receive(10, wait_seconds=0, visibility_seconds=30):
            assert all(letter.attributes["failureReason"] for letter in letters)
            await self.dead.delete([letter.receipt for letter in letters])
            count += len(letters)
        return count


@pytest.fixture(scope="module")
async def tables(databases: Databases) -> AsyncIterator[Mapping[str, Database]]:
    """The own databases of the two services that keep what messages tell."""
    due = await databases.create("libs/messaging/schema", "services/reconciliation/schema")
    history = await databases.create("libs/messaging/schema", "services/migration/schema")
    async with (
        connect(DatabaseSettings(dsn=SecretStr(due))) as of_reconciliation,
        connect(DatabaseSettings(dsn=SecretStr(history))) as of_migration,
    ):
        yield {"reconciliation": of_reconciliation, "migration": of_migration}


async def line(name: str, tables: Mapping[str, Database]) -> Line:
    house = House(conditional_writes=True)
    await house.furnish()
    match name:
        case "to-nomis-locations":
            return Line(name, to_nomis_handlers(Publisher(house.settler)), (DPS_EVENT, SETTLE_REQUEST))
        case "from-nomis-locations":
            return Line(name, from_nomis_handlers(Synchroniser(house.settler)), (NOMIS_EVENT, SETTLE_REQUEST))
        case "reconciliation-locations":
            store = DueStore(tables["reconciliation"], AUDITOR)
            seconds = timedelta(seconds=1)
            noting = Noting(lambda told, given_up: store.note(told, AT, seconds, seconds, given_up), linger_seconds=0)
            return Line(name, reconciliation_handlers(noting), (DPS_EVENT, NOMIS_EVENT))
        case _:
            office = Office(tables["migration"])
            two_wings(office)
            started = await office.control.start(MigrationFilter(), "BOSS")
            await office.finish(started.migration_id)
            wish = {"migrationId": started.migration_id, "page": 0}
            good = tuple(Good(kind, {"type": kind, **wish}, enveloped=False) for kind in (LIST, PAGE))
            return Line(name, migration_handlers(office.stages), good)


def live_objects() -> int:
    gc.collect()
    return len(gc.get_objects())


@pytest.mark.parametrize(
    "name", ["to-nomis-locations", "from-nomis-locations", "reconciliation-locations", "migration-locations"]
)
async def test_every_hostile_message_ends_with_a_reason_and_blocks_none_behind_it(
    name: str, tables: Mapping[str, Database]
) -> None:
    under_test = await line(name, tables)
    chance = Random(name)
    running = asyncio.create_task(under_test.consumer.run(under_test.stop))
    sent = buried = 0
    alive: list[int] = []
    for number in range(rounds := MESSAGES // AT_ONCE):
        for parcel in (*hostile(under_test.good, AT_ONCE, chance), under_test.good[0].parcel()):
            # A broker takes no empty body.
            sent += under_test.queue.put(parcel) is None
        await under_test.until(sent)
        buried += await under_test.letters()
        if number in {rounds // 4, rounds - 1}:
            alive.append(live_objects())
    under_test.stop.set()
    await running

    assert under_test.ended.keys() <= {"done", "ignored", "dead"}
    assert under_test.without_reason == 0
    depth = await under_test.queue.depth()
    assert (depth.visible, depth.in_flight, depth.delayed) == (0, 0, 0)
    assert under_test.ended["dead"] == buried > MESSAGES / 4
    assert under_test.ended["done"] >= MESSAGES // AT_ONCE
    assert alive[1] - alive[0] < GROWTH_MAX


async def test_a_strange_prison_or_id_does_not_spoil_the_statement_it_shares(tables: Mapping[str, Database]) -> None:
    under_test = await line("reconciliation-locations", tables)
    told = DPS_EVENT.body["additionalInformation"]
    strange = [
        Good(DPS_EVENT.type, {**DPS_EVENT.body, "additionalInformation": {**told, "key": "\x00" * 9}}, enveloped=True)
    ]
    strange += [
        Good(NOMIS_EVENT.type, {**NOMIS_EVENT.body, **wrong}, enveloped=True)
        for wrong in ({"prisonId": "LEICESTER"}, {"internalLocationId": 10**30})
    ]
    running = asyncio.create_task(under_test.consumer.run(under_test.stop))
    for good in (*strange, NOMIS_EVENT):
        under_test.queue.put(good.parcel())
    await under_test.until(len(strange) + 1)
    under_test.stop.set()
    await running
    assert under_test.ended == {"done": 3, "dead": 1}
