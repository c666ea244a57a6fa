"""The sign-in stand-in, asked as HMPPS Auth's clients ask it."""

import base64
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import aiohttp
import jwt
import pytest

from infra.local.tokens import Signer, kept_key
from tests.conftest import Auth, MakeToken, clock

VERIFIER = "a-verifier-that-is-long-enough-for-rfc-7636-0123456789"
CHALLENGE = base64.urlsafe_b64encode(sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()
REDIRECT = "http://127.0.0.1:8088/sign-in/callback"
AUTHORIZE = {
    "response_type": "code",
    "client_id": "staff-ui",
    "redirect_uri": REDIRECT,
    "state": "xyz",
    "code_challenge": CHALLENGE,
    "code_challenge_method": "S256",
}


async def checked(auth: Auth, token: str) -> dict[str, Any]:
    async with aiohttp.ClientSession() as session, session.get(auth.jwks_url) as answer:
        keys = jwt.PyJWKSet.from_dict(await answer.json())
    key = keys[jwt.get_unverified_header(token)["kid"]]
    claims: dict[str, Any] = jwt.decode(token, key, algorithms=["RS256"], issuer=auth.issuer)
    return claims


async def asked(auth: Auth, form: dict[str, str], basic: tuple[str, str] | None = None) -> tuple[int, dict[str, Any]]:
    headers = {"Authorization": aiohttp.encode_basic_auth(*basic)} if basic else {}
    async with (
        aiohttp.ClientSession() as session,
        session.post(auth.token_url, data=form, headers=headers) as answer,
    ):
        return answer.status, await answer.json()


async def test_a_client_gets_its_roles_by_basic_and_by_form(auth: Auth) -> None:
    secret = auth.secrets["migration"]
    grant = {"grant_type": "client_credentials"}
    for form, basic in (
        (grant, ("migration", secret)),
        ({**grant, "client_id": "migration", "client_secret": secret}, None),
    ):
        status, body = await asked(auth, form, basic)
        assert status == 200
        claims = await checked(auth, body["access_token"])
        assert "ROLE_MIGRATE_LOCATIONS" in claims["authorities"]
        assert (claims["client_id"], claims["sub"], claims["scope"]) == ("migration", "migration", ["read", "write"])
        assert "user_name" not in claims


async def test_a_client_may_name_the_user_it_acts_for(auth: Auth) -> None:
    form = {"grant_type": "client_credentials", "username": "ITAG_USER"}
    _, body = await asked(auth, form, ("to-nomis", auth.secrets["to-nomis"]))
    claims = await checked(auth, body["access_token"])
    assert (claims["user_name"], claims["sub"], claims["client_id"]) == ("ITAG_USER", "ITAG_USER", "to-nomis")


@pytest.mark.parametrize("basic", [("to-nomis", "wrong"), ("nobody", "x"), None])
async def test_a_wrong_secret_is_refused(auth: Auth, basic: tuple[str, str] | None) -> None:
    status, body = await asked(auth, {"grant_type": "client_credentials"}, basic)
    assert (status, body["error"]) == (401, "invalid_client")


async def signed_in(auth: Auth) -> str:
    person = {"username": "lei_staff", "password": auth.secrets["LEI_STAFF"]}
    async with aiohttp.ClientSession() as session:
        async with session.get(f"{auth.url}/oauth/authorize", params=AUTHORIZE) as page:
            assert page.status == 200
            assert f'value="{CHALLENGE}"' in await page.text()
        form = {**AUTHORIZE, **person}
        async with session.post(f"{auth.url}/oauth/authorize", data=form, allow_redirects=False) as back:
            assert back.status == 302
            query = parse_qs(urlsplit(back.headers["Location"]).query)
    assert query["state"] == ["xyz"]
    return query["code"][0]


async def test_a_person_signs_in_on_the_page_and_the_code_works_once(auth: Auth) -> None:
    form = {
        "grant_type": "authorization_code",
        "code": await signed_in(auth),
        "redirect_uri": REDIRECT,
        "code_verifier": VERIFIER,
    }
    basic = ("staff-ui", auth.secrets["staff-ui"])
    status, body = await asked(auth, form, basic)
    assert status == 200
    claims = await checked(auth, body["access_token"])
    assert claims["user_name"] == "LEI_STAFF"
    assert claims["caseloads"] == ["LEI"]
    assert "ROLE_MAINTAIN_LOCATIONS" in claims["authorities"]
    assert await asked(auth, form, basic) == (
        400,
        {"error": "invalid_grant", "error_description": "unknown, used or expired code"},
    )


async def test_a_code_needs_its_verifier(auth: Auth) -> None:
    form = {"grant_type": "authorization_code", "code": await signed_in(auth), "redirect_uri": REDIRECT}
    status, body = await asked(auth, {**form, "code_verifier": "guess"}, ("staff-ui", auth.secrets["staff-ui"]))
    assert (status, body["error"]) == (400, "invalid_grant")


@pytest.mark.parametrize(
    "change",
    [
        {"redirect_uri": "http://elsewhere.example/"},
        {"redirect_uri": "http://127.0.0.1:8088@elsewhere.example/sign-in/callback"},
        {"client_id": "nobody"},
        {"code_challenge": ""},
    ],
)
async def test_an_untrusted_request_is_never_sent_back(auth: Auth, change: dict[str, str]) -> None:
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"{auth.url}/oauth/authorize", data={**AUTHORIZE, **change}, allow_redirects=False) as answer,
    ):
        assert answer.status == 400
        assert "Location" not in answer.headers


async def test_a_wrong_password_shows_the_page_again(auth: Auth) -> None:
    form = {**AUTHORIZE, "username": "LEI_STAFF", "password": '"><script>'}
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"{auth.url}/oauth/authorize", data=form, allow_redirects=False) as answer,
    ):
        assert answer.status == 401
        text = await answer.text()
    assert "valid username" in text
    assert "<script>" not in text


async def test_tests_sign_tokens_the_key_of_the_server_confirms(auth: Auth, token: MakeToken) -> None:
    claims = await checked(auth, token({"ROLE_VIEW_LOCATIONS", "QUEUE_ADMIN"}, username="X", prisons=["LEI"]))
    assert claims["authorities"] == ["ROLE_QUEUE_ADMIN", "ROLE_VIEW_LOCATIONS"]
    assert claims["caseloads"] == ["LEI"]


def test_the_key_is_kept_so_that_tokens_outlive_a_restart(tmp_path: Path) -> None:
    file = tmp_path / "sign-in" / "key.pem"
    first, second = (Signer(kept_key(file), "issuer", clock) for _ in range(2))
    assert first.jwks() == second.jwks()
    assert file.stat().st_mode & 0o777 == 0o600
