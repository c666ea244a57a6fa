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


def test_an_edit_made_between_asking_and_the_answer_may_be_the_later_one() -> None:
    slow = replace(DPS_EDIT, began=4)
    assert lost([NOMIS_EDIT, slow], ended("by a screen"), []) == []
    assert [one.entry for one in lost([NOMIS_EDIT, replace(slow, began=6)], ended("by a screen"), [])] != []


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


def test_edits_of_one_side_that_come_to_nothing_give_way_to_an_edit_of_the_other() -> None:
    there = replace(NOMIS_EDIT, at=8, old="agreed on")
    on = replace(NOMIS_EDIT, at=9, value="still a screen", old="by a screen")
    back = replace(NOMIS_EDIT, at=10, value="agreed on", old="still a screen")
    assert lost([DPS_EDIT, there, on, back], ended("by staff"), []) == []
    # Nothing made that value; the side went on elsewhere; or it replaced what the other side had brought.
    assert [one.entry for one in lost([there, on, back], ended("by staff"), [])] == [back]
    elsewhere = replace(back, value="elsewhere")
    assert [one.entry for one in lost([DPS_EDIT, there, on, elsewhere], ended("by staff"), [])] == [elsewhere]
    brought = replace(back, old="by staff")
    assert [one.entry for one in lost([DPS_EDIT, there, on, brought], ended("by staff"), [])] == [brought]


def test_a_detail_whose_own_side_opened_again_gives_way_to_the_other_sides() -> None:
    theirs = Entry("NOMIS", 12, "reason", "OTHER", at=3)
    ours = Entry("DPS", CELL, "reason", "DAMAGED", at=5)
    opened = Entry("DPS", CELL, "active", "true", at=6, old="false")
    closed = Entry("DPS", CELL, "active", "false", at=5, old="true")
    by_them = Entry("NOMIS", 12, "active", "false", at=3, old="true")
    assert lost([theirs, by_them, ours, closed, opened], ended("x", active="false", reason="OTHER"), []) == []
    assert lost([theirs, by_them, ours, closed], ended("x", active="false", reason="OTHER"), []) != []


def test_what_is_not_shared_or_no_longer_there_is_not_judged() -> None:
    assert lost([replace(NOMIS_EDIT, field="usages")], ended("x"), []) == []
    assert lost([replace(NOMIS_EDIT, location=99)], ended("x"), []) == []
