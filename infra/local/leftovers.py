"""Which processes are ours, kept on disk: a supervisor that was killed leaves children that the next one must end."""

import asyncio
import contextlib
import fcntl
import os
import signal
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import orjson
import psutil
import structlog

log = structlog.get_logger()

# Start times are reckoned from the boot time, which may be off by some hundredths between two looks.
SAME_START_SECONDS = 1.0
POLL_SECONDS = 0.05


class AlreadyRunning(Exception):
    """Another supervisor works on the same data."""


@contextlib.contextmanager
def only_one(directory: Path) -> Iterator[None]:
    """Hold the directory; the kernel lets go of the lock whenever and however we end."""
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    with (directory / "supervisor.lock").open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            holder = lock.read().strip() or "unknown"
            raise AlreadyRunning(
                f"an estate already runs on {directory} (process {holder}): stop it with Ctrl-C there, "
                "or choose another DATA_DIR and other ports",
            ) from None
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield


@dataclass(frozen=True)
class Mark:
    """A process, and when it began: a pid alone may by now be somebody else's."""

    name: str
    pid: int
    began: float
    stop_signal: int

    def process(self) -> psutil.Process | None:
        """Give the process if it still is the one that was marked."""
        try:
            found = psutil.Process(self.pid)
            same = abs(found.create_time() - self.began) < SAME_START_SECONDS
        except psutil.NoSuchProcess:
            return None
        return found if same and found.status() != psutil.STATUS_ZOMBIE else None


class Leftovers:
    """The list on disk, rewritten whenever a child is started."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._marks: dict[str, Mark] = {}

    def add(self, name: str, pid: int, stop_signal: signal.Signals) -> None:
        """Remember a child that was just started, in place of an earlier one of that name."""
        with contextlib.suppress(psutil.NoSuchProcess):
            self._marks[name] = Mark(name, pid, psutil.Process(pid).create_time(), stop_signal)
            fresh = self._file.with_suffix(".new")
            fresh.write_bytes(orjson.dumps([asdict(mark) for mark in self._marks.values()]))
            fresh.replace(self._file)

    def forget(self) -> None:
        """All were stopped properly."""
        self._marks = {}
        self._file.unlink(missing_ok=True)

    async def end(self, seconds: float) -> list[str]:
        """End what an earlier supervisor left running, the last started first; name what was found."""
        if not self._file.exists():
            return []
        marks = [Mark(**row) for row in orjson.loads(self._file.read_bytes())]
        found = [mark for mark in reversed(marks) if mark.process()]
        for mark in found:
            log.warning("leftover-found", part=mark.name, pid=mark.pid)
            await _end(mark, seconds)
        self._file.unlink()
        return [mark.name for mark in found]


async def _end(mark: Mark, seconds: float) -> None:
    for sent in (mark.stop_signal, signal.SIGKILL):
        if process := mark.process():
            with contextlib.suppress(psutil.NoSuchProcess):
                process.send_signal(sent)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                # Not psutil's own wait: it goes on until somebody buries the dead, which may be never.
                while mark.process():  # noqa: ASYNC110 - no event tells of the end of a process that is not our child
                    await asyncio.sleep(POLL_SECONDS)
