"""`python -m tests.benchmarks [NAME…]` runs the benchmarks of these names, or all; its last line is a JSON.

Exit 0 when everything that was measured counts; goals are told as met or missed and decide nothing, as the machine has
its say in them.
"""

import argparse
import asyncio
import shutil
import sys
import tempfile
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import orjson
from rich.console import Console

from infra.local.settings import ROOT
from libs.telemetry import logging
from tests.benchmarks import document, machine, report
from tests.benchmarks.measuring import Benchmark, Figures, Measured, Options, Round, in_turn

SUITES = Path(__file__).parent / "suites"
RESULTS = ROOT / ".local" / "bench"


def names() -> list[str]:
    """Return the names of all benchmarks there are."""
    return sorted(path.stem for path in SUITES.glob("*.py") if path.stem != "__init__")


def suite(name: str) -> Benchmark:
    """Load a benchmark."""
    benchmark: Benchmark = import_module(f"tests.benchmarks.suites.{name}").BENCHMARK
    return benchmark


async def measured(benchmark: Benchmark, options: Options, console: Console) -> Measured:
    """Run all rounds, contestants interleaved."""
    with tempfile.TemporaryDirectory(prefix="bench-") as found:
        directory = Path(found)
        if benchmark.prepare is not None:
            await benchmark.prepare(directory, options)
        result = Measured(benchmark)
        for number in range(options.rounds):
            figures: dict[str, Figures] = {}
            for name in in_turn([*benchmark.contestants], number):
                place = directory / "round"
                place.mkdir()
                console.print(f"round {number + 1} of {options.rounds}: {name}", highlight=False)
                figures[name] = await benchmark.contestants[name](Round(number, place, options))
                shutil.rmtree(place)
            result.rounds.append(figures)
        return result


async def run(chosen: Sequence[str], options: Options, *, record: bool) -> dict[str, Any]:
    """Run the chosen ones after each other; keep each report."""
    console = Console()
    reports: dict[str, Any] = {}
    for name in chosen:
        state = machine.described()
        benchmark = suite(name).among(options.among) if options.among else suite(name)
        result = await measured(benchmark, options, console)
        state["loadAfter"] = machine.load_average()
        size = f" ROWS={options.rows}" if options.rows else ""
        command = f"make bench ONLY={name} SEED={options.seed} ROUNDS={options.rounds}{size}"
        reports[name] = report.as_json(result, state, command)
        report.show(reports[name], console)
        for folder in (RESULTS, *([document.RECORDED] if record else [])):
            folder.mkdir(parents=True, exist_ok=True)
            written = orjson.dumps(reports[name], option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
            (folder / f"{name}.json").write_bytes(written)
    if record:
        document.rewrite()
    return reports


def summed_up(reports: dict[str, Any]) -> str:
    """Return the last line: everything but the single rounds."""
    kept = {name: {part: each[part] for part in each if part != "rounds"} for name, each in reports.items()}
    return orjson.dumps(kept).decode()


def main() -> int:
    """Read the command line and run."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(names())}; all when left out")
    parser.add_argument("--seed", type=int, default=Options.seed, help="the same seed gives the same rows and edits")
    parser.add_argument("--rounds", type=int, default=Options.rounds)
    parser.add_argument("--rows", type=int, help="at least so many locations, where a suite lets choose; else all")
    parser.add_argument("--quick", action="store_true", help="small sizes, to see that it runs")
    parser.add_argument("--record", action="store_true", help="keep the reports, and rewrite docs/performance.md")
    parser.add_argument(
        "--profile",
        default="",
        metavar="SERVICES",
        help="run these under the profiler: a,b; postgres counts statements",
    )
    parser.add_argument("--among", default="", metavar="CONTESTANTS", help="run these alone, divided by semicolons")
    given = parser.parse_args()
    if unknown := set(given.names) - set(names()):
        parser.error(f"there is no benchmark {', '.join(sorted(unknown))}")
    if given.record and given.quick:
        parser.error("a quick run is not recorded")
    if given.record and given.among:
        parser.error("a run of some contestants is not recorded: its ratios are missing")
    if given.record and given.profile:
        parser.error("a profiled run is not recorded: the profiler takes its time too")
    profiled = tuple(name for name in given.profile.split(",") if name)
    among = tuple(name for name in given.among.split(";") if name)
    options = Options(given.seed, given.rounds, given.quick, given.rows, profiled, among)
    logging.configure("bench", "WARNING", pretty=True)
    reports = asyncio.run(run(given.names or names(), options, record=given.record))
    print(summed_up(reports))  # noqa: T201 - the last line is for programs
    return 0


if __name__ == "__main__":
    sys.exit(main())
