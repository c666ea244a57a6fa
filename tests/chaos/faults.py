"""What goes wrong: processes die, freeze and come back; connections are cut; so are the database and the broker."""

import asyncio
import signal
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from random import Random

from infra.local.supervisor import Estate
from tests.chaos.edits import BROKEN, Connect
from tests.chaos.wires import Wire

TERMINATE = """
SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
 WHERE datname = current_database() AND pid <> pg_backend_pid()
"""
CHOICE = (
    ("killed", 30),
    ("terminated", 15),
    ("frozen", 10),
    ("connections cut", 20),
    ("database connections ended", 10),
    ("database killed", 5),
    ("database stopped", 5),
    ("broker killed", 5),
)


@dataclass
class Faults:
    """Does one thing after another to a running estate."""

    estate: Estate
    services: Sequence[str]
    wires: Sequence[Wire]
    databases: Sequence[Connect]
    frozen_seconds: float
    chance: Random
    done: Counter[str] = field(default_factory=Counter)

    async def go_on(self, until: asyncio.Event, shortest: float, longest: float) -> None:
        """Hurt it again and again, with pauses between; nothing is frozen any more when this returns."""
        while not until.is_set():
            [kind] = self.chance.choices([name for name, _ in CHOICE], [weight for _, weight in CHOICE])
            await self._acts()[kind](until)
            self.done[kind] += 1
            await _pause(self.chance.uniform(shortest, longest), until)

    def _acts(self) -> dict[str, Callable[[asyncio.Event], Awaitable[None]]]:
        return {
            "killed": lambda _: self._service(signal.SIGKILL),
            "terminated": lambda _: self._service(signal.SIGTERM),
            "frozen": self._freeze,
            "connections cut": lambda _: self._cut(),
            "database connections ended": lambda _: self._end_connections(),
            "database killed": lambda _: self._part("postgres", signal.SIGKILL),
            "database stopped": lambda _: self._part("postgres", signal.SIGINT),
            "broker killed": lambda _: self._part("broker", signal.SIGKILL),
        }

    async def _service(self, sent: signal.Signals) -> None:
        await self._part(self.chance.choice(list(self.services)), sent)

    async def _part(self, name: str, sent: signal.Signals) -> None:
        self.estate.kill(name, sent)

    async def _freeze(self, until: asyncio.Event) -> None:
        name = self.chance.choice(list(self.services))
        self.estate.kill(name, signal.SIGSTOP)
        try:
            await _pause(self.frozen_seconds, until)
        finally:
            self.estate.kill(name, signal.SIGCONT)

    async def _cut(self) -> None:
        self.chance.choice(list(self.wires)).cut()

    async def _end_connections(self) -> None:
        try:
            async with self.chance.choice(list(self.databases))() as connection:
                await connection.execute(TERMINATE)
        except BROKEN:
            self.done["database connections ended, in vain"] += 1


async def _pause(seconds: float, until: asyncio.Event) -> None:
    try:
        await asyncio.wait_for(until.wait(), seconds)
    except TimeoutError:
        return
