"""A broker that forgets everything when it is killed: what had committed arrives all the same."""

import asyncio
import json
import signal
from datetime import UTC, datetime
from pathlib import Path

from infra.local.broker import ACCESS_KEY, SECRET_KEY, Broker, BrokerPlan
from infra.local.ports import free_port
from libs.db import pool
from libs.messaging.aws import AwsSettings, connect
from libs.messaging.building import create
from libs.messaging.consumer import Consumer
from libs.messaging.limits import ConsumerLimits
from libs.messaging.message import Message
from libs.messaging.outbox import Outbox, Outgoing
from libs.messaging.outcome import Done, Outcome
from libs.messaging.relay import Relay, RelaySettings
from tests.conftest import MakeDatabase
from tests.contracts.queue import TOPOLOGY

AT = datetime(2026, 11, 24, 10, 0, tzinfo=UTC)
PATIENCE = 60
QUICK = RelaySettings(poll_seconds=0.1, retry_seconds=0.1, generation_seconds=0.1, takeover_seconds=0)
LIMITS = ConsumerLimits(wait_seconds=1, poll_retry_longest_seconds=0.5)


async def test_messages_that_died_with_the_broker_are_published_again_once_it_is_back(
    database: MakeDatabase, tmp_path: Path
) -> None:
    dsn = await database("libs/messaging/schema")
    broker = Broker(BrokerPlan(tmp_path / "broker", free_port()))
    await broker.start()
    told = {"endpoint_url": broker.endpoint, "access_key": ACCESS_KEY, "secret_key": SECRET_KEY}
    seen, some, stop = set[int](), asyncio.Event(), asyncio.Event()

    async def handle(message: Message) -> Outcome:
        seen.add(json.loads(message.body)["n"])
        some.set()
        return Done()

    try:
        async with (
            connect(AwsSettings.model_validate(told)) as aws,
            pool.connect(pool.DatabaseSettings.model_validate({"dsn": dsn})) as db,
            asyncio.timeout(PATIENCE),
        ):
            await create(TOPOLOGY, aws)
            relay = asyncio.create_task(Relay(db, {"events": aws.topic("events")}, QUICK, now=lambda: AT).run(stop))
            async with db.transaction() as tx:
                await Outbox().add_many(tx, [outgoing(n) for n in range(20)])
            while await db.fetchval("SELECT count(*) FROM outbox WHERE published_at IS NULL"):  # noqa: ASYNC110 - it does not call
                await asyncio.sleep(0)
            # Nobody has received them yet.
            assert broker.child
            broker.child.send(signal.SIGKILL)
            await broker.stop()
            await broker.start()
            await create(TOPOLOGY, aws)
            consumer = Consumer(aws.queue("work"), {"made": handle}, LIMITS, now=lambda: AT)
            consuming = asyncio.create_task(consumer.run(stop))
            while len(seen) < 20:
                some.clear()
                await some.wait()
            stop.set()
            await asyncio.gather(relay, consuming)
    finally:
        await broker.stop()
    assert seen == set(range(20))


def outgoing(n: int) -> Outgoing:
    return Outgoing("events", "made", json.dumps({"n": n}), f"key {n % 3}", {"source": "DPS"})
