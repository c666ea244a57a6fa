"""How figures are summed up and judged; what is measured is tried by `make bench` itself."""

from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

import orjson
import pytest
from rich.console import Console

from tests.benchmarks import capacity, document, machine, report
from tests.benchmarks.__main__ import measured, names, suite
from tests.benchmarks.measuring import (
    Benchmark,
    DoesNotCount,
    Figures,
    Goal,
    Measured,
    Options,
    Ratio,
    Round,
    Spread,
    in_turn,
    percentile,
)

QUIET = Console(quiet=True)


def gives(*rates: float, seen: list[str] | None = None, name: str = "") -> Callable[[Round], Awaitable[Figures]]:
    async def run(this: Round) -> Mapping[str, float]:
        assert not [*this.directory.iterdir()], "every contestant finds an empty directory"
        (this.directory / "left behind").write_text("")
        if seen is not None:
            seen.append(name)
        return {"things/s": rates[this.number]}

    return run


async def test_contestants_take_turns_and_ratios_are_taken_within_a_round() -> None:
    seen: list[str] = []
    benchmark = Benchmark(
        title="t",
        contestants={"ours": gives(10, 2, 6, seen=seen, name="ours"), "theirs": gives(5, 4, 2, seen=seen, name="them")},
        ratios=(Ratio("ours ÷ theirs", ("ours", "things/s"), ("theirs", "things/s")),),
        goals=(Goal("", "ours ÷ theirs", "at least", 2), Goal("theirs", "things/s", "at most", 3.9, absolute=True)),
    )
    result = await measured(benchmark, Options(rounds=3), QUIET)
    assert seen == ["ours", "them", "them", "ours", "ours", "them"]
    assert result.ratios() == {"ours ÷ theirs": Spread(2, 0.5, 3)}
    assert result.figures()["ours"]["things/s"] == Spread(6, 2, 10)
    assert [(reached, met) for _, reached, met in result.verdicts()] == [(2, True), (4, False)]


async def test_a_run_that_does_not_count_fails_the_benchmark() -> None:
    async def wrong(_: Round) -> Figures:
        raise DoesNotCount("a row is missing")

    with pytest.raises(DoesNotCount, match="a row is missing"):
        await measured(Benchmark(title="t", contestants={"ours": wrong}), Options(), QUIET)


async def test_what_is_prepared_outlives_the_rounds() -> None:
    async def prepare(directory: Path, _: Options) -> None:
        (directory / "rows").write_text("7")

    async def reads(this: Round) -> Figures:
        return {"rows": float((this.directory.parent / "rows").read_text())}

    result = await measured(Benchmark(title="t", contestants={"ours": reads}, prepare=prepare), Options(), QUIET)
    assert [each["ours"] for each in result.rounds] == [{"rows": 7}] * 3


def test_a_report_is_json_and_tells_machine_and_command() -> None:
    result = Measured(Benchmark(title="t", contestants={"a": gives(1)}), [{"a": {"x": 1234.5678, "y": 0.0123456}}])
    state = machine.described() | {"loadAfter": machine.load_average()}
    told = orjson.loads(orjson.dumps(report.as_json(result, state, "make bench ONLY=t")))
    assert told["figures"]["a"]["x"]["median"] == 1235
    assert told["figures"]["a"]["y"]["median"] == 0.0123
    assert told["command"] == "make bench ONLY=t"
    assert told["machine"]["cores"] >= 1
    report.show(told, QUIET)


@pytest.mark.parametrize(
    ("share", "expected"), [(0.5, 50), (0.99, 99), (1.0, 100), (0.001, 1)], ids=["p50", "p99", "p100", "least"]
)
def test_a_percentile_is_a_value_that_was_seen(share: float, expected: int) -> None:
    assert percentile([float(n) for n in range(100, 0, -1)], share) == expected


def test_the_pages_tell_what_was_recorded() -> None:
    """`python -m tests.benchmarks.document` writes them; figures are never typed."""
    reports, figures, carried = document.recorded(), document.PAGE.read_text(), document.CAPACITY.read_text()
    assert document.rewritten(figures, reports) == figures
    assert document.filled(carried, capacity.told(reports)) == carried


def test_turns_alternate() -> None:
    assert [in_turn(["a", "b", "c"], n) for n in range(3)] == [["a", "b", "c"], ["c", "b", "a"], ["a", "b", "c"]]


@pytest.mark.parametrize("name", names())
def test_every_goal_and_ratio_names_a_contestant(name: str) -> None:
    benchmark = suite(name)
    sides = [side for ratio in benchmark.ratios for side in (ratio.of, ratio.over)]
    assert {contestant for contestant, _ in sides} <= set(benchmark.contestants)
    ratios = {ratio.name for ratio in benchmark.ratios}
    assert all(goal.contestant in benchmark.contestants or goal.figure in ratios for goal in benchmark.goals)


def test_a_look_at_some_contestants_says_what_can_be_said_of_them() -> None:
    benchmark = Benchmark(
        title="t",
        contestants={"ours": gives(1), "theirs": gives(2), "others": gives(3)},
        ratios=(
            Ratio("ours ÷ theirs", ("ours", "things/s"), ("theirs", "things/s")),
            Ratio("ours ÷ others", ("ours", "things/s"), ("others", "things/s")),
        ),
        goals=(
            Goal("", "ours ÷ theirs", "at least", 2),
            Goal("", "ours ÷ others", "at least", 2),
            Goal("others", "things/s", "at least", 1),
        ),
    )
    looked = benchmark.among(["ours", "theirs"])
    assert [*looked.contestants] == ["ours", "theirs"]
    assert [ratio.name for ratio in looked.ratios] == ["ours ÷ theirs"]
    assert [goal.figure for goal in looked.goals] == ["ours ÷ theirs"]
