"""The judge of lost edits: what it must see, and what it must not hold against anybody."""

from dataclasses import replace

import pytest

from tests.chaos.equality import Both
from tests.chaos.journal import Conflict, Entry, lost

CELL = "cell-id"
NOMIS_EDIT = Entry("NOMIS", 12, "comments", "by a screen", at=5)
DPS_EDIT = Entry("DPS", CELL, "comments", "by staff", at=7)


def ended(value: str, **others: str) -> Both:
    row = {"kind": "cell", "comments": value, "active": "true", "reason": "", **others}
    return Both(nomis={12: row}, dps={CELL: row}, dps_of={12: CELL}, tombstones=frozenset())


@pytest.mark.parametrize("edit", [NOMIS_EDIT, DPS_EDIT])
def test_an_edit_that_is_nowhere_is_lost(edit: Entry) -> None:
    assert [one.entry for one in lost([edit], ended("something else"), [])] == [edit]
    assert lost([edit], ended(edit.value), []) == []


def test_an_edit_of_the_same_side_follows_another_but_not_the_other_way_round() -> None:
    later = replace(NOMIS_EDIT, value="again", at=6)
    assert lost([NOMIS_EDIT, later], ended("again"), []) == []
    assert [one.entry for one in lost([NOMIS_EDIT, later], ended("by a screen"), [])] == [later]


def test_a_later_edit_of_the_other_side_explains_the_value_and_an_earlier_one_does_not() -> None:
    assert lost([NOMIS_EDIT, DPS_EDIT], ended("by staff"), []) == []
    assert [one.entry for one in lost([NOMIS_EDIT, DPS_EDIT], ended("by a screen"), [])] == [DPS_EDIT]


def test_an_edit_on_record_as_a_conflict_is_not_lost() -> None:
    both = ended("by a screen")
    assert lost([NOMIS_EDIT, DPS_EDIT], both, [Conflict(CELL, "comments", "by staff", "by a screen")]) == []
    assert lost([NOMIS_EDIT, DPS_EDIT], both, [Conflict(CELL, "localName", "by staff", "by a screen")]) != []


def test_an_edit_whose_answer_never_came_may_have_happened_or_not() -> None:
    unsure = replace(DPS_EDIT, sure=False)
    assert lost([unsure], ended("something else"), []) == []
    assert lost([NOMIS_EDIT, unsure], ended("by staff"), []) == []


def test_details_of_a_deactivation_go_with_it() -> None:
    edit = Entry("DPS", CELL, "reason", "DAMAGED", at=1)
    assert lost([edit], ended("x"), []) == []
    assert [one.entry for one in lost([edit], ended("x", active="false", reason="OTHER"), [])] == [edit]


def test_a_later_opening_by_the_other_side_explains_a_detail_that_is_gone_and_an_earlier_one_does_not() -> None:
    edit = Entry("NOMIS", 12, "proposed", "2026-12-05", at=5)
    opened = Entry("DPS", CELL, "active", "true", at=7)
    closed = ended("x", active="false", proposed="", reason="OTHER")
    assert lost([edit, opened, replace(opened, value="false", at=8)], closed, []) == []
    assert [
        one.entry for one in lost([edit, replace(opened, at=4), replace(opened, value="false", at=8)], closed, [])
    ] == [edit]
    assert [one.entry for one in lost([edit, replace(opened, value="false", at=8)], closed, [])] == [edit]


def test_what_is_not_shared_or_no_longer_there_is_not_judged() -> None:
    assert lost([replace(NOMIS_EDIT, field="usages")], ended("x"), []) == []
    assert lost([replace(NOMIS_EDIT, location=99)], ended("x"), []) == []
