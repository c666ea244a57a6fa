"""The prison register and prisoner search, asked as the locations API asks them."""

import aiohttp
import pytest
from aiohttp.test_utils import TestClient, TestServer

from infra.local import prison_register, prisoner_search
from libs.web.auth import AuthSettings
from tests.conftest import Auth, MakeToken


@pytest.fixture
def settings(auth: Auth) -> AuthSettings:
    return AuthSettings(jwks_url=auth.jwks_url, issuer=auth.issuer)


async def test_the_register_knows_a_prison_without_a_token(settings: AuthSettings) -> None:
    async with TestClient(TestServer(prison_register.application(settings))) as client:
        async with client.get("/prisons/id/WDI") as answer:
            assert answer.status == 200
            prison = await answer.json()
        assert (prison["prisonName"], prison["lthse"], prison["female"], prison["active"]) == (
            "Wakefield",
            True,
            False,
            True,
        )
        async with client.get("/prisons/id/XXX") as answer:
            assert answer.status == 404
            assert (await answer.json())["status"] == 404


def test_the_register_has_every_prison() -> None:
    prisons = prison_register.register()
    assert [sum(prison["active"] is active for prison in prisons.values()) for active in (True, False)] == [125, 46]
    assert {key for key, prison in prisons.items() if prison["female"]} >= {"AGI", "BZI", "WYI"}


async def test_prisoners_are_found_by_prison_and_cell(settings: AuthSettings, token: MakeToken) -> None:
    admin = {"Authorization": f"Bearer {token({'ROLE_PRISONER_ADMIN'})}"}
    search = {"Authorization": f"Bearer {token({'ROLE_PRISONER_SEARCH'})}"}
    wanted = {
        "joinType": "AND",
        "queries": [
            {
                "joinType": "AND",
                "matchers": [
                    {"type": "String", "attribute": "prisonId", "condition": "IS", "searchTerm": "LEI"},
                    {"type": "String", "attribute": "cellLocation", "condition": "IN", "searchTerm": "A-1-001,A-1-002"},
                ],
            },
        ],
    }
    async with TestClient(TestServer(prisoner_search.application(settings))) as client:
        for number, prison, cell in (("A1", "LEI", "A-1-001"), ("A2", "LEI", "A-1-003"), ("A3", "MDI", "A-1-001")):
            body = {"prisonId": prison, "cellLocation": cell, "firstName": "X"}
            async with client.put(f"/prisoner/{number}", json=body, headers=admin) as answer:
                assert answer.status == 200
        async with client.post("/attribute-search?size=3000", json=wanted, headers=search) as answer:
            assert [found["prisonerNumber"] for found in (await answer.json())["content"]] == ["A1"]
        async with client.get("/prisoner-search/prison/LEI?size=3000", headers=search) as answer:
            assert [found["prisonerNumber"] for found in (await answer.json())["content"]] == ["A1", "A2"]
        async with client.post("/attribute-search", json=wanted) as answer:
            assert answer.status == 401
        async with client.post("/attribute-search", json=wanted, headers=admin) as answer:
            assert answer.status == 403


async def test_the_roll_count_is_what_was_put(settings: AuthSettings, token: MakeToken) -> None:
    path = "/api/prison/roll-count/LEI/movement-count"
    headers = {"Authorization": f"Bearer {token({'ROLE_PRISONER_ADMIN', 'ROLE_ESTABLISHMENT_ROLL'})}"}
    moved = {"inOutMovementsToday": {"in": 3, "out": 1}, "enRouteToday": 2}
    async with TestClient(TestServer(prisoner_search.application(settings)), headers=headers) as client:
        async with client.get(path) as answer:
            assert (await answer.json())["enRouteToday"] == 0
        async with client.put(path, json=moved) as answer:
            assert answer.status == 204
        async with client.get(path) as answer:
            assert await answer.json() == moved


async def test_the_tokens_of_the_sign_in_server_open_the_doors(auth: Auth, settings: AuthSettings) -> None:
    basic = {"Authorization": aiohttp.encode_basic_auth("locations", auth.secrets["locations"])}
    async with TestClient(TestServer(prisoner_search.application(settings))) as client:
        async with client.session.post(
            auth.token_url, data={"grant_type": "client_credentials"}, headers=basic
        ) as answer:
            bearer = {"Authorization": f"Bearer {(await answer.json())['access_token']}"}
        async with client.get("/prisoner-search/prison/LEI", headers=bearer) as answer:
            assert answer.status == 200
