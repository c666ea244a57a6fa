"""One browser for all page tests, and somebody of each kind in it."""

from collections.abc import AsyncIterator

import asyncpg
import pytest
from playwright.async_api import Browser

from infra.local.demo.desk import seen
from libs.messaging.queue import Queue
from tests.journeys.conftest import House
from tests.journeys.pages.browsing import Person, opened, signed_in
from tests.journeys.pages.operating import QUEUE


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


@pytest.fixture(scope="package")
async def migration_database(house: House) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
    connection = await asyncpg.connect(house.estate.endpoints["databases"]["migration"]["dsn"])
    yield connection
    await connection.close()


@pytest.fixture(scope="package")
async def reconciliation_database(house: House) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
    connection = await asyncpg.connect(house.estate.endpoints["databases"]["reconciliation"]["dsn"])
    yield connection
    await connection.close()


@pytest.fixture
async def dead(house: House) -> AsyncIterator[Queue]:
    """The dead letters of a queue; none are left to the next test."""
    queue = house.desk.broker.queue(f"{QUEUE}-dlq")
    yield queue
    await queue.purge()


@pytest.fixture
async def held(house: House) -> AsyncIterator[None]:
    """A migration whose work is set aside, so that a run lasts as long as the test looks at it."""
    types = (await house.desk.operator.request("GET", "/queue-admin/switches")).json()["eventTypes"]

    async def switch(mode: str) -> None:
        for each in types:
            await house.desk.operator.request("PUT", f"/queue-admin/switches/{each}", json={"mode": mode})

    async def over() -> bool:
        found = (await house.desk.operator.request("GET", "/migrate/locations/active-migration")).json()
        return found["status"] in {"COMPLETED", "CANCELLED"}

    await switch("hold")
    yield
    await switch("on")
    await seen(over, "the end of what was held")
