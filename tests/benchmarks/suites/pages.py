"""How long a page of a prison of two thousand cells takes on the server, from the request to its last byte.

The pages and the locations API are real and share one core; the client asks one page after another, as one person does.
Reconciliation is replaced by something that answers at once: what it asks of NOMIS is measured elsewhere.
"""

import asyncio
import os
import sys
import time
import uuid
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import psutil
from aiohttp import web
from aiohttp.test_utils import TestServer

from infra.local.ports import free_port
from infra.local.settings import ROOT
from services.staff_ui.edge.guard import SESSION
from services.staff_ui.edge.sealing import Seal
from services.staff_ui.edge.sessions import Session, Sessions
from services.staff_ui.settings import SessionLimits
from tests.benchmarks import http_load
from tests.benchmarks.estates import bare_databases, copied
from tests.benchmarks.measuring import Benchmark, DoesNotCount, Figures, Goal, Round, percentile
from tests.benchmarks.processes import cpu_seconds
from tests.benchmarks.suites.api import CELLS, LANDINGS, MODULES, OURS, PRISON, WINGS, Running, prepare, ready, running

REPEATS, QUICK_REPEATS = 40, 3
SECRET = "bench" * 8
MS_MAX = 200


def of(path: str) -> str:
    """Return the address of a location of the prison."""
    return f"/locations/{uuid.uuid5(uuid.NAMESPACE_OID, path)}"


PAGES = (
    ("overview", f"/prisons/{PRISON}", "Working capacity"),
    ("wing", of("A"), "What you can do"),
    ("landing of 80 cells", of("A-1"), "A-1-080"),
    ("cell", of("A-1-001"), f"{PRISON}-A-1-001"),
    ("search, 2,000 found", f"/prisons/{PRISON}/search?q={PRISON}-", "locations found"),
    ("search, last page", f"/prisons/{PRISON}/search?q={PRISON}-&page=40", "locations found"),
    ("deactivate 80 cells, form", f"{of('A-1')}/deactivate-cells", "A-1-080"),
)


@asynccontextmanager
async def pages(locations: Running) -> AsyncIterator[tuple[int, psutil.Process]]:
    """Start the pages on the core of the locations API."""

    async def same(_: web.Request) -> web.Response:
        return web.json_response({})

    beside = web.Application()
    beside.router.add_get("/{rest:.*}", same)
    async with AsyncExitStack() as stack:
        other = await stack.enter_async_context(TestServer(beside, host="127.0.0.1"))
        elsewhere = str(other.make_url("")).rstrip("/")
        port = free_port()
        settings = {
            "PUBLIC_URL": "http://bench",
            "HTTP_PORT": str(port),
            "API_BASE_URL_OAUTH": locations.oauth,
            "API_BASE_URL_LOCATIONS": f"http://127.0.0.1:{locations.port}",
            "API_BASE_URL_PRISON_REGISTER": locations.register,
            **{f"API_BASE_URL_{name}": elsewhere for name in ("RECONCILIATION", "MIGRATION", "TO_NOMIS", "FROM_NOMIS")},
            "CLIENT_ID": "staff-ui",
            "CLIENT_SECRET": "unused",
            "SESSION_SECRETS": SECRET,
            "NODE_MODULES": str(ROOT / "infra/node/node_modules"),
            "PATH": os.defpath,
        }
        child = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "services.staff_ui", env=settings, stdout=asyncio.subprocess.DEVNULL
        )
        try:
            process = psutil.Process(child.pid)
            process.cpu_affinity([0])
            await ready(port)
            yield port, process
        finally:
            child.terminate()
            await child.wait()


async def measure(this: Round) -> Figures:
    """Ask each page a number of times; say how long the slow ones took, and what it cost the pages' process."""
    await copied(this.directory.parent / "prison", this.directory)
    repeats = QUICK_REPEATS if this.options.quick else REPEATS
    figures: dict[str, float] = {}
    async with AsyncExitStack() as stack:
        _, dsns = await stack.enter_async_context(bare_databases(this.directory, "locations"))
        locations = await stack.enter_async_context(running(MODULES[OURS], dsns["locations"], this.options))
        port, process = await stack.enter_async_context(pages(locations))
        for name, path, wanted in PAGES:
            ask = request(path, locations.bearer)
            _, body = await http_load.once(port, ask)
            if wanted not in body.decode():
                raise DoesNotCount(f"{path} shows no {wanted!r}: {body[:300]!r}")
            before = cpu_seconds(process)
            took = [(await http_load.once(port, ask))[0] for _ in range(repeats)]
            figures[f"{name}: p95 ms"] = percentile(took, 0.95) * 1000
            figures[f"{name}: CPU ms of the pages"] = (cpu_seconds(process) - before) / repeats * 1000
    return figures


def request(path: str, token: str) -> bytes:
    """Write the request of a browser that is signed in."""
    now = time.time()
    session = Session.begun(token, "Bench", now + 3600, now)
    sealed = Sessions(Seal([SECRET]), SessionLimits()).closed(session, now)
    return f"GET {path} HTTP/1.1\r\nHost: bench\r\nCookie: {SESSION}={sealed}\r\n\r\n".encode()


BENCHMARK = Benchmark(
    title="The pages",
    contestants={"pages": measure},
    goals=tuple(Goal("pages", f"{name}: p95 ms", "at most", MS_MAX, absolute=True) for name, _, _ in PAGES),
    setting=(
        f"One prison of {WINGS * LANDINGS * CELLS} cells; the pages and the locations API share one core; one page at a"
        " time, from the request to the last byte, the API's part included; reconciliation answers at once."
    ),
    prepare=prepare,
)
