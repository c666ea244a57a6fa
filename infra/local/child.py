"""One operating-system process of ours: how it is started, that it dies with us, and how it is stopped."""

import asyncio
import contextlib
import shutil
import signal
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@dataclass(frozen=True)
class Identity:
    """Under which user a process runs: words to put before the command, or an account to switch to."""

    prefix: tuple[str, ...] = ()
    user: str | None = None
    group: str | None = None


@dataclass(frozen=True)
class Command:
    """Everything that decides what a child is; its environment is exactly `env`, nothing is inherited."""

    name: str
    argv: tuple[str, ...]
    env: Mapping[str, str]
    cwd: Path | None = None
    identity: Identity = field(default_factory=Identity)
    stop_signal: signal.Signals = signal.SIGTERM


def dies_with_parent(death_signal: signal.Signals) -> tuple[str, ...]:
    """Words before a command so that the kernel ends it when we are gone, even by SIGKILL; none without setpriv."""
    setpriv = shutil.which("setpriv", path=SYSTEM_PATH)
    return (setpriv, "--pdeathsig", death_signal.name.removeprefix("SIG")) if setpriv else ()


class Child:
    """A started process. Its output goes to a file opened for append, so the file may be cut short at any time."""

    def __init__(self, command: Command, process: asyncio.subprocess.Process) -> None:
        self.command = command
        self._process = process

    @classmethod
    async def start(cls, command: Command, log: Path) -> "Child":
        """Start it in a session of its own: Ctrl-C reaches the supervisor only, which then stops all in order."""
        identity = command.identity
        argv = (*identity.prefix, *dies_with_parent(command.stop_signal), *command.argv)
        with opened_for_append(log) as output:
            process = await asyncio.create_subprocess_exec(
                *argv,
                env=dict(command.env),
                cwd=command.cwd,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
                user=identity.user,
                group=identity.group,
                extra_groups=() if identity.user else None,
            )
        return cls(command, process)

    @property
    def pid(self) -> int:
        """Its process id; `unshare` and `setpriv` replace themselves, so it is the command's own."""
        return self._process.pid

    @property
    def returncode(self) -> int | None:
        """None while it runs."""
        return self._process.returncode

    @property
    def alive(self) -> bool:
        """Whether it runs, as far as the loop has heard."""
        return self._process.returncode is None

    async def wait(self) -> int:
        """Wait for its end, however it comes."""
        return await self._process.wait()

    def send(self, sent: signal.Signals) -> None:
        """Signal it; nothing happens when it is already gone."""
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(sent)

    async def stop(self, seconds: float) -> int:
        """Ask it to end; after `seconds` make it. It is gone when this returns."""
        if self.alive:
            self.send(self.command.stop_signal)
            try:
                await asyncio.wait_for(self.wait(), seconds)
            except TimeoutError:
                self.send(signal.SIGKILL)
        return await self.wait()


# Who starts a part may want to know of every process, so the act of starting is handed in.
Spawn = Callable[[Command, Path], Awaitable[Child]]


def opened_for_append(log: Path) -> BinaryIO:
    """Open a log that only we may read; append mode, so that cutting it short under a running child is safe."""
    log.parent.mkdir(parents=True, exist_ok=True)
    opened = log.open("ab")
    log.chmod(0o600)
    return opened
