"""The leased inbox over a real PostgreSQL: a crash repeats one step at most, and copies wait for each other."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from libs.db.pool import Database, DatabaseSettings, connect
from libs.messaging.inbox_lease import RELEASE, InboxLease, LeaseSettings, Steps
from libs.messaging.message import Message
from libs.messaging.outcome import Done, Ignored, Outcome, RetryLater, Unprocessable
from tests.conftest import MakeDatabase

AT = datetime(2026, 11, 24, 10, 0, tzinfo=UTC)


def message(n: int = 1, *, body: str | None = None, told_at: datetime = AT) -> Message:
    return Message(f"m-{n}", "made", body or json.dumps({"n": n}), {"committedAt": told_at.isoformat()}, 1, AT, "work")


@pytest.fixture
async def db(database: MakeDatabase) -> AsyncIterator[Database]:
    dsn = await database("libs/messaging/inbox_schema")
    async with connect(DatabaseSettings.model_validate({"dsn": dsn})) as db:
        yield db


class Killed:
    """A database that a process no longer reaches once it is dead: nothing is given back."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def __getattr__(self, name: str) -> Any:
        return getattr(self._database, name)

    async def execute(self, sql: str, *args: object) -> str:
        return "" if sql == RELEASE else await self._database.execute(sql, *args)


class Remote:
    """Two calls elsewhere; it can be killed in the second one."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.dies = False

    async def create(self) -> dict[str, int]:
        self.calls.append("create")
        return {"id": 7}

    async def link(self, created: dict[str, int]) -> int:
        self.calls.append(f"link {created['id']}")
        if self.dies:
            raise asyncio.CancelledError
        return 1

    async def handle(self, _: Message, steps: Steps) -> Outcome:
        created = await steps.once("create", self.create)
        await steps.once("link", lambda: self.link(created))
        return Done()


async def test_a_handler_killed_after_an_effect_resumes_behind_its_last_note_once_the_claim_is_over(
    db: Database,
) -> None:
    remote, registry = Remote(), CollectorRegistry()
    dead: Any = Killed(db)
    remote.dies = True
    with pytest.raises(asyncio.CancelledError):
        await InboxLease(dead, "ours", now=lambda: AT).leased(remote.handle)(message())
    remote.dies = False
    next_one = InboxLease(db, "ours", now=lambda: AT, registry=registry).leased(remote.handle)
    with pytest.raises(RetryLater, match="a copy of it is being handled") as busy:
        await next_one(message())
    assert busy.value.delay is not None
    assert timedelta(seconds=60) < busy.value.delay <= timedelta(seconds=120)
    # Its two minutes are over.
    await db.execute("UPDATE inbox_claim SET claimed_until = now()")
    assert await next_one(message()) == Done()
    assert remote.calls == ["create", "link 7", "link 7"]
    assert registry.get_sample_value("messaging_inbox_reclaimed_total", {"queue": "work"}) == 1
    assert await next_one(message()) == Ignored("duplicate")
    assert registry.get_sample_value("messaging_inbox_lease_duplicates_total", {"queue": "work"}) == 1
    assert remote.calls == ["create", "link 7", "link 7"]


async def test_what_failed_is_tried_again_without_waiting_and_goes_on_behind_its_last_note(db: Database) -> None:
    remote = Remote()
    handle = InboxLease(db, "ours", now=lambda: AT).leased(remote.handle)
    remote.dies = True
    with pytest.raises(asyncio.CancelledError):
        await handle(message())
    remote.dies = False
    assert await handle(message()) == Done()
    assert remote.calls == ["create", "link 7", "link 7"]


async def test_of_two_copies_at_once_one_works_and_the_other_waits(db: Database) -> None:
    began, go_on, runs = asyncio.Event(), asyncio.Event(), 0

    async def slow(_: Message, __: Steps) -> Outcome:
        nonlocal runs
        runs += 1
        began.set()
        await go_on.wait()
        return Done()

    handle = InboxLease(db, "ours", now=lambda: AT).leased(slow)
    first = asyncio.ensure_future(handle(message()))
    await began.wait()
    with pytest.raises(RetryLater):
        await handle(message())
    go_on.set()
    assert (await first, runs) == (Done(), 1)


async def test_who_lost_the_claim_ends_nothing_that_is_anothers(db: Database) -> None:
    began, go_on = asyncio.Event(), asyncio.Event()

    async def slow(_: Message, __: Steps) -> Outcome:
        began.set()
        await go_on.wait()
        raise KeyError("x")

    async def done(_: Message, __: Steps) -> Outcome:
        return Done()

    inbox = InboxLease(db, "ours", now=lambda: AT)
    first = asyncio.ensure_future(inbox.leased(slow)(message()))
    await began.wait()
    await db.execute("UPDATE inbox_claim SET claimed_until = now()")
    assert await inbox.leased(done)(message()) == Done()
    go_on.set()
    with pytest.raises(KeyError):
        await first
    assert await inbox.leased(done)(message()) == Ignored("duplicate")


async def test_another_body_under_a_known_id_is_no_duplicate(db: Database) -> None:
    remote = Remote()
    handle = InboxLease(db, "ours", now=lambda: AT).leased(remote.handle)
    await handle(message())
    with pytest.raises(Unprocessable, match="known with another body"):
        await handle(message(body='{"n": 2}'))


async def test_what_is_older_than_rows_are_kept_is_not_run_and_old_rows_go_with_their_steps(db: Database) -> None:
    remote = Remote()
    clock = [AT]
    inbox = InboxLease(db, "ours", LeaseSettings(prune_rows_max=1), now=lambda: clock[0])
    for n in (1, 2):
        await inbox.leased(remote.handle)(message(n))
    clock[0] = AT + timedelta(days=16)
    with pytest.raises(Unprocessable, match="expired"):
        await inbox.leased(remote.handle)(message(3))
    assert [await inbox.prune() for _ in range(3)] == [1, 1, 0]
    assert await db.fetchval("SELECT count(*) FROM inbox_step") == 0


async def test_a_message_that_is_forgotten_has_its_effect_again_under_the_same_keys(db: Database) -> None:
    keys: list[str] = []

    async def keyed(_: Message, steps: Steps) -> Outcome:
        keys.append(steps.key("create"))
        return Done()

    inbox = InboxLease(db, "ours", now=lambda: AT)
    await inbox.leased(keyed)(message())
    assert (await inbox.forget("m-1"), await inbox.forget("m-1")) == (True, False)
    await inbox.leased(keyed)(message())
    assert keys == ["ours:m-1:create"] * 2
