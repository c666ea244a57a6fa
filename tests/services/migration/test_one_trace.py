"""A change of staff is one trace, from the page they send to the row in NOMIS, whoever carried it."""

from collections.abc import AsyncIterator

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from infra.local import prison_register
from infra.local.ports import free_port
from libs.domain.sync import LocationMirror
from libs.telemetry.spans import Span
from libs.web.auth import AuthSettings
from services.staff_ui import app as staff_ui
from services.staff_ui.edge.forgery import FIELD
from services.staff_ui.edge.guard import SESSION
from tests.conftest import Auth, MakeToken
from tests.services.migration.town import STAFF, Town, seen
from tests.services.staff_ui.serving import settings, signed_in

UPDATE = "UPDATE agency_internal_locations"
TRACE, CALLER = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"


@pytest.fixture
async def pages(town: Town, auth: Auth) -> AsyncIterator[TestClient[web.Request, web.Application]]:
    """The staff pages, before the API of the town."""
    port = free_port()
    async with TestServer(prison_register.application(AuthSettings(jwks_url=auth.jwks_url))) as register:
        told = settings(auth, f"http://127.0.0.1:{port}", town.locations_url)
        told = told.model_copy(update={"api_base_url_prison_register": str(register.make_url("")).rstrip("/")})
        async with (
            staff_ui.build(told) as built,
            TestClient(TestServer(built, host="127.0.0.1", port=port)) as client,
        ):
            yield client


async def test_a_change_is_followed_from_the_staff_page_to_the_nomis_row(
    town: Town, pages: TestClient[web.Request, web.Application], token: MakeToken
) -> None:
    cell = (await town.prison("TRI", landings=1, cells=1))[-1]
    await town.run(prisonIds=["TRI"])
    mirror: LocationMirror = await seen(lambda: town.mirror(cell), "the cell in DPS")
    session, forgery = signed_in(token(STAFF, username="LEE", prisons={"TRI"}))
    await town.to_nomis.start()
    try:
        async with pages.post(
            f"/locations/{mirror.location.id}/capacity",
            data={FIELD: forgery, "_step": "0", "max_capacity": "4", "working_capacity": "2"},
            headers={"Cookie": f"{SESSION}={session}", "traceparent": f"00-{TRACE}-{CALLER}-01"},
            allow_redirects=False,
        ) as answer:
            assert answer.status == 303, await answer.text()

        async def arrived() -> bool:
            row = await town.nomis.read(cell)
            handled = any(each.name == "process to-nomis-locations" for each in trace(town))
            return row is not None and row.location.capacity == 4 and handled

        await seen(arrived, "the change in NOMIS")
    finally:
        await town.to_nomis.stop()
    told = trace(town)
    names = {(each.kind, each.name) for each in told}
    assert names >= {
        ("SERVER", "POST /locations/{locationId}/{act}"),
        ("SERVER", "PUT /locations/{locationId}/capacity"),
        ("CLIENT", "INSERT"),
        ("PRODUCER", "publish domain-events"),
        ("CONSUMER", "process to-nomis-locations"),
        ("CLIENT", "PUT nomis"),
    }
    # Every span hangs on another of the trace, but for the one that the browser began.
    ids = {each.context.span_id for each in told}
    assert {each.context.parent_id for each in told} - ids == {CALLER}
    # The write to the row itself: in NOMIS's own database, below the request of the worker.
    statements = {each.context.span_id: str(each.attributes.get("db.query.text", "")) for each in told}
    written = next(each for each in told if statements[each.context.span_id].startswith(UPDATE))
    kinds = [each.kind for each in way(written, told)]
    assert kinds == ["CLIENT", "SERVER", "CLIENT", "CONSUMER", "PRODUCER", "SERVER", "CLIENT", "SERVER"]


def trace(town: Town) -> list[Span]:
    return [each for each in town.spans if each.context.trace_id == TRACE]


def way(span: Span, told: list[Span]) -> list[Span]:
    """Return a span and all it hangs on, up to the browser."""
    by_id = {each.context.span_id: each for each in told}
    found = [span]
    while (above := by_id.get(found[-1].context.parent_id or "")) is not None:
        found.append(above)
    return found
