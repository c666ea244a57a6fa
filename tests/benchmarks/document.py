"""Writes the figures of `docs/performance.md` and `docs/capacity.md` from the recorded reports; nobody types them."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import orjson

from infra.local.settings import ROOT
from tests.benchmarks import capacity

RECORDED = ROOT / "docs" / "benchmarks"
PAGE = ROOT / "docs" / "performance.md"
CAPACITY = ROOT / "docs" / "capacity.md"
BEGIN, END = "<!-- measured: begin -->\n", "<!-- measured: end -->\n"


def rewritten(page: str, reports: Mapping[str, Mapping[str, Any]]) -> str:
    """Return the page of figures with its measured part made anew from the reports."""
    return filled(page, "\n".join(line for name in sorted(reports) for line in section(reports[name])))


def filled(page: str, told: str) -> str:
    """Return a page with another measured part."""
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}{told}\n{END}{after}"


def section(report: Mapping[str, Any]) -> Iterator[str]:
    """Write one benchmark: how it was run, what was wanted, what came out."""
    machine = report["machine"]
    rounds = len(report["rounds"])
    yield f"## {report['title']}\n"
    yield f"`{report['command']}`, {machine['when'][:10]}, rounds: {rounds}; {report['setting']}.\n"
    before, after = (", ".join(f"{value:.1f}" for value in machine[name]) for name in ("loadBefore", "loadAfter"))
    yield (
        f"Machine: {machine['cores']} cores ({machine['processor']}), {machine['memoryGB']:g} GB, Python "
        f"{machine['python']}; load average over 1, 5 and 15 minutes {before} before and {after} after.\n"
    )
    yield "| wanted | reached | |\n|---|---|---|"
    for goal in report["goals"]:
        who = "" if goal["of"] == "ratio" else f"{goal['of']}: "
        quiet = " (on a quiet machine)" if goal["onAQuietMachine"] else ""
        met = "met" if goal["met"] else "missed"
        yield f"| {who}{goal['figure']} {goal['wanted']}{quiet} | {goal['reached']:g} | {met} |"
    if report["ratios"]:
        yield "\n| ratio, within a round | median | range |\n|---|---|---|"
        for what, spread in report["ratios"].items():
            yield f"| {what} | {spread['median']:g} | {spread['lowest']:g} – {spread['highest']:g} |"
    yield "\n| who | what | median | range |\n|---|---|---|---|"
    for who, figures in report["figures"].items():
        for what, spread in figures.items():
            yield f"| {who} | {what} | {spread['median']:g} | {spread['lowest']:g} – {spread['highest']:g} |"
    yield ""


def recorded(folder: Path = RECORDED) -> dict[str, Any]:
    """Read every recorded report."""
    return {path.stem: orjson.loads(path.read_bytes()) for path in sorted(folder.glob("*.json"))}


def rewrite() -> None:
    """Make the measured part of both pages anew."""
    reports = recorded()
    PAGE.write_text(rewritten(PAGE.read_text(), reports))
    CAPACITY.write_text(filled(CAPACITY.read_text(), capacity.told(reports)))


if __name__ == "__main__":
    rewrite()
