"""Steps coroutines by hand, in an order that a seed decides: no event loop, no real time, no thread.

A fiber is one piece of work in a process. It runs to its next remote call, where the scheduler takes over. A process
that dies takes all its fibers with it, wherever they stand; whatever they would still do on the way out has no effect.
"""

from collections.abc import Callable, Coroutine, Generator
from dataclasses import dataclass, field
from functools import partial
from inspect import isawaitable
from random import Random
from typing import Any

from libs.web.outgoing import RemoteUnavailable


class Turn:
    """Hands control back to the scheduler once."""

    def __await__(self) -> Generator[None, None, None]:
        yield


class Killed(BaseException):
    """The process is dead: what its clean-up tries has no effect."""


@dataclass(frozen=True, slots=True)
class Rates:
    """How often things go wrong, for each call or step."""

    before: float = 0.0
    after: float = 0.0
    kill: float = 0.0
    delay: float = 0.0
    jump: float = 0.0
    twice: float = 0.0


QUIET = Rates()


@dataclass(slots=True)
class Process:
    """Something that can die; `slots` of work go on in it at once."""

    name: str
    slots: int = 3
    lives: int = 1
    fibers: "list[Fiber]" = field(default_factory=list)

    @property
    def free(self) -> bool:
        return len(self.fibers) < self.slots


@dataclass(slots=True)
class Fiber:
    """One piece of work; `life` is the life of the process that it belongs to."""

    process: Process
    name: str
    life: int
    coroutine: Coroutine[Any, Any, None] | None = None


class Scheduler:
    """Decides whose turn it is."""

    def __init__(self, seed: int, rates: Rates) -> None:
        self.chance = Random(seed)
        self.rates = rates
        self.processes: list[Process] = []
        self.steps = 0
        self.seconds = 0.0
        self._told: list[tuple[int, float, tuple[object, ...]]] = []

    def strikes(self, rate: float) -> bool:
        return rate > 0 and self.chance.random() < rate

    def tell(self, *what: object) -> None:
        """Add a line to what is shown of a failing seed: put into words only when somebody asks."""
        self._told.append((self.steps, self.seconds, what))

    @property
    def trace(self) -> list[str]:
        return [f"{steps:5} {seconds:8.2f}s {''.join(map(str, what))}" for steps, seconds, what in self._told]

    def process(self, name: str, slots: int = 3) -> Process:
        made = Process(name, slots)
        self.processes.append(made)
        return made

    def start(self, process: Process, name: str, work: Callable[["Fiber"], Coroutine[Any, Any, None]]) -> None:
        fiber = Fiber(process, name, process.lives)
        fiber.coroutine = work(fiber)
        process.fibers.append(fiber)

    def fibers(self) -> list[Fiber]:
        return [fiber for process in self.processes for fiber in process.fibers]

    def step(self, fiber: Fiber) -> None:
        """Run one fiber to its next remote call."""
        assert fiber.coroutine is not None
        try:
            fiber.coroutine.send(None)
        except StopIteration:
            fiber.process.fibers.remove(fiber)

    def kill(self, process: Process) -> None:
        """End a process where it stands; it starts again with nothing in its hands."""
        dying, process.fibers = process.fibers, []
        process.lives += 1
        self.tell(f"{process.name} dies with {[fiber.name for fiber in dying]}")
        for fiber in dying:
            assert fiber.coroutine is not None
            try:
                fiber.coroutine.close()
            except Killed:
                continue


class Wire:
    """Between a process and a remote: every call waits for its turn, and may fail before or after its effect."""

    def __init__(self, scheduler: Scheduler, fiber: Fiber) -> None:
        self._scheduler = scheduler
        self._fiber = fiber

    @property
    def step(self) -> int:
        return self._scheduler.steps

    async def call(self, name: object, act: Callable[[], Any]) -> Any:
        scheduler, fiber = self._scheduler, self._fiber
        who = fiber.process.name
        if fiber.life != fiber.process.lives:
            raise Killed
        await Turn()
        if scheduler.strikes(scheduler.rates.before):
            scheduler.tell(who, " ", fiber.name, ": ", name, " fails before its effect")
            raise RemoteUnavailable("CALL", str(name), "is away")
        scheduler.tell(who, " ", fiber.name, ": ", name)
        answer = act()
        if isawaitable(answer):
            answer = await answer
        if scheduler.strikes(scheduler.rates.after):
            scheduler.tell(who, " ", fiber.name, ": the answer of ", name, " is lost")
            raise RemoteUnavailable("CALL", str(name), "did not answer")
        return answer


@dataclass(frozen=True, slots=True)
class Called:
    """A call in words; most are never asked for."""

    port: str
    method: str
    given: tuple[Any, ...]

    def __str__(self) -> str:
        return f"{self.port}.{self.method}({_short(self.given)})"


class Remote:
    """A port over a wire."""

    def __init__(self, port: Any, wire: Wire, name: str) -> None:
        self._port = port
        self._wire = wire
        self._name = name

    def __getattr__(self, method: str) -> Any:
        async def call(*given: Any, **named: Any) -> Any:
            told = Called(self._name, method, given)
            return await self._wire.call(told, lambda: getattr(self._port, method)(*given, **named))

        return call


class RemoteNomis(Remote):
    """NOMIS over a wire: what a walk writes goes out in up to five calls, each with a turn of its own."""

    def __init__(self, port: Any, wire: Wire, name: str) -> None:
        super().__init__(port, wire, name)
        self._read_at: dict[Any, int] = {}

    async def read(self, location_id: Any) -> Any:
        return await self._wire.call(Called("nomis", "read", (location_id,)), partial(self._look, location_id))

    async def carry_out(self, location_id: Any, writes: Any, etag: str | None) -> None:
        for name, call in self._port.in_calls(location_id, writes):
            act = partial(self._write, location_id, partial(call, etag))
            etag = await self._wire.call(f"nomis.{name}({location_id})", act)

    def _look(self, location_id: Any) -> Any:
        self._read_at[location_id] = self._wire.step
        return self._port.read(location_id)

    def _write(self, location_id: Any, call: Callable[[], Any]) -> Any:
        self._port.read_at = self._read_at.get(location_id, 0)
        return call()


def _short(given: tuple[Any, ...]) -> str:
    told = (str(each) for each in given)
    return ", ".join(each[:40] for each in told)
