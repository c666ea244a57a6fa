"""Shows what was measured: a table for people, JSON for everything else; the JSON alone makes `docs/performance.md`."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table

from tests.benchmarks.measuring import Measured, Spread

NARROW = 100


def as_json(measured: Measured, machine: Mapping[str, Any], command: str) -> dict[str, Any]:
    """Write down everything, each round included."""
    return {
        "title": measured.benchmark.title,
        "setting": measured.benchmark.setting,
        "command": command,
        "machine": dict(machine),
        "ratios": {name: _spread(spread) for name, spread in measured.ratios().items()},
        "figures": {
            name: {figure: _spread(spread) for figure, spread in figures.items()}
            for name, figures in measured.figures().items()
        },
        "goals": [
            {
                "of": goal.contestant or "ratio",
                "figure": goal.figure,
                "wanted": f"{goal.compare} {goal.limit:g}",
                "onAQuietMachine": goal.absolute,
                "reached": rounded(value),
                "met": met,
            }
            for goal, value, met in measured.verdicts()
        ],
        "rounds": [
            {name: {figure: rounded(value) for figure, value in figures.items()} for name, figures in each.items()}
            for each in measured.rounds
        ],
    }


def show(report: Mapping[str, Any], console: Console) -> None:
    """Print the report for a person."""
    console.rule(report["title"])
    for row in (report["setting"], f"load average before {report['machine']['loadBefore']}, after {load(report)}"):
        console.print(row, highlight=False, soft_wrap=True)
    console.print(_table("figure", report["figures"]))
    if report["ratios"]:
        console.print(_table("ratio, within a round", {"": report["ratios"]}))
    for goal in report["goals"]:
        mark = "[green]met   [/]" if goal["met"] else "[red]missed[/]"
        quiet = " (absolute: on a quiet machine)" if goal["onAQuietMachine"] else ""
        told = f"{goal['of']}: {goal['figure']} {goal['wanted']}, reached {goal['reached']:g}{quiet}"
        console.print(f"{mark} {told}", highlight=False, soft_wrap=True)


def load(report: Mapping[str, Any]) -> Sequence[float]:
    """Return the load average at the end; it contains our own."""
    after: Sequence[float] = report["machine"]["loadAfter"]
    return after


def rounded(value: float) -> float:
    """Keep three digits that mean something."""
    return round(value) if abs(value) >= NARROW else float(f"{value:.3g}")


def _spread(spread: Spread) -> dict[str, float]:
    return {
        "median": rounded(spread.median),
        "lowest": rounded(spread.lowest),
        "highest": rounded(spread.highest),
    }


def _table(title: str, groups: Mapping[str, Mapping[str, Mapping[str, float]]]) -> Table:
    table = Table(title=title, title_justify="left")
    for heading, justify in (("who", "left"), ("what", "left"), ("median", "right"), ("range", "right")):
        table.add_column(heading, justify="right" if justify == "right" else "left")
    for who, figures in groups.items():
        for what, spread in figures.items():
            table.add_row(who, what, f"{spread['median']:g}", f"{spread['lowest']:g} – {spread['highest']:g}")
    return table
