"""Charts as numbers: where lines and bars are drawn, for templates that draw them as SVG beside a table of the same."""

from collections.abc import Sequence
from dataclasses import dataclass

WIDTH, HEIGHT = 600, 120
# Shades are told apart without colour by their place, and named beside.
SHADES = ("done", "skipped", "failed", "pending")


@dataclass(frozen=True)
class Point:
    """One value, and what it is a value of."""

    label: str
    value: float


@dataclass(frozen=True)
class LineChart:
    """Values over time: `line` and `area` are lists of points as SVG writes them; the highest is at the top."""

    title: str
    told: str
    points: tuple[Point, ...]
    line: str
    area: str
    highest: float


@dataclass(frozen=True)
class Part:
    """One piece of a bar: how many, and where it is drawn, in hundredths of the whole."""

    label: str
    count: int
    shade: str
    start: float
    width: float


@dataclass(frozen=True)
class StackedBar:
    """Parts of a whole, one after another; `told` says in words what is drawn."""

    title: str
    told: str
    parts: tuple[Part, ...]
    total: int


def line_chart(title: str, points: Sequence[Point], unit: str) -> LineChart:
    """Draw values over time; of fewer than two there is no line."""
    highest = max((point.value for point in points), default=0)
    scale = HEIGHT / highest if highest else 0
    step = WIDTH / max(1, len(points) - 1)
    spots = [f"{place * step:.1f},{HEIGHT - point.value * scale:.1f}" for place, point in enumerate(points)]
    line = " ".join(spots) if len(spots) > 1 else ""
    area = f"0,{HEIGHT} {line} {WIDTH},{HEIGHT}" if line else ""
    return LineChart(title, _said(points, highest, unit), tuple(points), line, area, highest)


def stacked_bar(title: str, counts: Sequence[tuple[str, int]], expected: int = 0) -> StackedBar:
    """Draw counts as parts of their sum, or of `expected` when that is more: then a piece of the bar stays empty."""
    total = sum(count for _, count in counts)
    whole = max(total, expected)
    parts: list[Part] = []
    start = 0.0
    for (label, count), shade in zip(counts, SHADES, strict=False):
        width = 100 * count / whole if whole else 0.0
        parts.append(Part(label, count, shade, round(start, 3), round(width, 3)))
        start += width
    told = ", ".join(f"{part.count:,} {part.label}" for part in parts)
    return StackedBar(title, f"Of {total:,}: {told}.", tuple(parts), total)


def _said(points: Sequence[Point], highest: float, unit: str) -> str:
    if not points:
        return "Nothing is known yet."
    if not highest:
        return f"None from {points[0].label} to {points[-1].label}."
    peak = max(points, key=lambda point: point.value)
    told = f"at most {peak.value:g} {unit} at {peak.label}, last {points[-1].value:g}"
    return f"{points[0].label} to {points[-1].label}: {told}."
