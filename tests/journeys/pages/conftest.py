"""One browser for all page tests, and somebody of each kind in it."""

from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Browser

from tests.journeys.conftest import House
from tests.journeys.pages.browsing import Person, opened, signed_in


@pytest.fixture(scope="package")
async def browser() -> AsyncIterator[Browser]:
    async with opened() as browser:
        yield browser


@pytest.fixture(scope="package")
async def staff(browser: Browser, house: House) -> Person:
    """Maintains locations of Leeds."""
    return await signed_in(browser, house, "LEI_STAFF")


@pytest.fixture(scope="package")
async def also_staff(browser: Browser, house: House) -> Person:
    """Maintains locations of Leeds too."""
    return await signed_in(browser, house, "MDI_STAFF")


@pytest.fixture(scope="package")
async def viewer(browser: Browser, house: House) -> Person:
    """Looks, and changes nothing."""
    return await signed_in(browser, house, "VIEWER")


@pytest.fixture(scope="package")
async def operator(browser: Browser, house: House) -> Person:
    """Watches over the move."""
    return await signed_in(browser, house, "OPERATOR")
