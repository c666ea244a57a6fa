"""Each row of `reference/messaging.md` §5.5 has tests that create its fault: which, and those that were missing."""

import ast
import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import asyncpg
import pytest
from botocore.credentials import ReadOnlyCredentials
from botocore.exceptions import ClientError
from prometheus_client import CollectorRegistry

from infra.local.ports import LOOPBACK, free_port
from libs.db.pool import Connection, Database, DatabaseSettings, connect
from libs.messaging.aws import Aws
from libs.messaging.aws import connect as connect_broker
from libs.messaging.consumer import Consumer
from libs.messaging.endings import Handler
from libs.messaging.faults import translated
from libs.messaging.inbox import Inbox
from libs.messaging.lean import LeanSqs
from libs.messaging.limits import ConsumerLimits
from libs.messaging.memory import Faults, MemoryBroker, NoFaults
from libs.messaging.message import Message
from libs.messaging.metrics import ConsumerMetrics
from libs.messaging.outbox import Outbox, Outgoing
from libs.messaging.outcome import Done, Ignored, Outcome, RetryLater
from libs.messaging.queue import BrokerUnavailable, Depth, Parcel
from libs.messaging.records import Handled
from libs.messaging.relay import Relay, RelaySettings
from tests.chaos.wires import Wire, laid
from tests.conftest import BrokerAddress, MakeDatabase, aws_settings
from tests.contracts.queue import TOPOLOGY
from tests.libs.messaging.virtual_time import run

AT = datetime(2026, 11, 24, 10, 0, tzinfo=UTC)
HERE = Path(__file__).parent
MATRIX = json.loads((HERE / "failure_matrix.json").read_text())
ROWS = 34


def test_every_row_is_covered_by_tests_that_exist() -> None:
    assert list(MATRIX) == [str(n) for n in range(1, ROWS + 1)]
    there = {
        f"{path.name}::{node.name}"
        for path in HERE.glob("test_*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }
    assert [test for row in MATRIX.values() for test in row["tests"] if test not in there] == []
    assert all(row["tests"] for row in MATRIX.values())


async def ended(
    handler: Handler,
    faults: Faults,
    seconds: float,
    *,
    now: Callable[[], datetime] = lambda: AT,
    limits: ConsumerLimits | None = None,
    metrics: ConsumerMetrics | None = None,
) -> tuple[list[Handled], Depth]:
    """Run a consumer over one message for so long."""
    broker, handled, stop = MemoryBroker(TOPOLOGY, faults), list[Handled](), asyncio.Event()
    queue = broker.queue("work")
    queue.put(Parcel("{}", {"eventType": "made"}))
    limits = limits or ConsumerLimits(visibility_seconds=30, backoff_seconds=(5,), handler_seconds_max=500)
    consumer = Consumer(queue, {"made": handler}, limits, now=now, observe=handled.append, metrics=metrics)
    running = asyncio.create_task(consumer.run(stop))
    await asyncio.sleep(seconds)
    broker.faults = NoFaults()
    stop.set()
    await running
    return handled, await queue.depth()


def test_a_handler_that_runs_into_the_brokers_twelve_hours_is_ended_before_them_and_its_message_comes_again() -> None:
    began, ran = list[float](), list[float]()

    async def endless(message: Message) -> Outcome:
        loop = asyncio.get_running_loop()
        began.append(loop.time())
        if message.attempt > 1:
            return Done()
        try:
            await asyncio.sleep(20 * 3600)
        finally:
            ran.append(loop.time() - began[0])
        return Done()

    limits = ConsumerLimits(visibility_seconds=60, backoff_seconds=(5,), handler_seconds_max=24 * 3600)
    registry = CollectorRegistry()
    metrics = ConsumerMetrics(registry)
    handled, depth = run(ended(endless, NoFaults(), 14 * 3600, limits=limits, metrics=metrics))
    assert [(each.outcome, each.attempt) for each in handled] == [("lost", 1), ("done", 2)]
    # Five minutes before; it was renewed all the while, and the broker gave the message to nobody else.
    assert ran == [pytest.approx(12 * 3600 - 300, abs=60)]
    assert began[1] - began[0] <= 12 * 3600
    assert registry.get_sample_value("messaging_leases_lost_total", {"queue": "work"}) == 1
    assert registry.get_sample_value("messaging_heartbeat_failures_total", {"queue": "work"}) == 0
    assert depth == Depth(0, 0, 0)


class FailingChanges(NoFaults):
    """The first so many changes of visibility fail."""

    def __init__(self, count: int) -> None:
        self.left = count

    def unreachable(self, call: str) -> bool:
        self.left -= call == "change visibility"
        return call == "change visibility" and self.left >= 0


def test_one_renewal_that_failed_costs_nothing() -> None:
    async def long(_: Message) -> Outcome:
        await asyncio.sleep(100)
        return Done()

    registry = CollectorRegistry()
    handled, depth = run(ended(long, FailingChanges(1), 130, metrics=ConsumerMetrics(registry)))
    assert [(each.outcome, each.attempt) for each in handled] == [("done", 1)]
    assert depth == Depth(0, 0, 0)
    assert registry.get_sample_value("messaging_heartbeat_failures_total", {"queue": "work"}) == 1
    assert registry.get_sample_value("messaging_leases_lost_total", {"queue": "work"}) == 0


def test_a_message_that_could_not_be_given_back_comes_when_its_visibility_ends() -> None:
    times: list[float] = []

    async def moody(message: Message) -> Outcome:
        times.append(asyncio.get_running_loop().time())
        if message.attempt == 1:
            raise RetryLater("not yet")
        return Done()

    registry = CollectorRegistry()
    # Nothing gets through while the lease lasts.
    handled, depth = run(ended(moody, FailingChanges(1000), 60, metrics=ConsumerMetrics(registry)))
    assert [each.outcome for each in handled] == ["retry", "done"]
    assert 29 <= times[1] - times[0] <= 31
    assert depth == Depth(0, 0, 0)
    assert (registry.get_sample_value("messaging_backoff_failures_total", {"queue": "work"}) or 0) > 0


def test_a_clock_that_jumps_ends_no_lease_and_delays_nothing() -> None:
    clock = iter([AT + timedelta(days=days) for days in (0, 40, -40, 400, 0)] * 100)

    async def long(_: Message) -> Outcome:
        await asyncio.sleep(100)
        return Done()

    handled, depth = run(ended(long, NoFaults(), 130, now=lambda: next(clock)))
    assert [(each.outcome, each.attempt) for each in handled] == [("done", 1)]
    assert depth == Depth(0, 0, 0)


def test_refused_credentials_are_a_broker_that_is_away() -> None:
    with pytest.raises(BrokerUnavailable, match="work: ExpiredToken"), translated("work"):
        raise ClientError({"Error": {"Code": "ExpiredToken"}}, "ReceiveMessage")


async def test_credentials_are_asked_for_each_call(fauxqs_aws: Aws) -> None:
    asked = 0

    async def credentials() -> ReadOnlyCredentials:
        nonlocal asked
        asked += 1
        return ReadOnlyCredentials("local", "local-only", None)

    lean = fauxqs_aws.clients.lean_control
    assert lean is not None
    renewing = LeanSqs(replace(lean.line, credentials=credentials))
    for _ in range(2):
        assert "QueueUrls" in await renewing.call("ListQueues", {})
    assert asked == 2


@pytest.fixture
async def db(database: MakeDatabase) -> AsyncIterator[Database]:
    dsn = await database("libs/messaging/schema", "libs/messaging/inbox_schema")
    async with connect(DatabaseSettings.model_validate({"dsn": dsn})) as db:
        await db.execute("CREATE TABLE effect (n integer NOT NULL)")
        yield db


class Unlucky:
    """A database whose transactions fail as they are told: before they begin, or after their commit."""

    def __init__(self, database: Database, *failures: str) -> None:
        self._database = database
        self._failures = list(failures)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Connection]:
        failure = self._failures.pop(0) if self._failures else ""
        if failure == "away":
            raise OSError("connection refused")
        async with self._database.transaction() as tx:
            yield tx
        if failure == "answer lost":
            raise asyncpg.ConnectionDoesNotExistError("connection was closed in the middle of operation")


async def effects_after(db: Database, *failures: str) -> tuple[list[str], int]:
    """Deliver one message until it ends, over a database that fails so."""
    unlucky: Database = Unlucky(db, *failures)  # type: ignore[assignment]
    told: list[str] = []

    async def insert(_: Message, tx: Connection) -> Outcome:
        await tx.execute("INSERT INTO effect (n) VALUES (1)")
        return Done()

    handle = Inbox(unlucky, "ours", now=lambda: AT).once(insert)
    for attempt in range(1, 5):
        try:
            outcome = await handle(Message("m", "made", "{}", {}, attempt, AT, "work"))
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as failure:
            told.append(type(failure).__name__)
            continue
        told.append(outcome.reason if isinstance(outcome, Ignored) else "done")
        break
    return told, await db.fetchval("SELECT count(*) FROM effect")


async def test_a_commit_whose_answer_was_lost_has_its_effect_once(db: Database) -> None:
    assert await effects_after(db, "answer lost") == (["ConnectionDoesNotExistError", "duplicate"], 1)


async def test_without_its_database_a_message_waits_and_then_has_its_effect_once(db: Database) -> None:
    assert await effects_after(db, "away", "away") == (["OSError", "OSError", "done"], 1)


async def test_a_long_transaction_elsewhere_does_not_hold_the_relay_back(db: Database, aws: Aws) -> None:
    stop = asyncio.Event()
    settings = RelaySettings(poll_seconds=0.05, takeover_seconds=0)
    async with db.transaction() as other:
        # It has a snapshot and has added an event of another key.
        await Outbox().add(other, Outgoing("events", "made", "{}", "other"))
        relaying = asyncio.create_task(Relay(db, {"events": aws.topic("events")}, settings, now=lambda: AT).run(stop))
        async with db.transaction() as tx:
            await Outbox().add(tx, Outgoing("events", "made", '{"n": 1}', "ours"))
        async with asyncio.timeout(60):
            [delivery] = await aws.queue("work").receive(1, wait_seconds=20, visibility_seconds=30)
        assert json.loads(json.loads(delivery.body)["Message"]) == {"n": 1}
    stop.set()
    await relaying


@pytest.mark.parametrize("lean", [True, False])
async def test_an_open_long_poll_takes_no_connection_that_a_delete_needs(
    fauxqs: BrokerAddress, fauxqs_aws: Aws, *, lean: bool
) -> None:
    opened = asyncio.Event()

    def overhear(sent: bytes) -> None:
        if b"AmazonSQS.ReceiveMessage" in sent:
            opened.set()

    wire = Wire(free_port(), [int(fauxqs.endpoint_url.rpartition(":")[2])], overhear)
    one_connection = {"poll_connections_max": 1, "control_connections_max": 1, "lean_calls": lean}
    narrow = aws_settings(replace(fauxqs, endpoint_url=f"http://{LOOPBACK}:{wire.port}")).model_copy(
        update={"prefix": fauxqs_aws.settings.prefix, **one_connection}
    )
    async with laid(wire), connect_broker(narrow) as broker:
        queue, other = broker.queue("work"), broker.queue("raw")
        await queue.send([Parcel("one")])
        [delivery] = await queue.receive(1, wait_seconds=20, visibility_seconds=30)
        # Where it is is known, so that the poll's own call is the first that it makes.
        await other.depth()
        opened.clear()
        poll = asyncio.create_task(other.receive(1, wait_seconds=20, visibility_seconds=30))
        async with asyncio.timeout(10):
            # Only now does it fill the one connection that polls have; a task that was made has not begun.
            await opened.wait()
            assert await queue.change_visibility([(delivery.receipt, 30)]) == [None]
            assert await queue.delete([delivery.receipt]) == [None]
            assert not poll.done()
            assert await other.send([Parcel("wakes")]) == [None]
            [woken] = await poll
            await other.delete([woken.receipt])
