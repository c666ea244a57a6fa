"""A generated estate whose services reach each other over wires, and ways into it that bear its parts being killed."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg
import orjson
from pydantic import SecretStr

from infra.local.broker import NODE_ROOM
from infra.local.demo.desk import broker_at
from infra.local.ports import LOOPBACK, free_port
from infra.local.roster import ADDRESS, ServiceSpec
from infra.local.settings import ROOT, EstateSettings
from infra.local.supervisor import Estate
from libs.messaging.aws import Aws, connect
from libs.messaging.sqs import DEAD_LETTER
from libs.web.outgoing import ApiSession, OutgoingSettings, RemoteFailure, api_session
from services.nomis.estate.estate import Estate as NomisEstate
from services.nomis.estate.load import load
from tests.chaos.wires import Wire, laid

# Which services others call, each under its address of the roster.
WIRED: Mapping[str, str] = {
    name: setting for setting, name in ADDRESS.items() if name in ("nomis", "locations", "mapping")
}
WORKERS = ("to_nomis", "from_nomis", "migration", "reconciliation")
# Where people come in, past the wires that are cut.
FRONT = ("locations", "migration", "reconciliation")
OUTBOXES: Mapping[str, str] = {
    "locations": "SELECT count(*) FROM outbox WHERE published_at IS NULL",
    "nomis": "SELECT count(*) FROM xtag_listener_tab WHERE state = 'ready'",
}
MIGRATION_ENDED = ("COMPLETED", "CANCELLED")
COMPARISON_ENDED = ("COMPLETED", "FAILED")
ACCOUNTS = ("recordsListed", "recordsMigrated", "recordsSkipped", "recordsFailed")
LOOK_SECONDS = 0.2


@dataclass(frozen=True)
class Site:
    """A running estate and ways into it. Who changes a database's login writes it into `dsns`."""

    estate: Estate
    wires: Mapping[str, Wire]
    front: Mapping[str, Wire]
    dsns: dict[str, str]
    staff: ApiSession
    operator: ApiSession
    comparer: ApiSession
    broker: Aws
    queues: Sequence[str]

    def wires_to(self, name: str) -> list[Wire]:
        """Find the wires that lead to a service."""
        return [wires[name] for wires in (self.wires, self.front) if name in wires]

    @asynccontextmanager
    async def _connected(self, name: str) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
        connection = await asyncpg.connect(self.dsns[name], timeout=10)
        try:
            yield connection
        finally:
            connection.terminate()

    def nomis(self) -> Any:
        """Connect to NOMIS's database."""
        return self._connected("nomis")

    def locations(self) -> Any:
        """Connect to the locations API's database."""
        return self._connected("locations")

    def mapping(self) -> Any:
        """Connect to the mapping service's database."""
        return self._connected("mapping")

    def migration(self) -> Any:
        """Connect to migration's database."""
        return self._connected("migration")

    def reconciliation(self) -> Any:
        """Connect to reconciliation's database."""
        return self._connected("reconciliation")

    async def depths(self) -> dict[str, int]:
        """Count what is on each queue, dead letters too."""
        found = {}
        for name in self.queues:
            depth = await self.broker.queue(name).depth()
            found[name] = depth.visible + depth.in_flight + depth.delayed
        return found

    async def dead_letters(self) -> dict[str, int]:
        """Count what was given up, by queue."""
        return {name: depth for name, depth in (await self.depths()).items() if name.endswith(DEAD_LETTER) and depth}

    async def waiting(self) -> int:
        """Count what is under way: messages on the queues, events in the outboxes."""
        depths = await self.depths()
        found = sum(depth for name, depth in depths.items() if not name.endswith(DEAD_LETTER))
        for name, sql in OUTBOXES.items():
            async with self._connected(name) as connection:
                found += await connection.fetchval(sql)
        return found

    async def migrated(self, prison: str, patience_seconds: float) -> dict[str, int]:
        """Run a migration of one prison to its end, whoever is killed meanwhile; give its accounts.

        Raises TimeoutError when nothing of it moved for so long.
        """

        async def ask() -> Any:
            asked = await self.operator.request("POST", "/migrate/locations", json={"prisonIds": [prison]}, ok=(202,))
            return asked.json()["migrationId"]

        found = await _ended(self.operator, ask, "/migrate/locations/history", MIGRATION_ENDED, patience_seconds)
        return {name: found[name] for name in ACCOUNTS}

    async def compared(self, patience_seconds: float) -> dict[str, Any]:
        """Have everything compared and settled; give the run. Raises TimeoutError as `migrated` does."""
        base = "/locations/reports/reconciliation"

        async def ask() -> Any:
            return (await self.comparer.request("PUT", base, ok=(202,))).json()["runId"]

        return await _ended(self.comparer, ask, base, COMPARISON_ENDED, patience_seconds)


async def _ended(
    session: ApiSession,
    ask: Callable[[], Awaitable[Any]],
    base: str,
    ended: Collection[str],
    patience_seconds: float,
) -> dict[str, Any]:
    """Ask for a run, again where there was no answer, and look at it until it ended or nothing of it moves."""
    run_id: Any = None
    seen: Any = None
    until = time.monotonic() + patience_seconds
    while time.monotonic() < until:
        try:
            run_id = run_id or await ask()
            found: dict[str, Any] = (await session.request("GET", f"{base}/{run_id}")).json()
        except RemoteFailure as failure:
            found = {"status": str(failure)}
        if found["status"] in ended:
            return found
        if (run_id, found) != seen:
            seen, until = (run_id, found), time.monotonic() + patience_seconds
        await asyncio.sleep(LOOK_SECONDS)
    raise TimeoutError(f"the run {base}/{run_id} came to a halt: {seen}")


@asynccontextmanager
async def opened(
    directory: Path, *, specs: tuple[ServiceSpec, ...] | None = None, **chosen: Any
) -> AsyncIterator[Site]:
    """Start an estate on free ports with wires in it; `chosen` are more of its settings."""
    wires = {name: Wire(free_port(), []) for name in WIRED}
    front = {name: Wire(free_port(), []) for name in FRONT}
    through = {WIRED[name]: f"http://{LOOPBACK}:{wire.port}" for name, wire in wires.items()}
    settings = EstateSettings.on_free_ports(
        directory / "estate",
        restart_first_seconds=0.1,
        restart_longest_seconds=2,
        service_env={
            **dict.fromkeys(WORKERS, through),
            "migration": {**through, "STAGES": '{"page": 20, "lease_seconds": 5}', "SWEEP_SECONDS": "1"},
            # What browsers need is installed once, also for a release that runs from elsewhere.
            "staff_ui": {"NODE_MODULES": str(NODE_ROOM / "node_modules")},
        },
        **chosen,
    )
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(laid(*wires.values(), *front.values()))
        estate = Estate(settings, specs)
        for name, wire in [*wires.items(), *front.items()]:
            wire.targets += [estate.ports[spec.part] for spec in estate.specs if spec.name == name]
        stack.push_async_callback(estate.stop)
        await estate.start()
        yield await _entered(estate, wires, front, stack)


async def _entered(estate: Estate, wires: Mapping[str, Wire], front: Mapping[str, Wire], stack: AsyncExitStack) -> Site:
    found = estate.endpoints

    async def session(service: str) -> ApiSession:
        return await stack.enter_async_context(
            api_session(
                OutgoingSettings(
                    base_url=f"http://{LOOPBACK}:{front[service].port}",
                    token_url=found["signIn"]["tokenUrl"],
                    client_id="operator",
                    client_secret=SecretStr(found["signIn"]["clients"]["operator"]["secret"]),
                )
            )
        )

    broker = await stack.enter_async_context(connect(broker_at(found["broker"]["url"], estate.settings.aws_region)))
    queues = orjson.loads(estate.settings.messaging_file.read_bytes())["queues"]
    return Site(
        estate,
        wires,
        front,
        {name: database["dsn"] for name, database in found["databases"].items()},
        await session("locations"),
        await session("migration"),
        await session("reconciliation"),
        broker,
        tuple(name + end for name in queues if _is_read(estate, name) for end in ("", DEAD_LETTER)),
    )


def _is_read(estate: Estate, queue: str) -> bool:
    """Whether the service that reads this queue runs; a queue of others only fills."""
    return queue.removesuffix("-locations").replace("-", "_") in estate.names


async def loaded(site: Site, seed: int, *prisons: str) -> None:
    """Generate these prisons in NOMIS."""
    async with site.nomis() as connection:
        await load(connection, NomisEstate(seed, "tiny", prisons))


def hastened(visibility_seconds: int, directory: Path) -> Path:
    """Shorten the queues' patience, so that minutes here stand for hours; all else is as it is deployed."""
    messaging = orjson.loads((ROOT / "infra" / "messaging.json").read_bytes())
    for queue in messaging["queues"].values():
        queue["visibilitySeconds"] = visibility_seconds
        queue["backoffSeconds"] = [1, 2, 5, *[10] * 15]
        queue["maxReceiveCount"] = len(queue["backoffSeconds"]) + 2
    file = directory / "messaging.json"
    file.write_bytes(orjson.dumps(messaging))
    return file
