"""What a core carries, what the nation needs and what AWS asks, for `docs/capacity.md`, from the recorded reports.

What is not measured is an input with a name: how much the nation does is an estimate, what AWS asks is from a list.
"""

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

Report = Mapping[str, Any]

# Estimates of a weekday, mostly 07:00 to 18:00, and of what comes at once when a wing is certified again.
CHANGES_A_DAY, WORKING_HOURS, BURST = 1_000, 11, 5_000
# How full a core may be.
FULL = 0.7
DIRECTIONS = ("NOMIS → DPS", "DPS → NOMIS")
CPU = re.compile(r"(?P<way>.+ → .+?) (?P<who>\w+) CPU ms/change")
WANTED = re.compile(r"at least (?P<rate>[\d.]+)")
STAND_IN, SERVER, BROKER = "nomis", "postgres", "broker"
NOTES = MappingProxyType(
    {
        STAND_IN: "the stand-in; in production NOMIS's own",
        SERVER: "one server for all databases, NOMIS's too; it uses all cores it has",
        BROKER: "on this machine only; AWS takes its place",
    }
)
MILLION, MONTH_HOURS = 1_000_000, 730


@dataclass(frozen=True)
class Prices:
    """Dollars for a million calls. A message with a group on a standard queue is one of a fair queue."""

    listed: str = "us-east-1, March 2026; London's own list decides"
    sqs: float = 0.40
    fair: float = 0.10
    sns: float = 0.50

    def of(self, operation: str) -> float:
        """Return what a million calls cost; SNS's own delivery to a queue is free."""
        if operation.startswith(("Publish", "ListTagsForResource")):
            return self.sns
        return self.sqs + self.fair


PRICES = Prices()


def told(reports: Mapping[str, Report]) -> str:
    """Return the measured and computed part of the page."""
    parts = (cores(reports), nation(reports), first(reports["sync"]), money(reports["capacity"]))
    return "\n".join(line for part in parts for line in part)


def cores(reports: Mapping[str, Report]) -> Iterator[str]:
    """Say what one core carries of everything there is to do."""
    sync = reports["sync"]
    yield "## What one core carries\n"
    yield "From the processor time of every process that takes part, PostgreSQL and broker too where there are any.\n"
    yield "| what | one core carries | measured |\n|---|---|---|"
    reads = median(reports["api"], "ours", "by id/CPU s")
    yield row("reads of a location by id (locations API alone)", f"{reads:,.0f}/s", origin(reports["api"]))
    page = median(reports["pages"], "pages", "overview: CPU ms of the pages")
    yield row("a prison's overview (pages alone)", f"{1000 / page:,.0f}/s", origin(reports["pages"]))
    message = median(reports["consumer"], "ours", "CPU µs/message")
    carried = f"{MILLION / message:,.0f}/s"
    yield row("messages whose handler does nothing (consumer alone)", carried, origin(reports["consumer"]))
    for way in DIRECTIONS:
        yield row(f"changes {way}", f"{1000 / sum(spent(sync, way).values()):,.0f}/s", origin(sync))
    for name in ("migration", "reconciliation"):
        carried = f"{MILLION / a_location(reports[name]):,.0f}/s"
        yield row(f"locations of a {name}", carried, origin(reports[name]))
    yield ""


def nation(reports: Mapping[str, Report]) -> Iterator[str]:
    """Compute what the national load needs."""
    migration, reconciliation, sync = reports["migration"], reports["reconciliation"], reports["sync"]
    locations = median(migration, "services", "locations")
    dearer = max(sum(spent(sync, way).values()) for way in DIRECTIONS)
    slower = min(median(sync, fast(sync), f"{way} sustained/s") for way in DIRECTIONS)
    yield "## What the nation needs\n"
    yield (
        f"Inputs: {locations:,.0f} locations (the generator's national estate), {CHANGES_A_DAY:,} changes on a busy "
        f"day within {WORKING_HOURS} hours, {BURST:,} at once when a wing is certified again (both estimated).\n"
    )
    yield "| what | arithmetic | needs |\n|---|---|---|"
    for name, report in (("migrate everything", migration), ("compare everything", reconciliation)):
        cost, rate = a_location(report), median(report, "services", "locations/s")
        needed, took = locations * cost / MILLION, locations / rate
        needs = f"{needed:.0f} s of a core; {took:.0f} s on the {number_of_cores(report)} cores measured"
        yield row(name, f"{locations:,.0f} × {cost:.0f} µs", needs)
    needed = CHANGES_A_DAY * dearer / 1000
    share = needed / (WORKING_HOURS * 3600)
    what = "a day's changes, all in the dearer direction"
    yield row(what, f"{CHANGES_A_DAY:,} × {dearer:.1f} ms", f"{needed:.0f} s of a core, {share:.2%} of one")
    needs = f"{BURST / slower:.0f} s until all have arrived, on {number_of_cores(sync)} cores"
    yield row("a burst, all in the slower direction", f"{BURST:,} ÷ {slower:.0f}/s", needs)
    yield ""


def first(sync: Report) -> Iterator[str]:
    """Say who is full first, and how many of each a higher rate takes."""
    rate = wanted(sync)
    yield "## What breaks first\n"
    yield (
        "A service's process uses one core. This is the rate of changes at which that core is full when there is one "
        f"of each, and how many of each {rate:.0f} changes a second would take with cores {FULL:.0%} full.\n"
    )
    for way in DIRECTIONS:
        yield f"| {way} | CPU a change | full at | for {rate:.0f}/s | |\n|---|---|---|---|---|"
        for who, cost in sorted(spent(sync, way).items(), key=lambda each: -each[1]):
            if cost * rate >= 1:
                many = math.ceil(rate * cost / 1000 / FULL)
                yield row(who, f"{cost:.2f} ms", f"{1000 / cost:,.0f}/s", f"{many}", NOTES.get(who, ""))
        sustained = median(sync, fast(sync), f"{way} sustained/s")
        yield f"\nSustained with everything on {number_of_cores(sync)} cores: {sustained:.0f}/s ({origin(sync)}).\n"


def money(calls: Report) -> Iterator[str]:
    """Turn counted calls into dollars."""
    [found] = calls["figures"].values()
    yield "## What AWS asks for a million changes\n"
    yield f"Calls as counted by {origin(calls)}: {calls['setting']}.\n"
    yield (
        f"Prices ({PRICES.listed}): ${PRICES.sqs:.2f} for a million calls to SQS, ${PRICES.fair:.2f} more where "
        f"messages have a group, as ours have; ${PRICES.sns:.2f} for a million to SNS, whose delivery to SQS is free. "
        "A call is paid for once for each 64 KB; ours stay below.\n"
    )
    yield "| | call | a change | a million changes |\n|---|---|---|---|"
    for way in DIRECTIONS:
        for how in ("one at a time", "at once"):
            kind, total = f"{way}, {how}", 0.0
            for operation, count in of_kind(found, f"{kind}: ", "/change"):
                price = PRICES.of(operation)
                total += count * price
                yield row(kind, operation, f"{count:.2f}", f"{count:.2f} × ${price:.2f} = ${count * price:.2f}")
            yield row(f"**{kind}**", "", "", f"**${total:.2f}**")
    yield "\nAt rest: long polls, depths, and looks whether topics and queues are still those that were made.\n"
    yield f"| call | an hour | a month of {MONTH_HOURS} hours |\n|---|---|---|"
    total = 0.0
    for operation, count in of_kind(found, "at rest: ", "/hour"):
        price = PRICES.of(operation)
        dollars = count * MONTH_HOURS / MILLION * price
        total += dollars
        sum_of = f"{count:,.0f} × {MONTH_HOURS} × ${price:.2f} ÷ 1,000,000 = ${dollars:.2f}"
        yield row(operation, f"{count:,.0f}", sum_of)
    yield row("**all**", "", f"**${total:.2f}**")
    yield ""


def row(*cells: str) -> str:
    """Write a row of a table."""
    return f"| {' | '.join(cells)} |"


def of_kind(figures: Mapping[str, Any], begin: str, end: str) -> Iterator[tuple[str, float]]:
    """Yield our own calls of one kind; those of NOMIS's relay are NOMIS's."""
    for name, spread in figures.items():
        operation = name.removeprefix(begin).removesuffix(end)
        if name == f"{begin}{operation}{end}" and "relay" not in operation:
            yield operation, spread["median"]


def spent(sync: Report, way: str) -> dict[str, float]:
    """Return the milliseconds that each process spends on a change in one direction."""
    found = ((CPU.fullmatch(name), spread) for name, spread in sync["figures"][fast(sync)].items())
    return {each["who"]: spread["median"] for each, spread in found if each is not None and each["way"] == way}


def fast(sync: Report) -> str:
    """Return the contestant on the broker that answers as AWS does: the first one."""
    return str(next(iter(sync["figures"])))


def wanted(sync: Report) -> float:
    """Return the rate that the benchmark aims for."""
    goals = (WANTED.fullmatch(goal["wanted"]) for goal in sync["goals"] if goal["figure"].endswith("sustained/s"))
    return max(float(goal["rate"]) for goal in goals if goal is not None)


def a_location(report: Report) -> float:
    """Return the microseconds that all processes together spend on a location."""
    figures = report["figures"]["services"]
    costs = {name: float(each["median"]) for name, each in figures.items() if name.endswith(" CPU µs/location")}
    return sum(cost for name, cost in costs.items() if not name.startswith("all "))


def median(report: Report, who: str, figure: str) -> float:
    """Look a figure up."""
    return float(report["figures"][who][figure]["median"])


def number_of_cores(report: Report) -> int:
    """Return how many cores everything shared."""
    return int(report["machine"]["cores"])


def origin(report: Report) -> str:
    """Say by which command, when and where something was measured."""
    machine = report["machine"]
    return f"`{report['command']}`, {machine['when'][:10]}, {machine['cores']} cores ({machine['processor']})"
