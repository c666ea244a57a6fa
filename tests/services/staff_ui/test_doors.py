"""The doors of the pages while nothing behind them answers."""

import asyncio
import re
from collections.abc import AsyncIterator
from html import escape
from itertools import count

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from pydantic import ValidationError

from infra.local.ports import free_port
from libs.web.limits import RateLimits
from services.staff_ui import app
from services.staff_ui.edge.doors import Door
from services.staff_ui.edge.guard import SESSION
from services.staff_ui.operators.doors import PARTS, Part, operator_doors
from services.staff_ui.settings import Settings
from services.staff_ui.views.layout import OPERATOR_ROLES
from tests.conftest import Auth, MakeToken
from tests.services.staff_ui.serving import cookie, progress, settings, signed_in

Client = TestClient[web.Request, web.Application]
PORT = free_port()
STAFF = {"ROLE_VIEW_LOCATIONS", "ROLE_MAINTAIN_LOCATIONS"}


@pytest.fixture(scope="module")
async def pages(auth: Auth) -> AsyncIterator[Client]:
    async with (
        app.build(settings(auth, f"http://127.0.0.1:{PORT}")) as built,
        TestClient(TestServer(built, host="127.0.0.1", port=PORT)) as client,
    ):
        yield client


async def test_the_pages_say_when_the_api_is_away(pages: Client, token: MakeToken) -> None:
    headers = cookie(token(STAFF, username="LEE", prisons={"LEI"}))
    async with pages.get("/prisons/LEI", headers=headers) as answer:
        assert answer.status == 503
        assert "Sorry, the service is unavailable" in await answer.text()


async def test_a_role_that_is_missing_is_refused_before_any_api_is_asked(pages: Client, token: MakeToken) -> None:
    for roles in (set(), {"ROLE_MAINTAIN_LOCATIONS"}, {"ROLE_QUEUE_ADMIN"}):
        headers = cookie(token(roles, username="LEE", prisons={"LEI"}))
        async with pages.get("/prisons/LEI", headers=headers) as answer:
            assert answer.status == 403


@pytest.mark.parametrize("path", ["/", "/prisons/LEI", "/operations", "/locations/x/archive"])
async def test_who_is_not_signed_in_is_sent_to_sign_in(pages: Client, path: str) -> None:
    async with pages.get(path, allow_redirects=False) as answer:
        assert (answer.status, answer.headers["Location"]) == (303, f"/sign-in?back={path}")
    async with pages.post("/prisons/LEI/signed-capacity", data={"signed_capacity": "1"}) as answer:
        assert answer.status == 401
        assert "Nothing was changed" in await answer.text()


async def test_a_token_that_does_not_hold_is_no_session(pages: Client, token: MakeToken) -> None:
    for headers in (cookie("not.a.token"), cookie(token(STAFF) + "x"), {"Cookie": f"{SESSION}=forged"}):
        async with pages.get("/prisons/LEI", headers=headers, allow_redirects=False) as answer:
            assert answer.status == 303


async def test_who_leaves_to_sign_in_takes_pkce_state_and_nonce_along(pages: Client) -> None:
    async with pages.get("/sign-in?back=/prisons/LEI", allow_redirects=False) as answer:
        there = answer.headers["Location"]
        for name in ("state", "nonce", "code_challenge"):
            assert len(re.findall(rf"[?&]{name}=[\w-]{{43}}(?:&|$)", there)) == 1, name
        assert "code_challenge_method=S256" in there
        (kept,) = answer.cookies.values()
        assert (kept["httponly"], kept["samesite"]) == (True, "Lax")


async def test_an_asset_is_kept_for_ever_and_a_changed_address_is_gone(pages: Client) -> None:
    async with pages.get("/signed-out") as answer:
        page = await answer.text()
    addresses = re.findall(r'(?:href|src)="(/assets/[^"]+)"', page)
    assert len(addresses) >= 6
    for address in addresses:
        async with pages.get(address) as answer:
            assert answer.status == 200, address
            assert "immutable" in answer.headers["Cache-Control"]
            text = await answer.text() if address.endswith(("css", "js")) else ""
        for named in re.findall(r"/assets/[\w./-]+", text):
            async with pages.get(named) as answer:
                assert answer.status == 200, f"{named} in {address}"
    async with pages.get(re.sub(r"\.\w{16}\.", ".0000000000000000.", addresses[0])) as answer:
        assert answer.status == 404


async def test_programs_find_health_and_no_page(pages: Client) -> None:
    async with pages.get("/health/readiness") as answer:
        assert (await answer.json()) == {"status": "UP"}
    async with pages.get("/health") as answer:
        assert (await answer.json())["status"] == "DEGRADED"
    async with pages.get("/nowhere", headers={"Accept": "application/json"}) as answer:
        assert answer.status == 401


async def test_who_comes_by_another_name_is_sent_to_the_right_one(pages: Client) -> None:
    async with pages.get("/prisons/LEI?a=b", headers={"Host": "evil.example"}, allow_redirects=False) as answer:
        assert (answer.status, answer.headers["Location"]) == (307, f"http://127.0.0.1:{PORT}/prisons/LEI?a=b")
    async with pages.post("/sign-out", headers={"Host": "evil.example"}) as answer:
        assert answer.status == 421


async def test_over_https_cookies_are_secure_and_browsers_stay(auth: Auth) -> None:
    secure = settings(auth, "https://locations.example")
    async with (
        app.build(secure) as built,
        TestClient(TestServer(built)) as client,
        client.get("/sign-in", headers={"Host": "locations.example"}, allow_redirects=False) as answer,
    ):
        assert answer.headers["Strict-Transport-Security"].startswith("max-age=31536000")
        (kept,) = answer.cookies.values()
        assert kept.key.startswith("__Host-")
        assert kept["secure"]


def test_a_short_secret_is_refused(auth: Auth) -> None:
    with pytest.raises(ValidationError, match="at least 32 characters"):
        Settings.model_validate({**settings(auth, "http://x").model_dump(), "session_secrets": "short"})


FILLED = {
    "runId": "1",
    "wish": "pause",
    "queue": "to-nomis-locations",
    "side": "dps",
    "locationId": "1",
    "conflictId": "1",
    "prisonId": "LEI",
    "stage": "ONE_WAY",
}


async def _status(pages: Client, door: Door, token: str) -> int:
    path = re.sub(r"\{(\w+)(:[^}]*)?\}", lambda found: FILLED[found[1]], door.path)
    sealed, csrf = signed_in(token)
    form = {"_csrf": csrf, "_step": "confirm"} if door.method == "POST" else None
    headers = {"Cookie": f"{SESSION}={sealed}"}
    async with pages.request(door.method, path, data=form, headers=headers, allow_redirects=False) as answer:
        return answer.status


@pytest.mark.parametrize("door", operator_doors(), ids=lambda door: f"{door.method} {door.path}")
async def test_an_operator_without_the_role_of_a_door_is_kept_out(pages: Client, token: MakeToken, door: Door) -> None:
    every = OPERATOR_ROLES | STAFF
    assert await _status(pages, door, token(every - door.roles, username="OP", prisons={"LEI"})) == 403
    for role in door.roles:
        assert await _status(pages, door, token({role}, username="OP", prisons={"LEI"})) != 403, role


@pytest.mark.parametrize("part", PARTS, ids=lambda part: part.text)
async def test_an_operator_without_the_role_of_a_part_does_not_see_its_link(
    pages: Client, token: MakeToken, part: Part
) -> None:
    seen = {each.text for each in PARTS if not each.roles <= part.roles}
    headers = cookie(token((OPERATOR_ROLES | STAFF) - part.roles, username="OP", prisons={"LEI"}))
    async with pages.get("/operations", headers=headers) as answer:
        page = await answer.text()
    assert f'href="{part.href}"' not in page
    assert {each.text for each in PARTS if f'href="{each.href}"' in page} == seen


async def test_who_is_no_operator_does_not_see_that_there_are_operations(pages: Client, token: MakeToken) -> None:
    for roles, shown in ((STAFF, 0), (STAFF | {"ROLE_QUEUE_ADMIN"}, 1)):
        async with pages.get("/prisons/LEI", headers=cookie(token(roles, username="OP", prisons={"LEI"}))) as answer:
            assert (await answer.text()).count('href="/operations"') == shown


STANDS = {
    "prisonId": "LEI",
    "stage": "BOTH_WAYS",
    "screensOff": False,
    "steps": [],
    "nextSteps": [{"toStage": "SCREENS_OFF", "forward": True, "refused": None}],
}
CONFLICT = {
    "id": 1,
    "locationId": "00000000-0000-4000-8000-000000000001",
    "key": "LEI-A",
    "field": "comments",
    "base": "a",
    "dps": "b",
    "nomis": "c",
    "won": "DPS",
    "reason": "DPS masters",
    "detectedAt": "2026-11-24T10:00:00Z",
    "detectedBy": "SYNC",
}


@pytest.mark.parametrize(
    ("page", "reads", "acts", "offered"),
    [
        ("/operations/switch-over/LEI", "ROLE_RECONCILE_LOCATIONS", "ROLE_SWITCH_OVER_LOCATIONS", "SCREENS_OFF"),
        ("/operations/conflicts/1", "ROLE_RECONCILE_LOCATIONS", "ROLE_MAINTAIN_LOCATIONS", "choose/NOMIS"),
    ],
)
async def test_an_operator_is_not_offered_what_takes_another_role(
    auth: Auth, token: MakeToken, page: str, reads: str, acts: str, offered: str
) -> None:
    answers = {"/switch-over/LEI": STANDS, "/conflicts/1": CONFLICT, "/prisons": []}

    async def answer(request: web.Request) -> web.Response:
        return web.json_response(answers[request.path])

    apis = web.Application()
    apis.router.add_get("/{path:.+}", answer)
    async with TestServer(apis) as serving:
        port = free_port()
        async with (
            app.build(settings(auth, f"http://127.0.0.1:{port}", str(serving.make_url("")))) as built,
            TestClient(TestServer(built, host="127.0.0.1", port=port)) as client,
        ):
            for roles, count_of in (({reads}, 0), ({reads, acts}, 1)):
                headers = cookie(token(roles, username="OP", prisons={"LEI"}))
                async with client.get(page, headers=headers) as told:
                    assert (told.status, (await told.text()).count(f"{page}/{offered}")) == (200, count_of)


async def test_who_asks_too_often_is_told_to_wait_and_nobody_else(auth: Auth, token: MakeToken) -> None:
    port = free_port()
    plain = settings(auth, f"http://127.0.0.1:{port}")
    rates = RateLimits(requests_per_second=0.001, burst=2)
    strict = plain.model_copy(update={"http_limits": plain.http_limits.model_copy(update={"rates": rates})})
    lee, ann = (cookie(token(STAFF, username=name, prisons={"LEI"})) for name in ("LEE", "ANN"))
    async with (
        app.build(strict) as built,
        TestClient(TestServer(built, host="127.0.0.1", port=port)) as client,
    ):
        statuses = [(await client.get("/prisons/LEI", headers=lee)).status for _ in range(2)]
        async with client.get("/prisons/LEI", headers=lee) as answer:
            assert (statuses, answer.status) == ([503, 503], 429)
            assert int(answer.headers["Retry-After"]) > 0
            assert "Sorry, the service is unavailable" in await answer.text()
        assert (await client.get("/prisons/LEI", headers=ann)).status == 503


async def test_a_stream_outlasts_the_deadline_of_a_request(auth: Auth, token: MakeToken) -> None:
    asked = count(1)

    async def going_on(_: web.Request) -> web.Response:
        return web.json_response(progress(migrated=next(asked)))

    migration = web.Application()
    migration.router.add_get("/migrate/locations/history/1/progress", going_on)
    async with TestServer(migration) as serving:
        port = free_port()
        plain = settings(auth, f"http://127.0.0.1:{port}", str(serving.make_url("")))
        limits = plain.http_limits.model_copy(update={"request_seconds_max": 1})
        hasty = plain.model_copy(update={"http_limits": limits, "watch_seconds": 0.05})
        async with (
            app.build(hasty) as built,
            TestClient(TestServer(built, host="127.0.0.1", port=port)) as client,
            client.get("/operations/migrations/1/live", headers=cookie(token(OPERATOR_ROLES, username="OP"))) as answer,
        ):
            assert answer.status == 200
            # At twenty a second at most, these take longer than any other request may.
            parts = 0
            async for line in answer.content:
                parts += line.startswith(b"event: parts")
                if parts == 30:
                    break
            assert parts == 30


async def test_a_spreadsheet_is_handed_on_as_it_comes_and_a_refusal_is_a_page(auth: Auth, token: MakeToken) -> None:
    read = asyncio.Event()

    async def long(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(b"first\n")
        # The rest is not there before somebody has read this.
        await read.wait()
        await response.write(b"last\n")
        return response

    async def unknown(_: web.Request) -> web.Response:
        return web.json_response({}, status=404)

    reconciliation = web.Application()
    reconciliation.router.add_get("/locations/reports/reconciliation/1/mismatches.csv", long)
    reconciliation.router.add_get("/locations/reports/reconciliation/2/mismatches.csv", unknown)
    headers = cookie(token(OPERATOR_ROLES, username="OP"))
    async with TestServer(reconciliation) as serving:
        port = free_port()
        plain = settings(auth, f"http://127.0.0.1:{port}", str(serving.make_url("")))
        async with (
            app.build(plain) as built,
            TestClient(TestServer(built, host="127.0.0.1", port=port)) as client,
        ):
            async with client.get("/operations/reconciliation/1/mismatches.csv", headers=headers) as answer:
                assert answer.headers["Content-Disposition"] == 'attachment; filename="reconciliation-1.csv"'
                assert await answer.content.readline() == b"first\n"
                read.set()
                assert await answer.content.read() == b"last\n"
            async with client.get("/operations/reconciliation/2/mismatches.csv", headers=headers) as answer:
                assert (answer.status, "Page not found" in await answer.text()) == (404, True)


async def test_a_hostile_name_is_shown_as_a_name_wherever_a_page_says_it(pages: Client, token: MakeToken) -> None:
    name = "<script>alert(1)</script>"
    sealed, _ = signed_in(token(OPERATOR_ROLES, username="OP"), name=name)
    # A page that is well, and one of a failure.
    for path in ("/operations", "/operations/migrations"):
        async with pages.get(path, headers={"Cookie": f"{SESSION}={sealed}"}) as answer:
            page = await answer.text()
        assert name not in page, path
        assert escape(name) in page, path
