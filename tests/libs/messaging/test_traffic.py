"""What people see of the last hour of a queue: counts by minute, the rate now, and how long changes take."""

from datetime import UTC, datetime, timedelta

import pytest

from libs.messaging.records import End, Handled
from libs.messaging.traffic import Traffic

START = datetime(2026, 11, 24, 10, 0, 30, tzinfo=UTC)


class Clock:
    def __init__(self) -> None:
        self.time = START

    def __call__(self) -> datetime:
        return self.time


def ended(end: End, journey: float | None = None) -> Handled:
    return Handled("work", "1", "made", 1, end, "", {}, 0.1, journey_seconds=journey)


def test_how_fast_a_backlog_is_emptied_is_told_by_how_long_messages_took_lately() -> None:
    clock = Clock()
    traffic = Traffic(clock)
    assert traffic.drain_per_second(8) is None
    for end in ("done", "done", "failed"):
        traffic.note(ended(end))
    # A tenth of a second each, eight at once.
    assert traffic.drain_per_second(8) == pytest.approx(80)
    clock.time += timedelta(minutes=6)
    assert traffic.drain_per_second(8) is None


def test_every_minute_of_the_hour_has_its_endings_and_older_ones_are_gone() -> None:
    clock = Clock()
    traffic = Traffic(clock)
    traffic.note(ended("done"))
    clock.time += timedelta(minutes=59)
    traffic.note(ended("dead"))
    minutes = traffic.told()["minutes"]
    assert len(minutes) == 60
    assert (minutes[0]["ends"], minutes[0]["finished"]) == ({"done": 1}, 1)
    assert (minutes[-1]["ends"], minutes[-1]["finished"]) == ({"dead": 1}, 0)
    clock.time += timedelta(minutes=1)
    assert [each["ends"] for each in traffic.told()["minutes"] if each["ends"]] == [{"dead": 1}]


def test_the_rate_counts_what_needs_nothing_more_of_the_last_minutes() -> None:
    clock = Clock()
    traffic = Traffic(clock)
    for _ in range(8):
        traffic.note(ended("done"))
    for end in ("retry", "failed", "dead"):
        traffic.note(ended(end))
    clock.time += timedelta(seconds=4)
    assert traffic.told()["perSecond"] == 2.0
    clock.time += timedelta(minutes=6)
    assert traffic.told()["perSecond"] == 0.0


def test_the_lag_is_of_what_arrived_lately() -> None:
    clock = Clock()
    traffic = Traffic(clock)
    assert traffic.told()["lagSeconds"] is None
    for seconds in (3.0, 0.5, 1.0):
        traffic.note(ended("done", seconds))
    assert traffic.told()["lagSeconds"] == {"median": 1.0, "worst": 3.0}
    clock.time += timedelta(minutes=6)
    assert traffic.told()["lagSeconds"] is None
