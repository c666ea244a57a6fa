"""What operators' pages show, made of what the doors answer: counts that add up, words, charts, both sides."""

from typing import Any

import pytest
from multidict import MultiDict

from services.staff_ui.forms.operators import COMPARE, REDRIVE, START, RateWish, RunWish, StartWish
from services.staff_ui.forms.reading import read
from services.staff_ui.views.charts import Point, line_chart, stacked_bar
from services.staff_ui.views.comparing import lines
from services.staff_ui.views.migrations import lasting, pace, status_tag, watched
from services.staff_ui.views.sync import died, switch_rows
from services.staff_ui.views.sync import watched as watched_queue
from tests.services.staff_ui.serving import progress


def test_a_line_goes_from_corner_to_corner_and_is_said_in_words() -> None:
    chart = line_chart("Rate", [Point("10:00", 0), Point("10:01", 5), Point("10:02", 10)], "messages a minute")
    assert chart.line == "0.0,120.0 300.0,60.0 600.0,0.0"
    assert chart.area == f"0,120 {chart.line} 600,120"
    assert chart.told == "10:00 to 10:02: at most 10 messages a minute at 10:02, last 10."


@pytest.mark.parametrize(
    ("values", "line", "told"),
    [
        ([], "", "Nothing is known yet."),
        ([3], "", "at most 3"),
        ([0, 0], "0.0,120.0 600.0,120.0", "None from"),
    ],
)
def test_what_cannot_be_drawn_is_still_said(values: list[int], line: str, told: str) -> None:
    chart = line_chart("Rate", [Point(f"10:0{place}", value) for place, value in enumerate(values)], "messages")
    assert (chart.line, told in chart.told) == (line, True)


def test_parts_of_a_bar_stand_one_after_another_and_fill_it() -> None:
    bar = stacked_bar("Progress", [("migrated", 1), ("skipped", 1), ("failed", 0), ("to do", 2)])
    assert [(part.start, part.width) for part in bar.parts] == [(0, 25), (25, 25), (50, 0), (50, 50)]
    assert bar.told == "Of 4: 1 migrated, 1 skipped, 0 failed, 2 to do."


def test_a_bar_of_which_more_is_expected_is_not_full() -> None:
    bar = stacked_bar("Progress", [("migrated", 25)], expected=100)
    assert (bar.parts[0].width, bar.total) == (25, 25)
    assert stacked_bar("Progress", [("migrated", 0)]).parts[0].width == 0


def test_a_run_under_way_has_counts_that_add_up_and_can_be_steered() -> None:
    seen = watched(progress())
    assert (sum(part.count for part in seen.bar.parts), seen.bar.total) == (seen.listed, 100)
    assert (seen.can_pause, seen.can_resume, seen.can_cancel, seen.active) == (True, False, True, True)
    assert seen.pace == "4 locations a second, about 2 minutes left"


def test_while_nomis_is_listed_the_bar_is_of_what_is_expected() -> None:
    seen = watched(progress(listingComplete=False))
    assert (seen.still_listing, sum(part.width for part in seen.bar.parts)) == (True, 25)


def test_a_paused_run_can_go_on_and_one_that_is_over_cannot() -> None:
    paused = watched(progress(paused=True))
    assert (paused.tag.text, paused.can_pause, paused.can_resume) == ("Paused", False, True)
    over = watched(progress(status="COMPLETED"))
    assert (over.active, over.can_pause, over.can_resume, over.can_cancel) == (False, False, False, False)
    assert status_tag("CANCELLED", paused=True).text == "Cancelled"


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"perSecond": None}, ""),
        ({"perSecond": 0.5, "secondsLeft": None}, "30 locations a minute"),
        ({"status": "COMPLETED", "secondsLeft": 10}, "4 locations a second"),
    ],
)
def test_a_pace_is_told_as_far_as_it_is_known(changed: dict[str, Any], told: str) -> None:
    assert pace(progress(**changed)) == told


@pytest.mark.parametrize(
    ("seconds", "told"),
    [(1, "1 second"), (59.4, "59 seconds"), (90, "2 minutes"), (3600, "1 hour"), (7500, "2 hours 5 minutes")],
)
def test_a_time_span_is_written_as_people_say_it(seconds: float, told: str) -> None:
    assert lasting(seconds) == told


def queue(**changed: Any) -> dict[str, Any]:
    minutes = [{"at": f"2026-07-24T10:0{minute}:00+00:00", "finished": minute, "ends": {}} for minute in range(3)]
    told = {
        "queue": "to-nomis-locations",
        "waiting": 3,
        "inFlight": 1,
        "delayed": 0,
        "dead": 2,
        "parked": 0,
        "oldestSeconds": 120.0,
        "redrive": {"status": "NONE"},
        "traffic": {"perSecond": 1.25, "lagSeconds": {"median": 0.4, "worst": 9.0}, "minutes": minutes},
    }
    return told | changed


def test_a_queue_tells_depth_age_rate_and_lag_and_its_chart_leaves_the_present_minute_out() -> None:
    seen = watched_queue(queue())
    assert (seen.name, seen.waiting, seen.oldest, seen.dead) == ("DPS to NOMIS", 3, "2 minutes", 2)
    assert (seen.rate, seen.lag, seen.worst_lag) == ("1.2 a second", "0.4 s", "9.0 s")
    assert seen.chart is not None
    assert [(point.label, point.value) for point in seen.chart.points] == [("11:00", 0), ("11:01", 1)]


def test_an_age_that_is_not_known_is_not_made_up() -> None:
    assert watched_queue(queue(oldestSeconds=None)).oldest == "not known"
    assert watched_queue(queue(waiting=0)).oldest == "nothing waits"


def test_a_time_of_death_that_is_none_is_shown_as_it_was_written() -> None:
    assert died({"failureAt": "whenever", "firstSeen": "2026-11-24T10:00:00+00:00"}) == "whenever"
    assert died({"failureAt": None, "firstSeen": "2026-07-24T10:00:00+00:00"}) == "24 July 2026 at 11:00am"


def test_switches_are_listed_everywhere_first() -> None:
    told = {"eventTypes": {"made": "on"}, "prisons": [{"eventType": "made", "prisonId": "LEI", "mode": "hold"}]}
    assert switch_rows(told) == [
        {"type": "made", "prison": "", "mode": "on"},
        {"type": "made", "prison": "LEI", "mode": "hold"},
    ]


def test_both_sides_stand_beside_each_other_and_what_differs_is_marked() -> None:
    equal, different = lines(
        [
            {"field": "code", "dps": "A", "nomis": "A", "share": "synced", "differs": False},
            {"field": "maxCapacity", "dps": 2, "nomis": None},
        ]
    )
    assert (equal.field, equal.differs, equal.share) == ("Code", False, "synced")
    assert (different.field, different.dps, different.nomis, different.differs) == ("Max capacity", "2", "None", True)


def posted(**answers: str) -> MultiDict[str]:
    return MultiDict(answers)


def test_prisons_are_read_in_their_order_once_each_however_they_are_typed() -> None:
    answers = read(StartWish, START, posted(kind="migration", prisons=" mdi, lei;MDI "))
    assert answers.model == StartWish(kind="migration", prisons=("MDI", "LEI"))
    everything = read(StartWish, START, posted(kind="rehearsals", prisons=""))
    assert everything.model == StartWish(kind="rehearsals")


@pytest.mark.parametrize(
    ("model", "fields", "answers", "told"),
    [
        (StartWish, START, {"prisons": "LEI"}, "Select a rehearsal or a migration"),
        (StartWish, START, {"kind": "migration", "prisons": "Leeds"}, "Enter prison codes with commas between"),
        (RunWish, COMPARE, {"settle": "report", "prison": "X' OR 1=1"}, "Enter a prison code, like LEI"),
        (RateWish, REDRIVE, {"rate": "0"}, "Rate a second must be 1 or more"),
        (RateWish, REDRIVE, {"rate": "fast"}, "Rate a second must be a whole number"),
    ],
)
def test_what_was_typed_wrong_is_said_in_a_sentence(
    model: Any, fields: Any, answers: dict[str, str], told: str
) -> None:
    found = read(model, fields, posted(**answers))
    assert found.model is None
    assert any(fault.text.startswith(told) for fault in found.faults), found.faults
