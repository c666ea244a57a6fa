"""What a benchmark is made of: contestants that run side by side, the ratios between them, and what is wanted of both.

A suite is a module in `suites/` with a `BENCHMARK`. Every round runs each contestant once, in an order that turns round
from round to round, so that what drifts on the machine drifts for all of them. A contestant that cannot be run, or
whose outcome is not what it must be, raises: the benchmark then fails; nobody is left out quietly.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from statistics import median
from typing import Literal

Figures = Mapping[str, float]
"""Measured values by name; the name ends in the unit ("locations/s", "p50 ms", "locations MB")."""


class DoesNotCount(Exception):
    """What was measured did not do its work right, so its time says nothing; tells what was wrong."""


@dataclass(frozen=True)
class Options:
    """What a person chooses on the command line."""

    seed: int = 7
    rounds: int = 3
    # Small sizes, to see that it runs: its figures mean nothing and are never recorded.
    quick: bool = False
    # At least so many locations, in suites whose size is chosen; None is the whole estate of the generator.
    rows: int | None = None
    # Services to run under Python's profiler.
    profiled: tuple[str, ...] = ()
    # Contestants to run, for a look at one of them; none means all, and only then is it a benchmark.
    among: tuple[str, ...] = ()


@dataclass(frozen=True)
class Round:
    """One round: its number from 0, a directory that is empty and removed afterwards, and the options."""

    number: int
    directory: Path
    options: Options

    @property
    def seed(self) -> int:
        """The seed of this round; rounds differ, runs do not."""
        return self.options.seed * 1000 + self.number


Contestant = Callable[[Round], Awaitable[Figures]]


@dataclass(frozen=True)
class Ratio:
    """One figure of one contestant over one of another, in the same round."""

    name: str
    of: tuple[str, str]
    over: tuple[str, str]

    def value(self, figures: Mapping[str, Figures]) -> float:
        """Divide the figures of one round."""
        return figures[self.of[0]][self.of[1]] / figures[self.over[0]][self.over[1]]


@dataclass(frozen=True)
class Goal:
    """What the median of a figure, or of a ratio, is to be. `contestant` is empty for a ratio."""

    contestant: str
    figure: str
    compare: Literal["at least", "at most"]
    limit: float
    # True for what only holds on a quiet machine like the one of docs/performance.md.
    absolute: bool = False

    def met_by(self, value: float) -> bool:
        """Whether the value is good enough."""
        return value >= self.limit if self.compare == "at least" else value <= self.limit


@dataclass(frozen=True)
class Benchmark:
    """A question and who answers it. `prepare` runs once, before the rounds, in a directory that outlives them."""

    title: str
    contestants: Mapping[str, Contestant]
    ratios: Sequence[Ratio] = ()
    goals: Sequence[Goal] = ()
    # How it is done, for the reader of the report: broker, sizes, what is compared.
    setting: str = ""
    prepare: Callable[[Path, Options], Awaitable[None]] | None = None

    def among(self, names: Sequence[str]) -> "Benchmark":
        """Return it with these contestants alone, and what can still be said of them."""
        left = {name: run for name, run in self.contestants.items() if name in names}
        ratios = tuple(ratio for ratio in self.ratios if ratio.of[0] in left and ratio.over[0] in left)
        told = {*left, *(ratio.name for ratio in ratios)}
        goals = tuple(goal for goal in self.goals if (goal.contestant or goal.figure) in told)
        return replace(self, contestants=left, ratios=ratios, goals=goals)


@dataclass(frozen=True)
class Spread:
    """The median and the range of some rounds."""

    median: float
    lowest: float
    highest: float

    @classmethod
    def of(cls, values: Sequence[float]) -> "Spread":
        """Look at the rounds' values."""
        return cls(median(values), min(values), max(values))


@dataclass
class Measured:
    """What came out: figures by contestant and round, in the order of rounds."""

    benchmark: Benchmark
    rounds: list[dict[str, Figures]] = field(default_factory=list)

    def figures(self) -> dict[str, dict[str, Spread]]:
        """Sum up each contestant's figures."""
        return {
            name: {
                figure: Spread.of([each[name][figure] for each in self.rounds if figure in each[name]])
                for figure in self.rounds[0][name]
            }
            for name in self.benchmark.contestants
        }

    def ratios(self) -> dict[str, Spread]:
        """Sum up the ratios, each taken within a round."""
        return {ratio.name: Spread.of([ratio.value(each) for each in self.rounds]) for ratio in self.benchmark.ratios}

    def verdicts(self) -> list[tuple[Goal, float, bool]]:
        """Say of each goal what was reached and whether that is enough."""
        figures, ratios = self.figures(), self.ratios()
        reached = [
            figures[goal.contestant][goal.figure].median if goal.contestant else ratios[goal.figure].median
            for goal in self.benchmark.goals
        ]
        return [(goal, value, goal.met_by(value)) for goal, value in zip(self.benchmark.goals, reached, strict=True)]


def in_turn(names: Sequence[str], number: int) -> list[str]:
    """Order the contestants of a round: every other round backwards, so that none is always the first."""
    return [*names] if number % 2 == 0 else [*reversed(names)]


def percentile(values: Sequence[float], share: float) -> float:
    """Return the smallest value that at least `share` (0 to 1) of all values do not exceed."""
    ordered = sorted(values)
    return ordered[max(0, -(-int(share * 1000) * len(ordered) // 1000) - 1)]
