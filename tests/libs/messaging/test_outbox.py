"""Outbox and relay over a real PostgreSQL: what commits is published, in order within a key, at least once."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from libs.db.pool import Database, DatabaseSettings, connect
from libs.messaging.dead_rows import DeadRows
from libs.messaging.metrics import RelayMetrics
from libs.messaging.outbox import Outbox, Outgoing, Unsendable
from libs.messaging.queue import BrokerUnavailable, Parcel, Refusal
from libs.messaging.relay import ALWAYS, LEADER_LOCK, Relay, RelaySettings
from tests.auditing import AUDITOR, audited
from tests.conftest import MakeDatabase

AT = datetime(2026, 11, 24, 10, 0, tzinfo=UTC)
PATIENCE = 60
QUICK = RelaySettings(poll_seconds=0.05, retry_seconds=0.05, generation_seconds=0.05, takeover_seconds=0)


@dataclass
class Ear:
    """A topic that remembers, and refuses as it is told."""

    refuse: dict[str, Refusal] = field(default_factory=dict)
    heard: list[Parcel] = field(default_factory=list)
    batches: list[int] = field(default_factory=list)
    down: bool = False
    made: str = "first"
    lose_answers: int = 0

    def __post_init__(self) -> None:
        self._some = asyncio.Event()

    @property
    def name(self) -> str:
        return "events"

    async def publish(self, parcels: Sequence[Parcel]) -> list[Refusal | None]:
        if self.down:
            raise BrokerUnavailable("events")
        refusals = [self.refuse.get(parcel.attributes.get("key", "")) for parcel in parcels]
        self.heard += [parcel for parcel, refusal in zip(parcels, refusals, strict=True) if refusal is None]
        self.batches.append(len(parcels))
        self._some.set()
        if self.lose_answers:
            self.lose_answers -= 1
            raise BrokerUnavailable("events")
        return refusals

    async def generation(self) -> str | None:
        if self.down:
            raise BrokerUnavailable("events")
        return self.made

    async def until(self, count: int) -> None:
        async with asyncio.timeout(PATIENCE):
            while len(self.heard) < count:
                self._some.clear()
                await self._some.wait()

    def numbers(self, key: str | None = None) -> list[int]:
        return [json.loads(each.body)["n"] for each in self.heard if key in {None, each.attributes["key"]}]


def outgoing(n: int, key: str = "A") -> Outgoing:
    return Outgoing("events", "made", json.dumps({"n": n}), key, {"key": key, "source": "DPS"})


@pytest.fixture
async def db(database: MakeDatabase) -> AsyncIterator[Database]:
    dsn = await database("libs/messaging/schema")
    async with connect(DatabaseSettings.model_validate({"dsn": dsn})) as db:
        yield db


@asynccontextmanager
async def relaying(
    db: Database, ear: Ear, settings: RelaySettings = QUICK, metrics: RelayMetrics | None = None
) -> AsyncIterator[Relay]:
    stop = asyncio.Event()
    relay = Relay(db, {"events": ear, "audit": Ear()}, settings, now=lambda: AT, metrics=metrics)
    running = asyncio.create_task(relay.run(stop))
    try:
        yield relay
    finally:
        stop.set()
        async with asyncio.timeout(PATIENCE):
            await running


async def add(db: Database, *messages: Outgoing) -> None:
    async with db.transaction() as tx:
        await Outbox().add_many(tx, messages)


async def leader(db: Database) -> int | None:
    """Whose session holds the relay's lock."""
    found: int | None = await db.fetchval(
        "SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND objid = $1 AND granted", LEADER_LOCK
    )
    return found


async def counts(db: Database) -> tuple[int, int, int]:
    """Waiting, published, dead."""
    found = await db.fetchrow(
        "SELECT (SELECT count(*) FROM outbox WHERE published_at IS NULL), "
        "(SELECT count(*) FROM outbox WHERE published_at IS NOT NULL), (SELECT count(*) FROM outbox_dead)"
    )
    assert found is not None
    return found[0], found[1], found[2]


async def eventually(db: Database, wanted: tuple[int, int, int]) -> None:
    async with asyncio.timeout(PATIENCE):
        while await counts(db) != wanted:  # noqa: ASYNC110 - the database does not call back
            await asyncio.sleep(0)


async def test_what_commits_is_published_with_its_attributes(db: Database) -> None:
    ear = Ear()
    async with relaying(db, ear):
        await add(db, outgoing(1))
        await ear.until(1)
        await eventually(db, (0, 1, 0))
    [parcel] = ear.heard
    assert parcel.body == '{"n": 1}'
    assert parcel.group == "A"
    event_id = await db.fetchval("SELECT event_id FROM outbox")
    committed_at = await db.fetchval("SELECT created_at FROM outbox")
    assert parcel.attributes == {
        "key": "A", "source": "DPS", "eventType": "made", "eventId": str(event_id), "publishedAt": AT.isoformat(),
        "committedAt": committed_at.isoformat(),
    }  # fmt: skip


async def test_what_is_rolled_back_is_never_published(db: Database) -> None:
    ear = Ear()

    async def change_of_mind() -> None:
        async with db.transaction() as tx:
            await Outbox().add(tx, outgoing(1))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await change_of_mind()
    async with relaying(db, ear):
        await add(db, outgoing(2))
        await ear.until(1)
    assert ear.numbers() == [2]


async def test_messages_of_one_key_leave_in_the_order_of_commits_with_many_writers(db: Database) -> None:
    ear = Ear()
    await db.execute("CREATE TABLE counter (key text PRIMARY KEY, n integer NOT NULL DEFAULT 0)")
    await db.execute("INSERT INTO counter (key) VALUES ('A'), ('B'), ('C')")

    async def write(writer: int) -> None:
        for turn in range(20):
            key = "ABC"[(writer + turn) % 3]
            async with db.transaction() as tx:
                n = await tx.fetchval("UPDATE counter SET n = n + 1 WHERE key = $1 RETURNING n", key)
                await Outbox().add(tx, outgoing(n, key))

    async with relaying(db, ear):
        await asyncio.gather(*(write(writer) for writer in range(6)))
        await ear.until(120)
    for key in "ABC":
        assert ear.numbers(key) == list(range(1, 41))


async def test_a_second_writer_of_a_key_waits_until_the_first_has_committed(db: Database) -> None:
    order: list[str] = []
    async with db.transaction() as first:
        await Outbox().add(first, outgoing(1))

        async def second() -> None:
            await add(db, outgoing(2))
            order.append("second committed")

        waiting = asyncio.create_task(second())
        await add(db, outgoing(3, key="B"))
        order.append("other key committed")
    await waiting
    assert order == ["other key committed", "second committed"]
    assert [row["body"] for row in await db.fetch("SELECT body FROM outbox WHERE key = 'A' ORDER BY id")] == [
        '{"n": 1}', '{"n": 2}',
    ]  # fmt: skip


async def test_two_writers_with_the_same_keys_in_other_orders_do_not_deadlock(db: Database) -> None:
    async def write(keys: str) -> None:
        for turn in range(10):
            await add(db, *(outgoing(turn, key) for key in keys))

    async with asyncio.timeout(PATIENCE):
        await asyncio.gather(write("ABCDEF"), write("FEDCBA"), write("CAFEBD"))
    assert await counts(db) == (180, 0, 0)


async def test_thousands_in_one_transaction_take_one_lock(db: Database) -> None:
    async with db.transaction() as tx:
        await Outbox().add_many(tx, [outgoing(n, f"key {n}") for n in range(2000)])
        locks = await tx.fetchval(
            "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()"
        )
    assert locks <= 2
    assert await counts(db) == (2000, 0, 0)


async def test_a_row_refused_for_a_moment_holds_its_key_and_no_other(db: Database) -> None:
    ear = Ear(refuse={"A": Refusal("InternalError", ours=False)})
    async with relaying(db, ear):
        await add(db, outgoing(1), outgoing(2), outgoing(3, key="B"), outgoing(4, key="B"))
        await ear.until(2)
        assert ear.numbers() == [3, 4]
        ear.refuse.clear()
        await ear.until(4)
    assert ear.numbers("A") == [1, 2]


async def test_a_row_refused_for_good_is_dead_after_its_tries_and_its_key_flows_on(db: Database) -> None:
    ear = Ear(refuse={"A": Refusal("InvalidParameter", ours=True)})
    async with relaying(db, ear, QUICK.model_copy(update={"dead_rows": "skip"})):
        await add(db, outgoing(1), outgoing(2, key="B"))
        await eventually(db, (0, 1, 1))
        ear.refuse.clear()
        await add(db, outgoing(3))
        await ear.until(2)
    assert ear.numbers() == [2, 3]
    dead = await db.fetchrow("SELECT key, reason FROM outbox_dead")
    assert dead is not None
    assert tuple(dead) == ("A", "InvalidParameter")


async def test_by_policy_a_dead_rows_key_waits_until_somebody_decides(db: Database) -> None:
    ear = Ear(refuse={"A": Refusal("InvalidParameter", ours=True)})
    async with relaying(db, ear):
        await add(db, outgoing(1, "A"), outgoing(2, "B"))
        await eventually(db, (0, 1, 1))
        ear.refuse.clear()
        await add(db, outgoing(3, "A"), outgoing(4, "B"))
        await eventually(db, (1, 2, 1))
        [dead] = [row["id"] for row in await db.fetch("SELECT id FROM outbox_dead")]
        rows = DeadRows(db, AUDITOR)
        assert await rows.publish_again([dead], "ANN") == 1
        await ear.until(4)
        await eventually(db, (0, 5, 0))
        assert ear.numbers("A") == [1, 3]
        assert await rows.discard([dead], "ANN") == 0
        [act] = await audited(db)
    assert (act["what"], act["who"], act["subjectType"]) == ("OUTBOX_ROWS_REVIVED", "ANN", "OUTBOX")
    assert act["details"] == {"rowIds": [dead], "rows": 1}


async def test_a_crash_between_publish_and_mark_sends_the_same_event_twice(db: Database) -> None:
    ear = Ear(lose_answers=1)
    async with relaying(db, ear):
        await add(db, outgoing(1))
        await ear.until(2)
    first, second = ear.heard
    assert first.attributes["eventId"] == second.attributes["eventId"]


async def test_an_event_whose_answer_was_lost_goes_out_again_before_the_next_of_its_key(db: Database) -> None:
    ear = Ear(lose_answers=1)
    await add(db, outgoing(1), outgoing(2), outgoing(3))
    async with relaying(db, ear):
        await eventually(db, (0, 3, 0))
    assert ear.numbers() == [1, 1, 2, 3]
    assert len({each.attributes["eventId"] for each in ear.heard}) == 3


async def test_who_takes_over_from_a_leader_that_hangs_sends_nothing_before_its_last_call_has_landed(
    db: Database,
) -> None:
    ear = Ear()
    called, land, registry = asyncio.Event(), asyncio.Event(), CollectorRegistry()

    class Hanging(Ear):
        async def publish(self, parcels: Sequence[Parcel]) -> list[Refusal | None]:
            called.set()
            await land.wait()
            return await ear.publish(parcels)

    patient = QUICK.model_copy(update={"takeover_seconds": 3})
    await add(db, outgoing(1), outgoing(2))
    async with relaying(db, Hanging(), patient):
        await called.wait()
        async with relaying(db, ear, patient, RelayMetrics(registry)) as second, asyncio.timeout(PATIENCE):
            while not second._rival:  # noqa: ASYNC110 - nobody tells
                await asyncio.sleep(0)
            hung = await leader(db)
            await db.execute("SELECT pg_terminate_backend($1)", hung)
            while await leader(db) in {hung, None}:  # noqa: ASYNC110 - the database does not call back
                await asyncio.sleep(0)
            # The second has the lock, and holds still.
            assert registry.get_sample_value("messaging_relay_leader") == 0
            assert ear.heard == []
            land.set()
            await ear.until(3)
            await eventually(db, (0, 2, 0))
    assert ear.numbers() == [1, 1, 2]


async def test_a_broker_that_is_down_is_waited_for(db: Database) -> None:
    ear = Ear(down=True)
    async with relaying(db, ear):
        await add(db, outgoing(1), outgoing(2))
        ear.down = False
        await ear.until(2)
    assert ear.numbers() == [1, 2]


async def test_a_backlog_of_many_keys_goes_out_in_full_batches(db: Database) -> None:
    ear = Ear()
    await add(db, *(outgoing(n, f"key {n}") for n in range(100)))
    async with relaying(db, ear):
        await ear.until(100)
    assert ear.batches == [10] * 10


async def test_without_notifications_the_poll_finds_the_rows(db: Database) -> None:
    ear = Ear()
    async with relaying(db, ear):
        # As if the hint were lost: the row is written without the outbox.
        await db.execute(
            "INSERT INTO outbox (event_id, topic, key, event_type, body, attributes) "
            "VALUES (gen_random_uuid(), 'events', 'A', 'made', '{\"n\": 1}', $1)",
            {"key": "A"},
        )
        await ear.until(1)
    assert ear.numbers() == [1]


class Pooled:
    """A database behind a pooler that hands connections on from transaction to transaction: listeners hear nothing."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Any]:
        async with self._inner.connection() as connection:
            yield Pooled(connection)

    async def add_listener(self, *_: Any) -> None:
        return

    async def remove_listener(self, *_: Any) -> None:
        return

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


@pytest.mark.parametrize("pooled", [False, True])
async def test_a_relay_tells_whether_notifications_arrive_and_publishes_all_the_same(
    db: Database, *, pooled: bool
) -> None:
    ear, registry = Ear(), CollectorRegistry()
    metrics = RelayMetrics(registry)
    metrics.listener_up.set(2)
    through: Any = Pooled(db) if pooled else db
    # Whoever is slow to hear it hears it in the end; who never does is not waited for.
    patient = QUICK.model_copy(update={"listen_answer_seconds": 0.2 if pooled else PATIENCE})
    async with relaying(through, ear, patient, metrics):
        await add(db, outgoing(1))
        await ear.until(1)
        assert registry.get_sample_value("messaging_listener_up") == (0 if pooled else 1)


async def test_a_hint_wakes_a_relay_that_would_sleep_for_hours(db: Database) -> None:
    ear = Ear()
    async with relaying(db, ear, QUICK.model_copy(update={"poll_seconds": 7200})):
        for n in range(5):
            await add(db, outgoing(n))
            await ear.until(n + 1)
    assert ear.numbers() == [0, 1, 2, 3, 4]


async def test_only_one_of_two_relays_publishes_and_the_other_takes_over(db: Database) -> None:
    first, second = Ear(), Ear()
    async with relaying(db, first):
        await add(db, outgoing(1))
        await first.until(1)
        async with relaying(db, second):
            await add(db, outgoing(2))
            await first.until(2)
            assert second.heard == []
            await db.execute("SELECT pg_terminate_backend($1)", await leader(db))
            await add(db, *(outgoing(n, f"key {n}") for n in range(3, 20)))
            async with asyncio.timeout(PATIENCE):
                while len({*first.numbers(), *second.numbers()}) < 19:  # noqa: ASYNC110 - either may hear it
                    await asyncio.sleep(0)


async def test_what_is_kept_can_be_published_again(db: Database) -> None:
    ear = Ear()
    async with relaying(db, ear) as relay:
        await add(db, outgoing(1), outgoing(2))
        await eventually(db, (0, 2, 0))
        assert await relay.republish(ALWAYS) == 2
        await ear.until(4)
    assert ear.numbers() == [1, 2, 1, 2]


async def test_a_topic_made_anew_gets_what_is_kept_once_more(db: Database) -> None:
    ear = Ear()
    async with relaying(db, ear):
        await add(db, outgoing(1))
        await eventually(db, (0, 1, 0))
    ear.made = "second"
    async with relaying(db, ear):
        await ear.until(2)
        await eventually(db, (0, 1, 0))
    async with relaying(db, ear):
        await add(db, outgoing(2))
        await ear.until(3)
    assert ear.numbers() == [1, 1, 2]


async def test_what_was_published_long_ago_is_deleted_and_what_waits_is_not(db: Database) -> None:
    ear = Ear()
    await add(db, *(outgoing(n, f"key {n}") for n in range(30)))
    await db.execute("UPDATE outbox SET published_at = now() - interval '2 hours' WHERE id <= 25")
    await db.execute("UPDATE outbox SET published_at = now() - interval '1 minute' WHERE id > 25")
    ear.down = True
    await add(db, outgoing(99))
    async with relaying(db, ear, QUICK.model_copy(update={"delete_rows_max": 10})):
        await eventually(db, (1, 5, 0))


@pytest.mark.parametrize(
    "wrong",
    [
        Outgoing("events", "made", "", "A"),
        Outgoing("events", "made", "{}", "A", {"source": ""}),
        Outgoing("events", "made", "{}", "A", {"eventId": "mine"}),
        Outgoing("events", "made", "{}", "A", {f"a{n}": "x" for n in range(8)}),
        Outgoing("events", "made", "x" * 300_000, "A"),
    ],
)
async def test_what_the_topic_would_refuse_fails_the_transaction(db: Database, wrong: Outgoing) -> None:
    with pytest.raises(Unsendable):
        await add(db, wrong)
    assert await counts(db) == (0, 0, 0)


def test_the_text_of_a_message_is_not_in_its_repr() -> None:
    told: Any = outgoing(424242)
    assert "424242" not in repr(told)


async def test_a_row_that_was_refused_rests_while_others_flow(db: Database) -> None:
    ear = Ear(refuse={"A": Refusal("InternalError", ours=False)})
    async with relaying(db, ear, QUICK.model_copy(update={"retry_seconds": 7200})):
        await add(db, outgoing(0))
        for n in range(1, 6):
            await add(db, outgoing(n, key="B"))
            await ear.until(n)
    # One call for the refused row, and one for each of the others.
    assert sum(ear.batches) == 6
