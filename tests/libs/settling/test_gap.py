"""What the amendments tell of screen edits that a read cannot show, and of who wrote last."""

from datetime import datetime, timedelta
from itertools import pairwise

import pytest
from pydantic import JsonValue

from libs.domain.nomis import Amendment
from libs.settling.amendments import last_written
from libs.settling.gap import lost_in_the_gap
from tests.libs.domain.rows import nomis_cell

OURS, SCREEN = "PRISONER_MANAGER_API", "OFFICER"
AT = datetime(2026, 11, 24, 9, 0)  # noqa: DTZ001 - NOMIS keeps London time without zone


def amendment(old: str | None, new: str | None, by: str, at: int = 0, label: str = "Comments") -> Amendment:
    return Amendment(
        amend_date_time=AT + timedelta(seconds=at), column_name=label, old_value=old, new_value=new, amended_by=by
    )


@pytest.mark.parametrize(
    ("label", "old", "new", "field", "told"),
    [
        ("Active", "Y", "N", "active", False),
        ("Certified", "Y", "N", "certified", False),
        ("Living Unit Id", "017", "018", "code", "018"),
        ("Comments", "ours", None, "comments", ""),
        ("Unit Type", "NA", "HC", "residentialHousingType", "HEALTHCARE"),
        ("Accommodation Type", "CELL", "ROOM", "locationType", "ROOM"),
        ("Sequence", "1", "2", "orderWithinParentLocation", 2),
        ("Maximum Capacity", "1", None, "maxCapacity", 0),
        ("Deactivate Reason", "A", "J", "deactivatedReason", "DAMAGED"),
        ("Deactivate Date", None, "24-NOV-26", "deactivatedDate", "2026-11-24"),
        ("Deactivate Date", None, "some day", "deactivatedDate", "some day"),
    ],
)
def test_a_screen_edit_that_we_overwrote_is_on_record_in_the_words_of_dps(
    label: str, old: str | None, new: str | None, field: str, told: JsonValue
) -> None:
    fresh = [amendment(old, new, SCREEN, label=label), amendment(new, old, OURS, label=label)]
    [conflict] = lost_in_the_gap(fresh, nomis_cell(), OURS)
    assert (conflict.field, conflict.nomis) == (field, told)


def walk(*values: str) -> list[Amendment]:
    """Return amendments from value to value, all in one second, in no order."""
    return [amendment(old, new, f"{n}") for n, (old, new) in enumerate(pairwise(values))][::-1]


@pytest.mark.parametrize(
    ("values", "last"),
    [
        ("ab", {"0"}),
        ("aba", {"1"}),
        ("abcb", {"2"}),
        ("abab", {"0", "2"}),
        ("abcabd", {"4"}),
        ("abcbdb", {"2", "4"}),
    ],
)
def test_who_wrote_last_is_told_by_the_values(values: str, last: set[str]) -> None:
    assert {each.amended_by for each in last_written(walk(*values), values[-1])} == last


def test_a_time_further_back_than_the_clock_is_ever_set_is_earlier() -> None:
    column = [amendment("a", "b", "0", 0), amendment("b", "a", "1", 200), amendment("a", "b", "2", 201)]
    assert [each.amended_by for each in last_written(column, "b")] == ["2"]


def test_a_history_with_a_gap_leaves_only_times() -> None:
    column = [amendment("a", "b", "0", 0), amendment("c", "d", "1", 1), amendment("x", "b", "2", 2)]
    assert {each.amended_by for each in last_written(column, "b")} == {"0", "2"}
