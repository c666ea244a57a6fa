"""What tracing costs the locations API: switched off, beside one without a line about spans, and exporting all.

The ratio by CPU time says the same on a busy machine. Who exports must have exported, or the run does not count.
"""

from contextlib import AsyncExitStack
from random import Random

from aiohttp import web
from aiohttp.test_utils import TestServer

from tests.benchmarks import http_load
from tests.benchmarks.estates import bare_databases, copied
from tests.benchmarks.measuring import Benchmark, Contestant, DoesNotCount, Figures, Goal, Ratio, Round
from tests.benchmarks.suites.api import prepare, running, single_reads

WITHOUT, OFF, EXPORTING = "without spans", "off", "exporting"
MODULES = {WITHOUT: "tests.benchmarks.servers.untraced", OFF: "services.locations", EXPORTING: "services.locations"}
FIGURES = ("by id/CPU s", "by key/CPU s")


def contestant(name: str) -> Contestant:
    """Measure one server in one round."""

    async def measure(this: Round) -> Figures:
        await copied(this.directory.parent / "prison", this.directory)
        batches = 0

        async def collect(request: web.Request) -> web.Response:
            nonlocal batches
            await request.read()
            batches += 1
            return web.Response()

        async with AsyncExitStack() as stack:
            collector = web.Application(client_max_size=64_000_000)
            collector.router.add_post("/v1/traces", collect)
            listening = await stack.enter_async_context(TestServer(collector, host="127.0.0.1"))
            _, dsns = await stack.enter_async_context(bare_databases(this.directory, "locations"))
            endpoint = {"OTEL_EXPORTER_OTLP_ENDPOINT": str(listening.make_url(""))} if name == EXPORTING else {}
            opened = running(MODULES[name], dsns["locations"], this.options, **endpoint)
            server = await stack.enter_async_context(opened)
            figures = await single_reads(server, Random(this.seed))
        if (batches > 0) is not (name == EXPORTING):
            raise DoesNotCount(f"{name}: {batches} batches of spans came")
        return figures

    return measure


BENCHMARK = Benchmark(
    title="Tracing",
    contestants={name: contestant(name) for name in MODULES},
    ratios=(
        *(Ratio(f"{figure}: off over without spans", (OFF, figure), (WITHOUT, figure)) for figure in FIGURES),
        *(Ratio(f"{figure}: exporting over off", (EXPORTING, figure), (OFF, figure)) for figure in FIGURES),
    ),
    goals=tuple(Goal("", f"{figure}: off over without spans", "at least", 0.97) for figure in FIGURES),
    setting=(
        f"one prison of 2000 cells; one core for the server; {http_load.CONNECTIONS} connections; tokens checked; "
        "off is the service as it starts, no exporter set; without spans the functions that tell of them do nothing; "
        "exporting sends a span for every request and statement to a collector that drops them"
    ),
    prepare=prepare,
)
