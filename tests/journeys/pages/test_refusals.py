"""What is not shown to whom, and what is refused when asked for anyway; forged forms; hostile words."""

import re
from html import unescape

import aiohttp
import pytest
from playwright.async_api import Browser

from services.staff_ui.pages.location_acts import DOABLE
from services.staff_ui.pages.prison_acts import MAKERS
from tests.journeys.conftest import House
from tests.journeys.pages.browsing import Person, signed_in

WING = "RW"
HOSTILE = "<script>alert(1)</script>'\"&{{7919*7919}}"
INLINE = re.compile(r"<script(?![^>]*\bsrc=)|<style|<[a-z][^<>]*\s(?:style|on\w+)=|javascript:")
TEXTS = re.compile(r'<(?:input|textarea)[^>]*\bname="([^"_][^"]*)"[^>]*>')


@pytest.fixture(scope="module")
async def wing(house: House) -> str:
    """A wing of two cells, by its id."""
    body = {"prisonId": "LEI", "wingCode": WING, "numberOfLandings": 1, "numberOfCellsPerSection": 2}
    made = await house.desk.staff.request("POST", "/locations/create-wing", json=body)
    return str(made.json()["id"])


async def asked(person: Person, method: str, path: str, form: dict[str, str] | None = None, **headers: str) -> int:
    """Ask with the person's own cookies, as a program would that got hold of them."""
    status, _ = await answered(person, method, path, form, **headers)
    return status


async def answered(
    person: Person, method: str, path: str, form: dict[str, str] | None = None, **headers: str
) -> tuple[int, str]:
    cookies = {cookie["name"]: cookie["value"] for cookie in await person.page.context.cookies()}
    async with (
        aiohttp.ClientSession(cookies=cookies, cookie_jar=aiohttp.DummyCookieJar()) as session,
        session.request(
            method,
            person.url + path,
            data=form,
            allow_redirects=False,
            headers={"Cookie": "; ".join(f"{name}={value}" for name, value in cookies.items()), **headers},
        ) as answer,
    ):
        return answer.status, await answer.text()


async def token_of(person: Person, path: str = "/") -> str:
    """Return the token that a form of this person has."""
    _, page = await answered(person, "GET", path)
    found = re.search(r'name="_csrf" value="([^"]+)"', page)
    assert found is not None
    return found[1]


async def test_who_only_looks_is_shown_nothing_to_change_and_refused_it_anyway(viewer: Person, wing: str) -> None:
    await viewer.goes(f"/locations/{wing}")
    assert "What you can do" not in await viewer.text()
    assert "Change" not in await viewer.text()
    await viewer.looks("wing-viewer", "pages/location.html")
    await viewer.goes("/prisons/LEI")
    assert "Create" not in await viewer.text()
    csrf = await token_of(viewer)
    doors = [f"/locations/{wing}/{act.slug}" for act in DOABLE] + [f"/prisons/LEI/create/{kind}" for kind in MAKERS]
    for path in [*doors, "/prisons/LEI/signed-capacity"]:
        assert await asked(viewer, "GET", path) == 403, path
        assert await asked(viewer, "POST", path, {"_csrf": csrf}) == 403, path


async def test_another_prison_is_neither_shown_nor_opened(staff: Person, house: House) -> None:
    await staff.goes("/")
    assert "Moorland" not in await staff.text()
    body = {"prisonId": "MDI", "wingCode": WING, "numberOfLandings": 0, "numberOfCellsPerSection": 1}
    elsewhere = (await house.desk.staff.request("POST", "/locations/create-wing", json=body)).json()["id"]
    for path in (
        "/prisons/MDI",
        "/prisons/MDI/search?q=A",
        f"/locations/{elsewhere}",
        f"/locations/{elsewhere}/archive",
    ):
        assert await asked(staff, "GET", path) == 403, path
    csrf = await token_of(staff)
    form = {"_csrf": csrf, "_step": "confirm", "archive_reason": "no"}
    assert await asked(staff, "POST", f"/locations/{elsewhere}/archive", form) == 403
    assert await asked(staff, "POST", "/prisons/MDI/create/wing", {"_csrf": csrf}) == 403


@pytest.mark.parametrize("csrf", ["", "0.0", "forged.token", "ünïcode"])
async def test_a_form_with_a_forged_token_changes_nothing(staff: Person, wing: str, csrf: str) -> None:
    form = {"_csrf": csrf, "local_name": "Forged"}
    assert await asked(staff, "POST", f"/locations/{wing}/local-name", form) == 403
    assert await asked(staff, "POST", "/sign-out", {"_csrf": csrf}) == 403
    _, page = await answered(staff, "GET", f"/locations/{wing}")
    assert "Forged" not in page


async def test_a_form_of_another_person_or_site_changes_nothing(staff: Person, viewer: Person, wing: str) -> None:
    path = f"/locations/{wing}/local-name"
    assert await asked(staff, "POST", path, {"_csrf": await token_of(viewer), "local_name": "Forged"}) == 403
    form = {"_csrf": await token_of(staff), "local_name": "Forged"}
    for header in (
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "https://evil.example"},
    ):
        assert await asked(staff, "POST", path, form, **header) == 403, header


async def test_hostile_words_come_back_as_words_in_every_field(staff: Person, wing: str) -> None:
    cell = await _first_cell(staff, wing)
    csrf = await token_of(staff)
    paths = [f"/locations/{place}/{act.slug}" for place in (wing, cell) for act in DOABLE]
    paths += ["/prisons/LEI/create/wing", "/prisons/LEI/create/room", f"/prisons/LEI/create/cell?below={wing}"]
    tried = 0
    for path in paths:
        status, page = await answered(staff, "GET", path)
        if status == 404:  # does not fit this kind of location
            continue
        names = set(TEXTS.findall(page))
        form = {"_csrf": csrf, "_step": "0", **dict.fromkeys(names, HOSTILE)}
        status, page = await answered(staff, "POST", path, form)
        assert status in {200, 400}, path
        assert "<script>alert" not in page, path
        assert "62710561" not in page, path
        tried += len(names)
    assert tried > 20
    _, page = await answered(staff, "GET", f"/prisons/LEI/search?q={HOSTILE.replace('&', '%26')}")
    assert "<script>alert" not in page
    assert HOSTILE in unescape(page)


async def test_a_hostile_name_that_is_stored_is_shown_as_a_name(staff: Person, wing: str) -> None:
    name = "<img src=x onerror=alert(1)>"
    await staff.goes(f"/locations/{wing}/local-name")
    await staff.page.locator("#local_name").fill(name)
    await staff.presses("Save local name")
    assert (await staff.heading()).casefold() == name
    assert await staff.page.locator("img").count() == 0
    await staff.looks("wing-hostile-name", "pages/location.html")


async def test_nothing_is_inline_and_no_policy_lets_it_in(staff: Person, wing: str) -> None:
    cookies = {cookie["name"]: cookie["value"] for cookie in await staff.page.context.cookies()}
    async with aiohttp.ClientSession(cookies=cookies) as session:
        for path in (
            "/",
            "/prisons/LEI",
            f"/locations/{wing}",
            f"/locations/{wing}/archive",
            "/nowhere",
            "/signed-out",
        ):
            async with session.get(
                staff.url + path,
                headers={
                    "Accept": "text/html",
                    "Cookie": "; ".join(f"{name}={value}" for name, value in cookies.items()),
                },
            ) as answer:
                policy, page = answer.headers["Content-Security-Policy"], await answer.text()
                assert answer.headers["Referrer-Policy"] == "same-origin"
                assert answer.headers["X-Content-Type-Options"] == "nosniff"
            assert "unsafe" not in policy, path
            assert "frame-ancestors 'none'" in policy, path
            assert INLINE.search(page) is None, path


async def test_an_address_that_is_not_there_says_so(staff: Person) -> None:
    for path in (
        "/nowhere",
        "/prisons/leeds",
        "/locations/nonsense",
        f"/locations/{'0' * 8}-0000-4000-8000-{'0' * 12}",
    ):
        assert await staff.goes(path) == 404, path
        assert await staff.heading() == "Page not found"
    await staff.looks("not-found", "errors/not_found.html")


async def test_sign_in_begins_a_new_session_and_sign_out_ends_it_for_good(browser: Browser, house: House) -> None:
    person = await signed_in(browser, house, "LEI_STAFF")
    before = await person.page.context.cookies()
    csrf = await token_of(person)
    await person.goes("/sign-in?back=/prisons/LEI")
    await person.page.get_by_label("Username").fill("LEI_STAFF")
    await person.page.get_by_label("Password").fill(house.estate.endpoints["signIn"]["users"]["LEI_STAFF"]["password"])
    await person.page.get_by_role("button", name="Sign in").click()
    await person.page.wait_for_url("**/prisons/LEI")
    after = await person.page.context.cookies()
    assert {cookie["value"] for cookie in before}.isdisjoint(cookie["value"] for cookie in after)
    assert all(cookie["httpOnly"] and cookie["sameSite"] == "Lax" for cookie in after)
    # A token of the session before is none of this one.
    assert await asked(person, "POST", "/sign-out", {"_csrf": csrf}) == 403
    kept = "; ".join(f"{cookie['name']}={cookie['value']}" for cookie in after)
    await person.presses("Sign out")
    assert await person.heading() == "You are signed out"
    await person.looks("signed-out", "signed_out.html")
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"{person.url}/prisons/LEI", headers={"Cookie": kept}, allow_redirects=False) as answer,
    ):
        assert (answer.status, answer.headers["Location"]) == (303, "/sign-in?back=/prisons/LEI")


@pytest.mark.parametrize("query", ["", "?code=x", "?code=x&state=forged", "?error=access_denied&state=x"])
async def test_coming_back_without_having_left_signs_nobody_in(house: House, query: str) -> None:
    url = house.estate.endpoints["services"]["staff_ui"]["url"]
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"{url}/sign-in/callback{query}", allow_redirects=False) as answer,
    ):
        assert answer.status == 400
        assert "You could not be signed in" in await answer.text()
        assert answer.cookies == {}


@pytest.mark.parametrize("back", ["https://evil.example/", "//evil.example/", "/\\evil.example", "javascript:alert(1)"])
async def test_nobody_is_sent_elsewhere_after_signing_in(browser: Browser, house: House, back: str) -> None:
    context = await browser.new_context()
    page = await context.new_page()
    url = house.estate.endpoints["services"]["staff_ui"]["url"]
    await page.goto(f"{url}/sign-in?back={back}")
    await page.get_by_label("Username").fill("VIEWER")
    await page.get_by_label("Password").fill(house.estate.endpoints["signIn"]["users"]["VIEWER"]["password"])
    await page.get_by_role("button", name="Sign in").click()
    await page.wait_for_url(f"{url}/")
    await context.close()


async def _first_cell(person: Person, wing: str) -> str:
    _, page = await answered(person, "GET", f"/locations/{wing}")
    landing = re.findall(r'<th[^>]*><a class="govuk-link" href="/locations/([^"]+)"', page)[0]
    _, page = await answered(person, "GET", f"/locations/{landing}")
    return str(re.findall(r'<th[^>]*><a class="govuk-link" href="/locations/([^"]+)"', page)[0])
