"""What people see when something behind a page fails: looked at in a real browser, and held to the same rules."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from playwright.async_api import Browser

from infra.local.ports import free_port
from services.staff_ui import app
from services.staff_ui.edge.guard import SESSION
from services.staff_ui.views.layout import OPERATOR_ROLES
from tests.conftest import Auth, MakeToken
from tests.journeys.pages.browsing import DESK, STEP_MS, Person, complains
from tests.services.staff_ui.serving import settings, signed_in

SECRETS_OF_OURS = ("Traceback", "JSONDecodeError", "Error:", "127.0.0.1")


@asynccontextmanager
async def pages_over(api_url: str, auth: Auth, token: str, browser: Browser) -> AsyncIterator[Person]:
    """Serve the pages with these APIs behind them; sign somebody in."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    async with (
        app.build(settings(auth, url, api_url)) as built,
        TestServer(built, host="127.0.0.1", port=port),
        await browser.new_context(viewport=DESK) as context,
    ):
        context.set_default_timeout(STEP_MS)
        await context.add_cookies([{"name": SESSION, "value": signed_in(token)[0], "url": url}])
        page = await context.new_page()
        person = Person(page, url, scripts=True)
        page.on("console", lambda told: person.seen.append(told.text) if complains(told) else None)
        yield person


@pytest.fixture
def operator_token(token: MakeToken) -> str:
    return token(OPERATOR_ROLES, username="OP", prisons={"LEI"})


@pytest.fixture
async def nonsense() -> AsyncIterator[str]:
    """An API that answers what no API of ours does."""

    async def answer(_: web.Request) -> web.Response:
        return web.Response(text="<nonsense>", content_type="application/json")

    server = web.Application()
    server.router.add_route("*", "/{path:.*}", answer)
    async with TestServer(server) as serving:
        yield str(serving.make_url("")).rstrip("/")


async def test_what_nobody_expected_is_a_page_that_gives_nothing_away(
    nonsense: str, auth: Auth, operator_token: str, browser: Browser
) -> None:
    async with pages_over(nonsense, auth, operator_token, browser) as person:
        assert await person.goes("/operations/migrations") == 500
        assert await person.heading() == "Sorry, there is a problem with the service"
        page = await person.page.content()
        assert [each for each in SECRETS_OF_OURS if each in page] == []
        await person.looks("error-unexpected", "errors/unexpected.html")


async def test_an_api_that_is_away_is_said_to_be_away(auth: Auth, operator_token: str, browser: Browser) -> None:
    async with pages_over("", auth, operator_token, browser) as person:
        assert await person.goes("/operations/migrations") == 503
        assert await person.heading() == "Sorry, the service is unavailable"
        await person.looks("error-unavailable", "errors/unavailable.html")


async def test_a_forged_form_is_a_page_that_says_what_to_do(auth: Auth, operator_token: str, browser: Browser) -> None:
    async with pages_over("", auth, operator_token, browser) as person:
        await person.goes("/operations/reconciliation/start")
        await person.page.locator("main input[name=_csrf]").evaluate("field => { field.value = 'forged' }")
        async with person.page.expect_navigation() as answer:
            await person.presses("Continue")
        assert (await answer.value).status == 403
        assert await person.heading() == "Nothing was changed"
        await person.looks("error-forged", "errors/forged.html")


async def test_who_was_signed_out_meanwhile_and_who_could_not_be_signed_in_are_told(
    auth: Auth, operator_token: str, browser: Browser
) -> None:
    async with pages_over("", auth, operator_token, browser) as person:
        await person.goes("/operations/reconciliation/start")
        await person.page.context.clear_cookies()
        async with person.page.expect_navigation() as answer:
            await person.presses("Continue")
        assert (await answer.value).status == 401
        assert await person.heading() == "You were signed out"
        await person.looks("error-signed-out-meanwhile", "errors/signed_out_meanwhile.html")
        assert await person.goes("/sign-in/callback?error=access_denied") == 400
        assert await person.heading() == "You could not be signed in"
        await person.looks("error-sign-in-failed", "errors/sign_in_failed.html")
