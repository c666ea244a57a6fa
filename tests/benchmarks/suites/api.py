"""How fast the locations API answers, beside the usual way (FastAPI, SQLAlchemy 2) and beside a bare aiohttp handler.

Each server has one core to itself, PostgreSQL and the client share the others; each round every server gets a copy of
the same database. The rates by CPU time (`by id/CPU s`) say the same on a busy machine; the rates by the clock do not.
An answer that is not 200, or shows another location than asked for, makes the run not count.
"""

import asyncio
import os
import sys
import uuid
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any

import aiohttp
import orjson
import psutil
from aiohttp.test_utils import TestServer

from infra.local import prison_register, prisoner_search, sign_in
from infra.local.accounts import Accounts, generated, names
from infra.local.ports import free_port
from infra.local.tokens import Grant, Signer, new_key
from libs.web.auth import AuthSettings
from libs.web.limits import HttpLimits, RateLimits
from tests.benchmarks import http_load
from tests.benchmarks.estates import bare_databases, copied, database
from tests.benchmarks.measuring import (
    Benchmark,
    Contestant,
    DoesNotCount,
    Figures,
    Goal,
    Options,
    Ratio,
    Round,
    percentile,
)
from tests.benchmarks.processes import cpu_seconds

PRISON = "LEI"
WINGS, LANDINGS, CELLS = 5, 5, 80
SECONDS, QUICK_SECONDS = 4.0, 0.5
REPEATS, QUICK_REPEATS = 15, 2
READY_SECONDS = 30.0
OURS, BARE, ORM = "ours", "bare aiohttp", "FastAPI + SQLAlchemy"
MODULES = {OURS: "services.locations", BARE: "tests.benchmarks.servers.bare", ORM: "tests.benchmarks.servers.orm"}
COLUMNS = (
    "id",
    "prison_id",
    "path_hierarchy",
    "code",
    "location_type",
    "parent_id",
    "residential_housing_type",
    "accommodation_type",
    "max_capacity",
    "working_capacity",
    "certified",
    "capacity_of_certified_cell",
    "attributes",
    "used_for",
    "when_created",
    "when_updated",
    "updated_by",
)
OPEN_AGAIN = """
    UPDATE location SET active = true, deactivated_date = NULL, deactivated_reason = NULL, deactivated_by = NULL
     WHERE NOT active
"""
Rows = list[tuple[Any, ...]]


def rows() -> Rows:
    """Make a prison of two thousand cells in five wings."""
    made: Rows = []
    at = datetime(2024, 9, 30, 10, 15, tzinfo=UTC).replace(tzinfo=None)

    def add(path: str, kind: str, parent: uuid.UUID | None) -> uuid.UUID:
        location_id = uuid.uuid5(uuid.NAMESPACE_OID, path)
        cell = kind == "CELL"
        held = (2, 2, True, 2, ["NON_SMOKER_CELL"], ["STANDARD_ACCOMMODATION"]) if cell else (None,) * 4 + ([], [])
        lived = ("NORMAL_ACCOMMODATION", "NORMAL_ACCOMMODATION" if cell else None)
        code = path.rsplit("-", 1)[-1]
        made.append((location_id, PRISON, path, code, kind, parent, *lived, *held, at, at, "BENCH"))
        return location_id

    for wing in "ABCDE"[:WINGS]:
        top = add(wing, "WING", None)
        for landing in range(1, LANDINGS + 1):
            middle = add(f"{wing}-{landing}", "LANDING", top)
            for cell in range(1, CELLS + 1):
                add(f"{wing}-{landing}-{cell:03}", "CELL", middle)
    return made


async def prepare(directory: Path, _: Options) -> None:
    """Make the database that every server starts from."""
    async with AsyncExitStack() as stack:
        _postgres, dsns = await stack.enter_async_context(bare_databases(directory / "prison", "locations"))
        opened = await stack.enter_async_context(database(dsns["locations"]))
        connection = await stack.enter_async_context(opened.connection())
        await connection.copy_records_to_table("location", records=rows(), columns=COLUMNS)
        await connection.execute("VACUUM (ANALYZE) location")


@dataclass(frozen=True)
class Running:
    """A server under measurement."""

    port: int
    process: psutil.Process
    bearer: str
    seconds: float
    # The sign-in server and the prison register beside it.
    oauth: str
    register: str

    def asks(self, paths: Sequence[str]) -> list[bytes]:
        """Write a request for each path."""
        return [http_load.request(path, self.bearer) for path in paths]


@asynccontextmanager
async def running(module: str, dsn: str, options: Options, **more: str) -> AsyncIterator[Running]:
    """Start a server on the first core, with a sign-in server and the APIs it leans upon in this process.

    `more` is environment that it is told besides.
    """
    async with AsyncExitStack() as stack:
        url = f"http://127.0.0.1:{free_port()}"
        signer = Signer(new_key(), url, lambda: datetime.now(UTC))  # noqa: TID251 - a composition root
        accounts = Accounts(generated(names()))
        auth = sign_in.application(accounts, signer, signer.now)
        port = int(url.rsplit(":", 1)[1])
        await stack.enter_async_context(TestServer(auth, host="127.0.0.1", port=port))
        jwks = f"{url}/.well-known/jwks.json"
        settings_of_others = AuthSettings(jwks_url=jwks)
        search = TestServer(prisoner_search.application(settings_of_others), host="127.0.0.1")
        prisons = TestServer(prison_register.application(settings_of_others), host="127.0.0.1")
        for other in (search, prisons):
            await stack.enter_async_context(other)
        beside = str(search.make_url("")).rstrip("/")
        http_port = free_port()
        settings = {
            "DATABASE_URL": dsn,
            "JWKS_URL": jwks,
            "HTTP_PORT": str(http_port),
            "API_BASE_URL_OAUTH": url,
            "API_BASE_URL_PRISONER_SEARCH": beside,
            "API_BASE_URL_PRISON_REGISTER": str(prisons.make_url("")).rstrip("/"),
            "API_BASE_URL_PRISON_API": beside,
            "CLIENT_ID": "locations",
            "CLIENT_SECRET": accounts.secrets["locations"],
            "RELAY_ENABLED": "false",
            # One caller asks as fast as it can.
            "HTTP_LIMITS": HttpLimits(rates=RateLimits(requests_per_second=10**6, burst=10**6)).model_dump_json(),
        }
        child = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            module,
            env={**settings, "PATH": os.defpath, **more},
            stdout=asyncio.subprocess.DEVNULL,
        )
        try:
            process = psutil.Process(child.pid)
            process.cpu_affinity([0])
            await ready(http_port)
            roles = frozenset({"ROLE_VIEW_LOCATIONS", "ROLE_MAINTAIN_LOCATIONS"})
            bearer = signer.token(Grant("bench", "BENCH", roles=roles))
            seconds = QUICK_SECONDS if options.quick else SECONDS
            yield Running(http_port, process, bearer, seconds, url, settings["API_BASE_URL_PRISON_REGISTER"])
        finally:
            child.terminate()
            await child.wait()


async def ready(port: int) -> None:
    """Wait until a server answers."""
    async with asyncio.timeout(READY_SECONDS), aiohttp.ClientSession() as client:
        while True:
            try:
                async with client.get(f"http://127.0.0.1:{port}/health/liveness"):
                    return
            except aiohttp.ClientConnectionError:
                await asyncio.sleep(0.05)


def contestant(name: str) -> Contestant:
    """Measure one server in one round."""

    async def measure(this: Round) -> Figures:
        await copied(this.directory.parent / "prison", this.directory)
        async with AsyncExitStack() as stack:
            _, dsns = await stack.enter_async_context(bare_databases(this.directory, "locations"))
            server = await stack.enter_async_context(running(MODULES[name], dsns["locations"], this.options))
            figures = await single_reads(server, Random(this.seed))
            if name != BARE:
                repeats = QUICK_REPEATS if this.options.quick else REPEATS
                figures |= await bulk(server, dsns["locations"], name, repeats)
            return figures

    return measure


async def single_reads(server: Running, chance: Random) -> dict[str, float]:
    """Read single locations, by id and by key, and at half of the most."""
    every = rows()
    chance.shuffle(every)
    by_id = [f"/locations/{row[0]}" for row in every]
    by_key = [f"/locations/key/{PRISON}-{row[2]}" for row in every]
    _, body = await http_load.once(server.port, server.asks(by_id)[0])
    if orjson.loads(body)["key"] != f"{PRISON}-{every[0][2]}":
        raise DoesNotCount(f"asked for {every[0][2]}, got {body[:200]!r}")
    await http_load.saturate(server.port, server.asks(by_id), server.seconds / 4)
    figures: dict[str, float] = {}
    for name, paths in (("by id", by_id), ("by key", by_key)):
        before = cpu_seconds(server.process)
        load = await http_load.saturate(server.port, server.asks(paths), server.seconds)
        figures[f"{name}/s"] = load.rate
        figures[f"{name}/CPU s"] = len(load.latencies) / (cpu_seconds(server.process) - before)
    half = await http_load.at_rate(server.port, server.asks(by_id), server.seconds, figures["by id/s"] / 2)
    figures["p99 ms at half"] = percentile(half.latencies, 0.99) * 1000
    return figures


async def bulk(server: Running, dsn: str, name: str, repeats: int) -> dict[str, float]:
    """Read the tree and, where there is one, the summary; close wings of four hundred cells."""
    figures = {"tree ms": await _median(server, f"/locations/prison/{PRISON}/tree", repeats)}
    if name == OURS:
        figures["summary ms"] = await _median(server, f"/locations/residential-summary/{PRISON}", repeats)
    wings = [row[0] for row in rows() if row[4] == "WING"]
    took = []
    async with database(dsn) as opened:
        for number in range(repeats):
            await opened.execute(OPEN_AGAIN)
            path = f"/locations/{wings[number % WINGS]}/deactivate/temporary"
            body = orjson.dumps({"deactivationReason": "DAMAGED"})
            seconds, _ = await http_load.once(server.port, http_load.request(path, server.bearer, "PUT", body))
            closed = await opened.fetchval("SELECT count(*) FROM location WHERE NOT active")
            if closed < LANDINGS * CELLS:
                raise DoesNotCount(f"{closed} locations were closed")
            took.append(seconds * 1000)
    return figures | {"deactivate wing ms": percentile(took, 0.5)}


async def _median(server: Running, path: str, repeats: int) -> float:
    took = [(await http_load.once(server.port, server.asks([path])[0]))[0] for _ in range(repeats)]
    return percentile(took, 0.5) * 1000


def _ratios() -> Sequence[Ratio]:
    singles = [
        Ratio(f"{figure}: ours over {other}", (OURS, figure), (other, figure))
        for figure in ("by id/CPU s", "by key/CPU s", "by id/s", "by key/s")
        for other in (ORM, BARE)
    ]
    bulks = [
        Ratio(f"{figure}: {ORM} over ours", (ORM, figure), (OURS, figure))
        for figure in ("tree ms", "deactivate wing ms")
    ]
    return (*singles, *bulks)


def _goals() -> Sequence[Goal]:
    wanted: Mapping[str, float] = {ORM: 5, BARE: 0.75}
    return (
        *(
            Goal("", f"{figure}: ours over {other}", "at least", limit)
            for figure in ("by id/s", "by key/s", "by id/CPU s", "by key/CPU s")
            for other, limit in wanted.items()
        ),
        Goal("", f"tree ms: {ORM} over ours", "at least", 4),
        Goal("", f"deactivate wing ms: {ORM} over ours", "at least", 5),
        Goal(OURS, "p99 ms at half", "at most", 5, absolute=True),
        Goal(OURS, "tree ms", "at most", 50, absolute=True),
        Goal(OURS, "summary ms", "at most", 15, absolute=True),
        Goal(OURS, "deactivate wing ms", "at most", 150, absolute=True),
    )


BENCHMARK = Benchmark(
    title="The locations API",
    contestants={name: contestant(name) for name in MODULES},
    ratios=_ratios(),
    goals=_goals(),
    setting=(
        f"One prison of {WINGS * LANDINGS * CELLS} cells; one core for the server; {http_load.CONNECTIONS} connections;"
        " tokens checked by all. The bare handler runs our SQL and our views without the kit. The ORM shows the same"
        " main fields and adds up its cells' capacities. Closing a wing asks prisoner search about its cells, writes"
        " each row under its next version with two history rows, an event and an act for the audit, and answers every"
        " location that was closed."
    ),
    prepare=prepare,
)
