"""The inbox over a real PostgreSQL: an effect commits with its row, once, whatever is delivered how often."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
from prometheus_client import CollectorRegistry

from libs.db.pool import Connection, Database, DatabaseSettings, connect
from libs.messaging.endings import Handler
from libs.messaging.inbox import Inbox
from libs.messaging.message import Message
from libs.messaging.outcome import Done, Ignored, Outcome, RetryLater, Unprocessable
from libs.messaging.remembered import RememberedSettings
from tests.conftest import MakeDatabase

AT = datetime(2026, 11, 24, 10, 0, tzinfo=UTC)


def message(n: int = 1, *, body: str | None = None, told_at: datetime = AT) -> Message:
    attributes = {"committedAt": told_at.isoformat()}
    return Message(f"m-{n}", "made", body or json.dumps({"n": n}), attributes, 1, AT, "work")


async def insert(message: Message, tx: Connection) -> Outcome:
    await tx.execute("INSERT INTO effect (n) VALUES ($1)", json.loads(message.body)["n"])
    return Done()


@pytest.fixture
async def db(database: MakeDatabase) -> AsyncIterator[Database]:
    dsn = await database("libs/messaging/inbox_schema")
    settings = DatabaseSettings.model_validate({"dsn": dsn, "lock_seconds": 1})
    async with connect(settings) as db:
        await db.execute("CREATE TABLE effect (n integer NOT NULL)")
        yield db


def inbox(db: Database, registry: CollectorRegistry | None = None) -> Inbox:
    return Inbox(db, "ours", RememberedSettings(prune_rows_max=2), now=lambda: AT, registry=registry)


async def effects(db: Database) -> list[int]:
    return [row["n"] for row in await db.fetch("SELECT n FROM effect ORDER BY n")]


async def test_a_message_that_comes_again_has_no_second_effect(db: Database) -> None:
    registry = CollectorRegistry()
    handle = inbox(db, registry).once(insert)
    assert await handle(message()) == Done()
    assert await handle(message()) == Ignored("duplicate")
    assert await handle(message(2)) == Done()
    assert await effects(db) == [1, 2]
    assert registry.get_sample_value("messaging_inbox_duplicates_total", {"queue": "work"}) == 1


async def test_what_fails_leaves_no_row_and_is_run_afresh(db: Database) -> None:
    failures = iter([RetryLater("not yet"), KeyError("x")])

    async def moody(message: Message, tx: Connection) -> Outcome:
        outcome = await insert(message, tx)
        if failure := next(failures, None):
            raise failure
        return outcome

    handle = inbox(db).once(moody)
    for expected in (RetryLater, KeyError):
        with pytest.raises(expected):
            await handle(message())
        assert await effects(db) == []
    assert await handle(message()) == Done()
    assert await effects(db) == [1]


@pytest.mark.parametrize("first_commits", [True, False])
async def test_two_copies_at_once_have_one_effect_whether_the_first_commits_or_not(
    db: Database, first_commits: bool
) -> None:
    began, go = asyncio.Event(), asyncio.Event()

    async def slow(message: Message, tx: Connection) -> Outcome:
        outcome = await insert(message, tx)
        if not began.is_set():
            began.set()
            await go.wait()
            if not first_commits:
                raise RetryLater("not yet")
        return outcome

    handle = inbox(db).once(slow)
    first = asyncio.create_task(ended(handle, message()))
    await began.wait()
    second = asyncio.create_task(ended(handle, message()))
    await waits_for_a_lock(db)
    go.set()
    assert await first == ("done" if first_commits else "retry")
    assert await second == ("duplicate" if first_commits else "done")
    assert await effects(db) == [1]


async def ended(handle: Handler, message: Message) -> str:
    try:
        outcome = await handle(message)
    except RetryLater:
        return "retry"
    return outcome.reason if isinstance(outcome, Ignored) else "done"


async def waits_for_a_lock(db: Database) -> None:
    async with asyncio.timeout(60):
        while not await db.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted"):  # noqa: ASYNC110 - it does not call
            await asyncio.sleep(0)


async def test_a_copy_that_would_wait_for_too_long_is_tried_again_later(db: Database) -> None:
    began, go = asyncio.Event(), asyncio.Event()

    async def stuck(_message: Message, _tx: Connection) -> Outcome:
        began.set()
        await go.wait()
        return Done()

    handle = inbox(db).once(stuck)
    first = asyncio.create_task(ended(handle, message()))
    await began.wait()
    assert await ended(handle, message()) == "retry"
    go.set()
    assert await first == "done"


async def test_another_message_under_a_known_id_is_no_duplicate_but_a_fault(db: Database) -> None:
    handle = inbox(db).once(insert)
    await handle(message())
    with pytest.raises(Unprocessable, match="known with another body"):
        await handle(message(body='{"n": 7}'))
    assert await effects(db) == [1]


async def test_what_is_older_than_the_rows_are_kept_is_not_run_unprotected(db: Database) -> None:
    handle = inbox(db).once(insert)
    with pytest.raises(Unprocessable, match="expired"):
        await handle(message(told_at=AT - timedelta(days=15, seconds=1)))
    assert await handle(message(told_at=AT - timedelta(days=14))) == Done()


async def test_old_rows_are_pruned_some_at_a_time_and_young_ones_stay(db: Database) -> None:
    ours = inbox(db)
    handle = ours.once(insert)
    for n in range(3):
        await handle(message(n))
    await db.execute("UPDATE inbox SET told_at = told_at - interval '16 days'")
    await handle(message(9))
    assert [await ours.prune() for _ in range(3)] == [2, 1, 0]
    assert await db.fetchval("SELECT array_agg(message_id) FROM inbox") == ["m-9"]


async def test_a_message_may_be_forgotten_to_be_handled_again_on_purpose(db: Database) -> None:
    ours = inbox(db)
    handle = ours.once(insert)
    await handle(message())
    assert await ours.forget("m-1")
    assert not await ours.forget("m-1")
    assert await handle(message()) == Done()
    assert await effects(db) == [1, 1]


async def test_two_consumers_in_one_database_do_not_know_of_each_other(db: Database) -> None:
    await inbox(db).once(insert)(message())
    other = Inbox(db, "theirs", now=lambda: AT)
    assert await other.once(insert)(message()) == Done()
