"""A Python process of the estate that answers over HTTP: started, waited for, stopped."""

import asyncio
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from infra.local.broker import answers
from infra.local.child import SYSTEM_PATH, Child, Command, Spawn
from infra.local.ports import LOOPBACK, ensure_free

POLL_SECONDS = 0.1


class ProcessFailed(Exception):
    """A process ended or stayed silent when it should have become ready."""


@dataclass(frozen=True)
class ProcessPlan:
    """How a process is started and how long it is waited for."""

    name: str
    module: str
    arguments: tuple[str, ...]
    env: Mapping[str, str]
    root: Path
    log: Path
    port: int
    port_setting: str
    ready_path: str
    ready_seconds: float
    stop_seconds: float


class Process:
    """One `python -m …`."""

    def __init__(self, plan: ProcessPlan, spawn: Spawn = Child.start) -> None:
        self.plan = plan
        self.name = plan.name
        self._spawn = spawn
        self._child: Child | None = None

    @property
    def child(self) -> Child | None:
        """The process, from `start` to `stop`."""
        return self._child

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://{LOOPBACK}:{self.plan.port}"

    async def start(self) -> None:
        """Ready when this returns: our own process lives and its readiness check is good."""
        plan = self.plan
        ensure_free(plan.port, plan.port_setting.upper())
        argv = (sys.executable, "-m", plan.module, *plan.arguments)
        env = {"PATH": SYSTEM_PATH, "HOME": str(plan.log.parent), "LANG": "C.UTF-8", **plan.env}
        self._child = await self._spawn(Command(plan.name, argv, env, cwd=plan.root), plan.log)
        try:
            async with asyncio.timeout(plan.ready_seconds):
                while not await answers(self.url + plan.ready_path):
                    if not self._child.alive:
                        raise ProcessFailed(f"{plan.name} ended at start with {self._child.returncode}, see {plan.log}")
                    await asyncio.sleep(POLL_SECONDS)
        except TimeoutError as error:
            await self.stop()
            raise ProcessFailed(f"{plan.name} is not ready after {plan.ready_seconds} s, see {plan.log}") from error

    async def stop(self) -> None:
        """SIGTERM: it drains what it holds."""
        if self._child is not None:
            await self._child.stop(self.plan.stop_seconds)
            self._child = None
