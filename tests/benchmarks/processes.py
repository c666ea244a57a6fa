"""CPU and memory of the processes of an estate while something runs."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field

import psutil

LOOK_SECONDS = 0.5
MEGABYTE = 1e6


@dataclass
class Watch:
    """What was seen of each process: resident memory from look to look, and CPU seconds from begin to end."""

    processes: Mapping[str, psutil.Process]
    resident: dict[str, list[float]] = field(default_factory=dict)
    cpu: dict[str, float] = field(default_factory=dict)

    def look(self) -> None:
        """Note the memory of each."""
        for name, process in self.processes.items():
            self.resident.setdefault(name, []).append(process.memory_info().rss / MEGABYTE)

    def most(self, name: str) -> float:
        """Return the most memory a process had, in MB."""
        return max(self.resident[name])

    def growth(self, name: str) -> float:
        """Return by how many MB a process was larger at the end than when a quarter was done."""
        seen = self.resident[name]
        return seen[-1] - seen[len(seen) // 4]


@contextlib.asynccontextmanager
async def watched(pids: Mapping[str, int]) -> AsyncIterator[Watch]:
    """Watch these processes while the block runs."""
    watch = Watch({name: psutil.Process(pid) for name, pid in pids.items()})
    before = {name: cpu_seconds(process) for name, process in watch.processes.items()}
    watching = asyncio.create_task(_look_again(watch))
    try:
        yield watch
        watch.look()
        watch.cpu = {name: cpu_seconds(process) - before[name] for name, process in watch.processes.items()}
    finally:
        watching.cancel()


async def _look_again(watch: Watch) -> None:
    while True:
        watch.look()
        await asyncio.sleep(LOOK_SECONDS)


def cpu_seconds(process: psutil.Process) -> float:
    """Return the CPU time of a process, of its children, and of the children that have ended."""
    total = 0.0
    for each in (process, *process.children(recursive=True)):
        with contextlib.suppress(psutil.NoSuchProcess):
            times = each.cpu_times()
            total += times.user + times.system + times.children_user + times.children_system
    return total
