"""The estate as one object: everything started in order, watched, and stopped in reverse order."""

import asyncio
import contextlib
import os
import shutil
import signal
from collections.abc import Awaitable, Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import orjson
import structlog

from infra.local import accounts, endpoints, logs
from infra.local.broker import ACCESS_KEY, SECRET_KEY, Broker, BrokerPlan
from infra.local.child import Child, Command
from infra.local.keeper import Backoff, Keeper, Part
from infra.local.leftovers import Leftovers, only_one
from infra.local.ports import PortTaken, ensure_free, free_port
from infra.local.postgres import DURABLE, UNSYNCED, Postgres, PostgresPlan
from infra.local.process import Process, ProcessPlan
from infra.local.roster import ServiceSpec, Surroundings, databases, replicated, roster
from infra.local.settings import EstateSettings
from infra.local.topology import set_up

log = structlog.get_logger()


class Estate:
    """Start, look at, hurt and stop the estate. `specs` may be fewer than all, for tests.

    `ports` says where each part listens or will.
    """

    def __init__(self, settings: EstateSettings, specs: tuple[ServiceSpec, ...] | None = None) -> None:
        self.settings = settings
        self.specs = replicated(roster() if specs is None else specs, settings.replicas)
        self.ports = {name: chosen or free_port() for name, chosen in _ports(settings).items()}
        self.ports |= {spec.part: free_port() for spec in self.specs if spec.number > 1}
        self._leftovers = Leftovers(settings.data_dir / "pids.json")
        self._keepers: dict[str, Keeper] = {}
        self._dsns: dict[str, str] = {}
        self._secrets: dict[str, str] = {}
        self._until_stop = contextlib.AsyncExitStack()
        self.postgres = Postgres(
            PostgresPlan(
                directory=settings.data_dir / "postgres",
                port=self.ports["postgres"],
                binaries=settings.pg_bin,
                parameters=DURABLE if settings.postgres_fsync else UNSYNCED,
                log=self._log("postgres"),
                ready_seconds=settings.ready_seconds,
                stop_seconds=settings.stop_seconds,
            ),
            spawn=self._spawn,
        )
        self.broker = Broker(
            BrokerPlan(
                directory=settings.data_dir / "broker",
                port=self.ports["broker"],
                region=settings.aws_region,
                log=self._log("broker"),
                kind=settings.broker,
                ready_seconds=settings.ready_seconds,
                stop_seconds=settings.stop_seconds,
            ),
            spawn=self._spawn,
        )

    async def start(self) -> None:
        """All ready when this returns. What was started before a failure is stopped again by `stop`."""
        self._until_stop.enter_context(only_one(self.settings.data_dir))
        await self._leftovers.end(self.settings.stop_seconds)
        self._refuse_taken_ports()
        self._secrets = self._kept_secrets()
        await self._keep(self.postgres, self._databases_ready)
        if self.settings.broker_endpoint is None:
            await self._keep(self.broker, self._broker_ready)
        else:
            await set_up(self.settings.broker_endpoint, self.settings.aws_region, self.settings.messaging_file)
        for tier in ("stand-in", "service"):
            await self._start_tier([spec for spec in self.specs if spec.tier == tier])
        watch = asyncio.create_task(self._watch_logs(), name="watch logs")
        self._until_stop.callback(watch.cancel)
        self._write_endpoints()
        log.info("estate-ready", endpoints=str(self.endpoints_file))

    async def stop(self) -> None:
        """Services first, the database last; returns when all are gone. May be called twice."""
        tiers = [_names(spec for spec in self.specs if spec.tier == tier) for tier in ("service", "stand-in")]
        for names in (*tiers, ["broker"], ["postgres"]):
            await asyncio.gather(*(self._keepers[name].stop() for name in names if name in self._keepers))
        if self._keepers:
            self._leftovers.forget()
            self.endpoints_file.unlink(missing_ok=True)
        self._keepers = {}
        await self._until_stop.aclose()

    async def join(self, spec: ServiceSpec) -> None:
        """Start one more process beside those that run; ready when this returns. Raises one of CANNOT_START."""
        self.specs = (*self.specs, spec)
        self.ports.setdefault(spec.part, free_port())
        await self._keep(Process(self._plan(spec), self._spawn), self._process_ready)
        self._write_endpoints()

    async def leave(self, spec: ServiceSpec) -> None:
        """Stop one process for good, as a release does that has another in its place."""
        self.specs = tuple(one for one in self.specs if one != spec)
        await self._keepers.pop(spec.part).stop()
        self._write_endpoints()

    def kill(self, name: str, sent: signal.Signals = signal.SIGKILL) -> None:
        """Hurt one part as an accident would; it is started again unless the whole estate stops."""
        self._keepers[name].kill(sent)

    async def wait_ready(self, name: str, seconds: float | None = None) -> None:
        """Wait until this part is ready (again); TimeoutError if it takes too long."""
        async with asyncio.timeout(seconds or self.settings.ready_seconds):
            await self._keepers[name].ready.wait()

    def restarts(self, name: str) -> int:
        """How often this part was started again."""
        return self._keepers[name].restarts

    @property
    def names(self) -> tuple[str, ...]:
        """Every part that runs, in order of start."""
        return tuple(self._keepers)

    @property
    def endpoints_file(self) -> Path:
        """Where clients find the rest."""
        return self.settings.data_dir / "endpoints.json"

    @property
    def endpoints(self) -> dict[str, Any]:
        """Everything a client needs; the same as in the file."""
        broker_url = self.settings.broker_endpoint or self.broker.endpoint
        return {
            "supervisor": {"pid": os.getpid()},
            "services": self._service_entries(),
            "broker": {
                "url": broker_url,
                "pid": self._pid("broker"),
                "region": self.settings.aws_region,
                "accessKeyId": ACCESS_KEY,
                "secretAccessKey": SECRET_KEY,
                "messagingFile": str(self.settings.messaging_file),
            },
            "postgres": {"port": self.ports["postgres"], "pid": self._pid("postgres")},
            "databases": {name: {"dsn": dsn} for name, dsn in self._dsns.items()},
            "signIn": endpoints.sign_in_entry(self._url("sign_in"), self._secrets),
        }

    def _refuse_taken_ports(self) -> None:
        """Tell all of them at once, before anything is started."""
        used = ["postgres", *(["broker"] if self.settings.broker_endpoint is None else []), *_names(self.specs)]
        taken = []
        for name in used:
            try:
                ensure_free(self.ports[name], f"{name}_port".upper())
            except PortTaken as error:
                taken.append(error)
        if taken:
            raise ExceptionGroup("ports are taken", taken)

    async def _keep(self, part: Part, on_ready: Callable[[bool], Awaitable[None]]) -> None:
        settings = self.settings
        backoff = Backoff(
            settings.restart_first_seconds,
            settings.restart_longest_seconds,
            settings.restart_forgiven_seconds,
        )
        keeper = Keeper(part, backoff, on_ready)
        self._keepers[part.name] = keeper
        await keeper.start()

    async def _start_tier(self, specs: Iterable[ServiceSpec]) -> None:
        """Start those of a tier together; if one fails, the others' starts are broken off and it is told why."""
        async with asyncio.TaskGroup() as group:
            for spec in specs:
                group.create_task(self._keep(Process(self._plan(spec), self._spawn), self._process_ready))

    async def _databases_ready(self, again: bool) -> None:
        if not again:
            for name in databases(self.specs):
                self._dsns[name] = await self.postgres.create_database(name)
        self._rewrite(again)

    async def _broker_ready(self, again: bool) -> None:
        """Make the topology anew, as the broker forgets everything; by its marks relays see to publish once more."""
        await set_up(self.broker.endpoint, self.settings.aws_region, self.settings.messaging_file)
        self._rewrite(again)

    async def _process_ready(self, again: bool) -> None:
        self._rewrite(again)

    def _rewrite(self, again: bool) -> None:
        if again:
            self._write_endpoints()

    def _write_endpoints(self) -> None:
        endpoints.write(self.endpoints_file, self.endpoints)

    async def _watch_logs(self) -> None:
        while True:
            await asyncio.sleep(self.settings.watch_seconds)
            for name in self._keepers:
                await asyncio.to_thread(logs.cut, self._log(name), self.settings.log_bytes_max)

    async def _spawn(self, command: Command, output: Path) -> Child:
        child = await Child.start(command, output)
        self._leftovers.add(command.name, child.pid, command.stop_signal)
        return child

    def _plan(self, spec: ServiceSpec) -> ProcessPlan:
        port = self.ports[spec.part]
        settings = self.settings
        env = self._surroundings().environment(spec, port)
        return ProcessPlan(
            name=spec.part,
            module=spec.module,
            arguments=spec.arguments,
            env={**env, **settings.service_env.get(spec.name, {}), **spec.told},
            root=spec.root,
            log=self._log(spec.part),
            port=port,
            port_setting=spec.port_setting,
            ready_path=spec.ready_path,
            ready_seconds=settings.ready_seconds,
            stop_seconds=settings.stop_seconds,
        )

    def _surroundings(self) -> Surroundings:
        return Surroundings(
            urls={name: self._url(name) for name in self.ports},
            aws_endpoint=self.settings.broker_endpoint or self.broker.endpoint,
            aws_region=self.settings.aws_region,
            broker=self.settings.broker,
            messaging_file=self.settings.messaging_file,
            log_level=self.settings.log_level,
            key_file=self.settings.data_dir / "sign-in" / "key.pem",
            dsns=self._dsns,
            secrets=self._secrets,
        )

    def _kept_secrets(self) -> dict[str, str]:
        """Read the secrets of clients and people; whoever is new on the list gets one."""
        file = self.settings.data_dir / "secrets.json"
        kept = dict(orjson.loads(file.read_bytes())) if file.exists() else {}
        missing = [name for name in accounts.names() if name not in kept]
        if missing:
            kept |= accounts.generated(missing)
            endpoints.write(file, kept)
        return kept

    def _url(self, name: str) -> str:
        return f"http://127.0.0.1:{self.ports[name]}"

    def _log(self, name: str) -> Path:
        return self.settings.data_dir / "logs" / f"{name}.log"

    def _service_entries(self) -> dict[str, Any]:
        """Say where each process is; under its name a service is found too whose first process is gone."""
        entries = {
            spec.part: {"url": self._url(spec.part), "pid": self._pid(spec.part), "log": str(self._log(spec.part))}
            for spec in self.specs
        }
        for spec in self.specs:
            entries.setdefault(spec.name, entries[spec.part])
        return entries

    def _pid(self, name: str) -> int | None:
        keeper = self._keepers.get(name)
        return keeper.part.child.pid if keeper and keeper.part.child else None


# All that an estate ever writes into its directory; purge touches nothing else, whatever DATA_DIR was set to.
WRITTEN = ("postgres", "broker", "sign-in", "logs", "endpoints.json", "secrets.json", "pids.json", "supervisor.lock")


async def purge(settings: EstateSettings) -> None:
    """Remove all data; refused while an estate runs on it."""
    directory = settings.data_dir
    if not directory.exists():
        return
    with only_one(directory):
        await Leftovers(directory / "pids.json").end(settings.stop_seconds)
        for path in (directory / name for name in WRITTEN):
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)
    if not any(directory.iterdir()):
        directory.rmdir()


def _names(specs: Iterable[ServiceSpec]) -> list[str]:
    return [spec.part for spec in specs]


def _ports(settings: EstateSettings) -> Mapping[str, int]:
    fields = type(settings).model_fields
    return {field.removesuffix("_port"): getattr(settings, field) for field in fields if field.endswith("_port")}
