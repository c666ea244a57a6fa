"""In, around and out."""

from tests.journeys.pages.browsing import Person


async def test_staff_choose_a_prison_and_see_its_totals(staff: Person) -> None:
    await staff.goes("/")
    assert await staff.heading() == "Choose a prison"
    await staff.looks("choose-prison", "pages/choose_prison.html")
    await staff.clicks("Leeds")
    assert await staff.heading() == "Leeds"


async def test_operations_are_for_operators(staff: Person, operator: Person) -> None:
    await staff.goes("/")
    assert await staff.page.get_by_role("link", name="Operations").count() == 0
    assert await staff.goes("/operations") == 403
    await staff.looks("not-allowed", "errors/not_allowed.html")
    assert await operator.goes("/operations") == 200
