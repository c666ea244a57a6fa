"""What people type becomes a model or a sentence."""

from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from multidict import MultiDict

from services.staff_ui.forms import locations as forms
from services.staff_ui.forms import questions as ask
from services.staff_ui.forms.fields import Choice, Field
from services.staff_ui.forms.operators import COMPARE, START, StartWish
from services.staff_ui.forms.reading import parts_of, read

CLOSURE = tuple(field for step in ask.CLOSURE for field in step)


def sentences(kind: Any, fields: tuple[Field, ...], **posted: str) -> list[tuple[str, str]]:
    return [(fault.field, fault.text) for fault in read(kind, fields, MultiDict(posted)).faults]


@pytest.mark.parametrize(
    ("posted", "told"),
    [
        ({}, [("working_capacity", "Enter the working capacity"), ("max_capacity", "Enter the maximum capacity")]),
        (
            {"working_capacity": "two", "max_capacity": "100"},
            [
                ("working_capacity", "Working capacity must be a whole number, like 2"),
                ("max_capacity", "Maximum capacity must be 99 or fewer"),
            ],
        ),
        ({"working_capacity": "-1", "max_capacity": "2"}, [("working_capacity", "Working capacity must be 0 or more")]),
        (
            {"working_capacity": "3", "max_capacity": "2"},
            [("working_capacity", "Working capacity cannot be more than the maximum capacity")],
        ),
        ({"working_capacity": " 1 ", "max_capacity": "2"}, []),
    ],
)
def test_a_capacity_is_two_numbers_that_fit(posted: dict[str, str], told: list[tuple[str, str]]) -> None:
    assert sentences(forms.Size, ask.SIZE, **posted) == told


def test_a_reason_that_says_nothing_needs_words() -> None:
    assert sentences(forms.Closure, CLOSURE, reason="OTHER") == [("description", "Enter a description of the reason")]
    assert sentences(forms.Closure, CLOSURE, reason="OTHER", description="Flooded") == []
    assert sentences(forms.Closure, CLOSURE, reason="MADE_UP") == [("reason", "Select why it is being deactivated")]


@pytest.mark.parametrize(
    ("posted", "told"),
    [
        ({"reason": "DAMP", "description-DAMP": "ceiling", "description-OTHER": "windows"}, "ceiling"),
        ({"reason": "OTHER", "description-DAMP": "ceiling", "description-OTHER": ""}, ""),
        ({"reason": "DAMP", "description": "carried"}, "carried"),
        ({"description-DAMP": "ceiling"}, ""),
    ],
)
def test_a_description_is_that_of_the_reason_that_was_chosen(posted: dict[str, str], told: str) -> None:
    assert read(forms.Closure, CLOSURE, MultiDict(posted)).values["description"] == told


@pytest.mark.parametrize(
    ("day", "month", "year"), [("31", "2", "2027"), ("x", "2", "2027"), ("1", "", "2027"), ("1", "1", "27")]
)
def test_a_date_that_is_none_is_said_at_its_day_and_shown_as_typed(day: str, month: str, year: str) -> None:
    posted = {"reason": "DAMP", "expected-day": day, "expected-month": month, "expected-year": year}
    answers = read(forms.Closure, CLOSURE, MultiDict(posted))
    ((fault),) = answers.faults
    assert fault.field == "expected-day"
    assert fault.text.startswith("Date expected back must be a real date")
    assert parts_of(answers.values["expected"]) == (day, month, year)


def test_a_code_is_letters_and_numbers_and_is_written_large() -> None:
    fields = (ask.CODE, ask.NEW_NAME)
    answers = read(forms.NewLanding, fields, MultiDict(code="a-1"))
    assert answers.model is not None
    assert answers.model.code == "A-1"
    assert sentences(forms.NewLanding, fields, code="<b>") == [
        ("code", "Code must only include letters, numbers, hyphens and underscores")
    ]
    assert sentences(forms.NewLanding, fields, code="A" * 13) == [("code", "Code must be 12 characters or fewer")]


def test_answers_are_told_in_the_order_of_their_choices() -> None:
    assert ask.CELL_TYPES.told(["SAFE_CELL", "ACCESSIBLE_CELL"]) == "Accessible cell, Safe cell"
    assert ask.CELL_TYPES.told([]) == ""
    assert ask.EXPECTED.told("2027-02-08") == "8 February 2027"
    assert ask.BELOW.told(True) == "Yes"
    assert COMPARE[0].told(None) == "All prisons"


def test_answers_are_told_as_they_were_understood() -> None:
    answers = read(forms.NewLanding, (ask.CODE, ask.NEW_NAME), MultiDict(code="a-1"))
    assert [answers.told(field) for field in (ask.CODE, ask.NEW_NAME)] == ["A-1", ""]
    started = read(StartWish, START, MultiDict(kind="migration", prisons="lei mdi"))
    assert [started.told(field) for field in START] == ["A migration", "LEI, MDI"]


def test_a_cell_that_is_chosen_carries_the_version_that_was_seen() -> None:
    cell = f"{UUID(int=1)}@7"
    fields = (ask.which_cells([Choice(cell, "A-1-001")]), *CLOSURE)
    answers = read(forms.CloseMany, fields, MultiDict(cells=cell, reason="DAMP"))
    assert answers.model is not None
    assert [(each.id, each.version) for each in answers.model.cells] == [(UUID(int=1), 7)]
    assert answers.told(fields[0]) == "A-1-001"
    for wrong in ("", "x@7", str(UUID(int=1)), f"{UUID(int=1)}@x"):
        assert [
            fault.name for fault in read(forms.CloseMany, fields, MultiDict(cells=wrong, reason="DAMP")).faults
        ] == ["cells"]


@given(st.dictionaries(st.sampled_from([*(field.name for field in CLOSURE), "expected-day"]), st.text(max_size=300)))
def test_whatever_is_posted_is_a_model_or_a_fault(posted: dict[str, str]) -> None:
    answers = read(forms.Closure, CLOSURE, MultiDict(posted))
    assert (answers.model is None) == bool(answers.faults)
