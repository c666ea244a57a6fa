"""Staff at the pages of their prison; in the order of a wing's life, which is made here and archived at the end.

All of it is done twice: at a desk, and at a phone without scripts.
"""

from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Browser, expect

from infra.local.demo.desk import seen
from tests.journeys.conftest import House
from tests.journeys.pages.browsing import WAYS, Person, going


@pytest.fixture(scope="module", params=WAYS)
async def staff(request: pytest.FixtureRequest, browser: Browser, house: House) -> AsyncIterator[Person]:
    """Maintains locations of Leeds."""
    person = await going(browser, house, "LEI_STAFF", request.param)
    yield person
    await person.page.context.close()


@pytest.fixture
def wing(staff: Person) -> str:
    """The code of the wing whose life it is."""
    return "QW" if staff.at_phone else "PW"


async def finds(person: Person, path: str) -> None:
    """Search for a location and open it."""
    await person.goes(f"/prisons/LEI/search?q={path}")
    await person.page.locator("table a").first.click()
    assert path in await person.text()


async def test_a_wing_is_created_with_all_that_stands_in_it(staff: Person, wing: str) -> None:
    await staff.goes("/prisons/LEI")
    await staff.clicks("Create a wing")
    await staff.looks("create-wing-1", "act.html")
    await staff.presses("Continue")
    assert "Enter a code" in await staff.page.locator(".govuk-error-summary").inner_text()
    await staff.looks("create-wing-1-error", "act.html")
    await staff.page.locator(".govuk-error-summary a").first.click()
    if staff.scripts:
        assert await staff.page.evaluate("document.activeElement.id") == "code"
    await staff.types("Code", wing.lower())
    await staff.types("Local name (optional)", f"pages wing {wing.lower()}")
    await staff.presses("Continue")
    await staff.types("How many landings?", "1")
    await staff.presses("Continue")
    await staff.types("How many cells in each section?", "4")
    await staff.types("How many people in each cell? (optional)", "2")
    await staff.presses("Continue")
    assert await staff.heading() == "Check your answers"
    await staff.looks("create-wing-check", "check.html")
    await staff.page.get_by_role("button", name="Change number of landings").click()
    await staff.types("How many landings?", "2")
    await staff.presses("Continue")
    await staff.presses("Continue")
    await staff.presses("Create wing")
    assert await staff.banner() == f"Wing {wing} created"
    assert await staff.heading() == f"Pages Wing {wing.capitalize()}"
    await staff.looks("wing", "pages/location.html")


async def test_a_landing_leads_to_its_cells_and_a_cell_shows_all_there_is(staff: Person, wing: str) -> None:
    await finds(staff, f"{wing}-1")
    await staff.looks("landing", "pages/location.html")
    await staff.clicks(f"{wing}-1-001")
    assert f"LEI-{wing}-1-001" in await staff.text()

    async def same() -> bool:
        await staff.page.reload()
        return "Same in NOMIS" in await staff.text()

    # The change has to travel to the other side first.
    await seen(same, "the cell in NOMIS")
    assert "Attributes" in await staff.text()
    await staff.looks("cell", "pages/location.html")


async def test_a_cell_takes_another_capacity_and_type_and_use(staff: Person, wing: str) -> None:
    await finds(staff, f"{wing}-1-001")
    await staff.clicks("Change capacity")
    await staff.types("Working capacity", "3")
    await staff.types("Maximum capacity", "2")
    await staff.presses("Save capacity")
    assert "Working capacity cannot be more than the maximum capacity" in await staff.text()
    await staff.looks("capacity-error", "act.html")
    await staff.types("Working capacity", "1")
    await staff.presses("Save capacity")
    assert await staff.banner() == "Capacity changed"
    await staff.clicks("Change cell type")
    await staff.chooses("Accessible cell", "Safe cell")
    await staff.looks("cell-type", "act.html")
    await staff.presses("Save cell type")
    assert "Accessible cell, Safe cell" in await staff.text()
    await staff.clicks("Change what it is used for")
    await staff.chooses("Remand")
    await staff.looks("used-for", "act.html")
    await staff.presses("Save uses")
    assert "Working capacity: 2 became 1" in await staff.text()
    await staff.looks("cell-with-history", "pages/location.html")


async def test_who_edits_an_older_version_sees_both_and_decides(staff: Person, also_staff: Person, wing: str) -> None:
    for person in (staff, also_staff):
        await finds(person, f"{wing}-1-002")
        await person.clicks("Change capacity")
    await also_staff.types("Working capacity", "1")
    await also_staff.presses("Save capacity")
    await staff.types("Working capacity", "0")
    await staff.types("Maximum capacity", "1")
    await staff.presses("Save capacity")
    assert await staff.heading() == "Someone else changed this location"
    await staff.looks("changed-meanwhile", "changed_meanwhile.html")
    await staff.presses("Save mine")
    assert "Working capacity cannot be 0" in await staff.text()
    await staff.types("Working capacity", "1")
    await staff.presses("Save capacity")
    assert await staff.banner() == "Capacity changed"


async def test_cells_are_deactivated_together_and_one_comes_back(staff: Person, wing: str) -> None:
    await finds(staff, f"{wing}-1")
    await staff.clicks("Deactivate several cells")
    await staff.chooses(f"{wing}-1-003", f"{wing}-1-004")
    await staff.looks("deactivate-cells-1", "act.html")
    await staff.presses("Continue")
    box = staff.page.get_by_label("Describe the reason", exact=True)
    assert await box.is_visible() is not staff.scripts
    await staff.chooses("Other")
    await expect(box).to_be_visible()
    await staff.presses("Continue")
    assert "Enter a description of the reason" in await staff.text()
    await staff.types("Describe the reason", "New windows")
    await staff.looks("deactivate-reason", "act.html")
    await staff.presses("Continue")
    await staff.types("Day", "31")
    await staff.types("Month", "2")
    await staff.types("Year", "2027")
    await staff.presses("Continue")
    assert "must be a real date" in await staff.text()
    await staff.looks("deactivate-date-error", "act.html")
    await staff.types("Day", "28")
    await staff.presses("Continue")
    await staff.looks("deactivate-check", "check.html")
    await staff.presses("Deactivate cells")
    assert await staff.banner() == "2 cells deactivated"
    await staff.clicks(f"{wing}-1-003")
    assert "Other – New windows" in await staff.text()
    await staff.looks("cell-inactive", "pages/location.html")
    await staff.clicks("Reactivate")
    await staff.presses("Continue")
    await staff.presses("Reactivate")
    assert await staff.banner() == f"{wing}-1-003 reactivated"


async def test_who_deactivates_cells_that_somebody_else_changed_sees_both_and_decides(
    staff: Person, also_staff: Person, wing: str
) -> None:
    await finds(staff, f"{wing}-2")
    await staff.clicks("Deactivate several cells")
    await staff.chooses(f"{wing}-2-001", f"{wing}-2-002")
    await finds(also_staff, f"{wing}-2-002")
    await also_staff.clicks("Change capacity")
    await also_staff.types("Working capacity", "1")
    await also_staff.presses("Save capacity")
    assert await also_staff.banner() == "Capacity changed"
    await staff.presses("Continue")
    await staff.chooses("Damage")
    await staff.presses("Continue")
    await staff.presses("Back")
    assert await staff.page.get_by_label("Damage", exact=True).is_checked()
    await staff.presses("Continue")
    await staff.presses("Continue")
    assert await staff.heading() == "Someone else changed cells that you chose"
    assert "Active, working capacity 1, maximum capacity 2. Last changed by MDI_STAFF" in await staff.text()
    await staff.looks("changed-meanwhile-many", "changed_meanwhile.html")
    await staff.presses("Save mine")
    assert await staff.banner() == "2 cells deactivated"


async def test_a_cell_becomes_a_room_and_a_cell_again(staff: Person, wing: str) -> None:
    await finds(staff, f"{wing}-1-003")
    await staff.clicks("Convert to a non-residential room")
    await staff.chooses("Office")
    await staff.looks("convert-to-room", "act.html")
    await staff.presses("Continue")
    await staff.presses("Convert")
    assert await staff.banner() == f"{wing}-1-003 is now a room"
    await staff.looks("converted", "pages/location.html")
    await staff.clicks("Change the kind of room")
    await staff.chooses("Shower")
    await staff.presses("Save")
    assert "Shower" in await staff.text()
    await staff.clicks("Convert back to a cell")
    await staff.chooses("Normal accommodation")
    await staff.presses("Continue")
    await staff.presses("Continue")
    await staff.types("Working capacity", "1")
    await staff.types("Maximum capacity", "2")
    await staff.presses("Continue")
    await staff.presses("Continue")
    await staff.presses("Convert")
    assert await staff.banner() == f"{wing}-1-003 is a cell again"


async def test_a_room_and_a_landing_and_a_cell_are_created(staff: Person, wing: str) -> None:
    await staff.goes("/prisons/LEI")
    await staff.clicks("Create a non-residential room")
    await staff.types("Code", f"PAGEROOM{wing}")
    await staff.types("Local name (optional)", "Room of the pages")
    await staff.presses("Continue")
    await staff.chooses("Classroom")
    await staff.presses("Continue")
    await staff.chooses("Programmes/activities")
    await staff.presses("Continue")
    await staff.presses("Create room")
    assert await staff.banner() == f"Room PAGEROOM{wing} created"
    await staff.looks("room", "pages/location.html")
    await staff.goes("/prisons/LEI/rooms")
    await staff.looks("rooms", "pages/rooms.html")
    await finds(staff, wing)
    await staff.clicks("Create a landing")
    await staff.types("Code", "9")
    await staff.presses("Continue")
    await staff.presses("Create landing")
    assert await staff.banner() == "Landing 9 created"
    await staff.clicks("Create a cell")
    await staff.types("Code", "001")
    await staff.presses("Continue")
    await staff.chooses("Normal accommodation")
    await staff.presses("Continue")
    await staff.presses("Continue")
    await staff.types("Working capacity", "1")
    await staff.types("Maximum capacity", "1")
    await staff.presses("Continue")
    await staff.presses("Continue")
    await staff.looks("create-cell-check", "check.html")
    await staff.presses("Create cell")
    assert await staff.banner() == "Cell 001 created"
    await staff.goes(staff.page.url.removeprefix(staff.url))


async def test_a_code_that_is_taken_is_said_at_its_field(staff: Person, wing: str) -> None:
    await staff.goes("/prisons/LEI/create/wing")
    await staff.types("Code", wing)
    await staff.presses("Continue")
    await staff.types("How many landings?", "1")
    await staff.presses("Continue")
    await staff.types("How many cells in each section?", "1")
    await staff.presses("Continue")
    await staff.presses("Create wing")
    assert "A location with this code already exists here" in await staff.text()
    assert await staff.page.locator("#code-error").count() == 1


async def test_the_signed_operational_capacity_is_set(staff: Person) -> None:
    await staff.goes("/prisons/LEI")
    await staff.clicks("Change signed operational capacity")
    await staff.types("Signed operational capacity", "9999")
    await staff.presses("Continue")
    await staff.presses("Save signed operational capacity")
    assert "cannot be more than the prison's maximum capacity" in await staff.text()
    await staff.types("Signed operational capacity", "7")
    await staff.presses("Continue")
    await staff.presses("Save signed operational capacity")
    assert await staff.banner() == "Signed operational capacity changed"
    await staff.looks("overview", "pages/overview.html")


async def test_a_local_name_is_changed_by_keyboard_alone(also_staff: Person, wing: str) -> None:
    await finds(also_staff, f"{wing}-1")
    keys = also_staff.page.keyboard
    await keys.press("Tab")
    assert await also_staff.page.evaluate("document.activeElement.textContent.trim()") == "Skip to main content"
    await keys.press("Enter")
    for _ in range(10):
        await keys.press("Tab")
        if "Change local name" in await also_staff.page.evaluate("document.activeElement.textContent"):
            break
    await keys.press("Enter")
    await also_staff.page.wait_for_url("**/local-name")
    for _ in range(20):
        await keys.press("Tab")
        if await also_staff.page.evaluate("document.activeElement.id") == "local_name":
            break
    await keys.press("Control+a")
    await keys.type("by keyboard")
    await also_staff.looks("local-name", "act.html")
    await also_staff.page.locator("#local_name").focus()
    await keys.press("Enter")
    await also_staff.page.wait_for_load_state()
    assert await also_staff.banner() == "Local name changed"
    assert await also_staff.heading() == "By Keyboard"


async def test_one_cell_is_found_and_deactivated_after_a_second_thought(staff: Person, wing: str) -> None:
    await staff.goes("/prisons/LEI")
    await staff.types("Find a location", f"{wing}-1-001")
    await staff.presses("Search")
    await staff.looks("search", "pages/search.html")
    await staff.clicks(f"{wing}-1-001")
    await staff.clicks("Deactivate")
    await staff.chooses("Maintenance")
    await staff.presses("Continue")
    await staff.presses("Continue")
    await staff.page.get_by_role("button", name="Change reason").click()
    await staff.chooses("Damage")
    await staff.presses("Continue")
    await staff.presses("Continue")
    await staff.presses("Deactivate")
    assert await staff.banner() == f"{wing}-1-001 deactivated"
    assert "Damage" in await staff.text()


async def test_archiving_says_that_it_is_for_good(staff: Person, wing: str) -> None:
    await finds(staff, wing)
    await staff.clicks("Archive")
    await staff.types("Why is it being archived?", "Pulled down")
    await staff.presses("Continue")
    assert "You cannot undo this" in await staff.text()
    await staff.looks("archive-check", "check.html")
    await staff.presses("Archive for good")
    assert await staff.banner() == f"Pages Wing {wing.capitalize()} archived"
    await staff.looks("archived-wing", "pages/location.html")
    await staff.goes("/prisons/LEI/archived")
    assert f"Pages Wing {wing.capitalize()}" in await staff.text()
    await staff.looks("archived", "pages/archived.html")
