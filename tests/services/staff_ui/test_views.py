"""What pages show, from what the APIs answered."""

from typing import Any

import pytest

from services.locations.api.problems import CAPACITY_CODE, PROBLEMS
from services.staff_ui.views.layout import sections
from services.staff_ui.views.location import Place, seen_of, timeline
from services.staff_ui.views.paging import page_of
from services.staff_ui.views.refusals import BY_CODE, BY_TYPE, UNKNOWN, told
from services.staff_ui.views.searching import matching
from services.staff_ui.views.words import when

# These lead to a page of their own, not to a sentence in a form.
PAGES = {403, 404, 412, 502, 503}
SYNC_ONLY = {"Location cannot be updated", "Sync off", "Conflict not found", "Nothing to choose", "Step refused"}
NO_DOOR_OF_OURS = {"Location has children", "Cursor unreadable", "Cursor expired"}


def test_every_refusal_of_the_locations_api_has_a_sentence() -> None:
    problems = [each for each in PROBLEMS.values() if each.status not in PAGES]
    wanted = [each for each in problems if each.title not in SYNC_ONLY | NO_DOOR_OF_OURS]
    untold = [
        each.title
        for each in wanted
        if told({"type": each.type, "errorCode": each.error_code})[1] == UNKNOWN
        and each.title != "Capacity not allowed"
    ]
    assert untold == []
    assert set(CAPACITY_CODE.values()) <= set(BY_CODE)
    assert all(not text.endswith(".") for _, text in [*BY_CODE.values(), *BY_TYPE.values()])


def test_what_no_table_has_is_told_in_the_apis_own_words() -> None:
    assert told({"type": "urn:problem-type:new", "developerMessage": "moon is full"}) == (
        "",
        f"{UNKNOWN}: moon is full",
    )
    assert told({}) == ("", UNKNOWN)


def location(path: str, name: str | None = None) -> dict[str, Any]:
    return {"id": path, "key": f"LEI-{path}", "pathHierarchy": path, "localName": name, "prisonId": "LEI"}


def test_a_search_looks_into_keys_and_names_and_puts_beginnings_first() -> None:
    all_of_them = [location("B-A-1"), location("A-1"), location("C", "Wing A-1"), location("D")]
    assert [place.path for place in matching(all_of_them, "a-1")] == ["A-1", "B-A-1", "C"]
    assert matching(all_of_them, "%") == []


@pytest.mark.parametrize(("wanted", "page"), [("2", 2), ("9", 3), ("0", 1), ("-1", 1), ("x", 1), ("9" * 30, 1)])
def test_a_page_that_is_not_there_becomes_one_that_is(wanted: str, page: int) -> None:
    rows, paging = page_of(range(25), wanted, 10, "/rooms", {"q": "a&b"})
    assert (paging.page, next(iter(rows))) == (page, (page - 1) * 10)
    assert paging.url(2) == "/rooms?q=a%26b&page=2"


def test_pages_far_from_here_are_left_out() -> None:
    _, paging = page_of(range(100), "5", 10, "/rooms", {})
    assert [each.get("number", "…") for each in paging.links()] == [1, "…", 4, 5, 6, "…", 10]


def test_changes_of_one_moment_are_one_entry() -> None:
    def entry(attribute: str, at: str, by: str = "LEE") -> dict[str, str]:
        return {"attribute": attribute, "amendedDate": at, "amendedBy": by, "newValue": "x"}

    lines = timeline([entry("Status", "2"), entry("Reason", "2"), entry("Used for", "2", "MO"), entry("Code", "1")], 2)
    assert [(line.by, [change["what"] for change in line.changes]) for line in lines] == [
        ("LEE", ["Status", "Reason"]),
        ("MO", ["Used for"]),
    ]


def test_a_number_that_differs_is_shown_as_a_number() -> None:
    difference = {"field": "maxCapacity", "dps": 1, "nomis": 0}
    seen = seen_of(
        {
            "finding": "DIFFERENT",
            "reason": "",
            "fields": [difference | {"differs": True}, {"field": "code", "dps": "1", "nomis": "1", "differs": False}],
        }
    )
    assert seen.differences == ({"field": "Max capacity", "dps": "1", "nomis": "0"},)
    assert seen_of({}).text == "Same in NOMIS"


def test_operations_are_shown_to_those_who_have_a_role_for_them() -> None:
    assert [each["text"] for each in sections({"ROLE_VIEW_LOCATIONS"}, "/")] == ["Prisons"]
    assert [each["text"] for each in sections({"ROLE_QUEUE_ADMIN"}, "/operations/x")] == ["Prisons", "Operations"]


def test_times_are_written_as_people_say_them() -> None:
    assert when("2026-11-24T17:06:09") == "24 November 2026 at 5:06pm"
    assert when("2026-11-04T00:00:00") == "4 November 2026 at 12:00am"


def test_a_converted_cell_is_no_cell() -> None:
    place = Place({"locationType": "ROOM", "convertedCellType": "OFFICE"})
    assert (place.is_cell, place.converted, place.is_residential, place.converted_to) == (False, True, True, "Office")
