"""Death at randomly chosen points, again and again, with the real stores: accounts add up after each, and in the end.

Two ways to die. *Killed*: a call to another service or to the store is the last thing that a process did, before or
after it took effect; nothing of it runs on. *Cancelled*: the work is cancelled wherever it waits, in the middle of
transactions too, as at the end of a drain. Each seed names itself in the test's id, and so can be played again.
"""

import asyncio
from collections.abc import Coroutine, Generator
from contextlib import suppress
from random import Random
from typing import Any

import pytest

from libs.messaging.outcome import Outcome
from services.migration.records import ItemQuery, Kind, MigrationFilter, RetryWish, Status
from services.migration.stages.work import Call, Stages
from tests.services.migration.office import Died, Office, two_wings

LIVES_MAX = 200
KINDS = tuple(Kind)


class Fate:
    """How many half calls a process has left; when they are used up it is dead, and nothing of it runs on."""

    def __init__(self, left: int) -> None:
        self.left = left

    def passed(self) -> None:
        self.left -= 1
        if self.left < 0:
            raise Died


class Doomed:
    """A port or a store of a process with a fate."""

    def __init__(self, inner: Any, fate: Fate) -> None:
        self._inner = inner
        self._fate = fate

    def __getattr__(self, name: str) -> Any:
        async def call(*given: Any, **named: Any) -> Any:
            self._fate.passed()
            answer = await getattr(self._inner, name)(*given, **named)
            self._fate.passed()
            return answer

        return call


class CancelledAt:
    """Runs a coroutine and cancels it when it waits for the n-th time."""

    def __init__(self, work: Coroutine[Any, Any, Any], wait: int) -> None:
        self._work = work
        self._wait = wait

    def __await__(self) -> Generator[Any, Any, Any]:
        inner = self._work.__await__()
        step = inner.send
        given: Any = None
        while True:
            try:
                waits_for = step(given)
            except StopIteration as over:
                return over.value
            self._wait -= 1
            task = asyncio.current_task()
            if self._wait == 0 and task is not None:
                task.cancel()
            try:
                given, step = (yield waits_for), inner.send
            except BaseException as thrown:  # noqa: BLE001 - handed on to whom it was meant for
                given, step = thrown, inner.throw


def estate(office: Office) -> None:
    two_wings(office)
    castle = office.add("O", location_type="CASTLE")
    office.add("001", castle)
    office.add("G", prison_id="ZZGHI")


async def adds_up(office: Office, migration_id: str) -> None:
    run = await office.runs.run(migration_id)
    decided = run.records_migrated + run.records_skipped + run.records_failed
    assert run.records_listed == decided + run.records_pending
    assert len(office.mappings.by_dps) <= len(office.locations.rows)


def doomed(office: Office, fate: Fate) -> Stages:
    """Start a process that shares one fate with all it calls."""
    return office.wired(lambda port: Doomed(port, fate), lambda store: Doomed(store, fate))


async def begun(office: Office, chance: Random) -> str:
    """Build the estate and start a run of some kind; what a verification looks at is migrated first."""
    estate(office)
    kind = chance.choice(KINDS)
    if kind is Kind.VERIFICATION:
        first = await office.control.start(MigrationFilter(), "BOSS")
        await office.finish(first.migration_id)
    return (await office.control.start(MigrationFilter(), "BOSS", kind)).migration_id


async def told(office: Office, migration_id: str) -> list[tuple[int, str, str | None]]:
    rows = await office.failures.items(migration_id, ItemQuery(size=500))
    return [(row.nomis_location_id, row.state.value, row.reason) for row in rows]


async def the_end(office: Office, migration_id: str) -> None:
    """Every kind says the same of each location, whatever it went through."""
    run = await office.runs.run(migration_id)
    assert run.status is Status.COMPLETED
    await adds_up(office, migration_id)
    assert (run.records_listed, run.records_migrated, run.records_skipped, run.records_failed) == (17, 14, 1, 2)
    if run.migration_type == Kind.REHEARSAL:
        assert office.locations.rows == {}
    else:
        assert len(office.locations.rows) == len(office.mappings.by_dps) == 14
    assert [reason for _, state, reason in await told(office, migration_id) if state == "skipped"] == [
        "ignored agency ZZGHI"
    ]


async def over(office: Office) -> bool:
    return await office.runs.active_id() is None


@pytest.mark.parametrize("seed", range(12))
async def test_killed_at_any_call_again_and_again(office: Office, seed: int) -> None:
    chance = Random(seed)
    migration_id = await begun(office, chance)
    for _ in range(LIVES_MAX):
        fate = Fate(chance.randrange(1, 90))
        office.stages = doomed(office, fate)
        with suppress(Died):
            await office.round()
        if chance.random() < 0.5:
            office.queue.clear()
        await adds_up(office, migration_id)
        if await over(office):
            break
    await the_end(office, migration_id)


@pytest.mark.parametrize("seed", range(100, 112))
async def test_cancelled_wherever_it_waits_again_and_again(office: Office, seed: int) -> None:
    chance = Random(seed)
    migration_id = await begun(office, chance)
    for _ in range(LIVES_MAX):
        life = asyncio.create_task(waited(office, chance.randrange(1, 120)))
        with suppress(asyncio.CancelledError):
            await life
        await adds_up(office, migration_id)
        if await over(office):
            break
    await the_end(office, migration_id)


async def waited(office: Office, wait: int) -> None:
    await CancelledAt(office.round(), wait)


@pytest.mark.parametrize("seed", range(200, 206))
async def test_operators_at_work_while_processes_die(office: Office, seed: int) -> None:
    """Pauses, resumptions, retries and repeated messages between deaths change no account."""
    chance = Random(seed)
    migration_id = await begun(office, chance)
    sent: list[Call] = []
    for _ in range(LIVES_MAX):
        fate = Fate(chance.randrange(1, 90))
        office.stages = doomed(office, fate)
        with suppress(Died):
            await office.round()
        sent += office.queue
        office.queue.clear()
        office.stages = office.wired(lambda port: port, lambda store: store)
        match chance.randrange(4):
            case 0 if not await over(office):
                await office.control.pause(migration_id, "BOSS")
            case 1 if sent:
                assert isinstance(await office.deliver(chance.choice(sent)), Outcome)
            case 2:
                await office.control.retry(migration_id, RetryWish(all=True), "BOSS")
            case _ if not await over(office):
                await office.control.resume(migration_id, "BOSS")
        await adds_up(office, migration_id)
        if await over(office):
            break
    if not await over(office):
        await office.control.resume(migration_id, "BOSS")
        await office.finish(migration_id)
    await the_end(office, migration_id)
