"""The page of the document: whatever a document says, it is shown and never run."""

import base64
import hashlib
import re

from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from libs.web.application import application
from libs.web.auth import AuthSettings
from libs.web.health import Health
from libs.web.pages.documentation import rendered
from libs.web.routing import Needs, Route
from tests.conftest import Auth

EVIL = "</style><script>alert(1)</script><img src=x onerror='alert(2)'>\"'&"


async def evil(name: str) -> dict[str, str]:
    return {"name": name}


def app(auth: Auth) -> web.Application:
    evil.__doc__ = f"{EVIL}\n\n{EVIL}"
    return application(
        service=EVIL,
        routes=[Route("GET", "/evil/{name}", evil, Needs.role(f"ROLE_{EVIL}"), tags=(EVIL,))],
        problems={},
        auth=AuthSettings(jwks_url=auth.jwks_url),
        health=Health(),
    )


async def test_nothing_that_a_document_says_becomes_markup(auth: Auth) -> None:
    async with TestClient(TestServer(app(auth))) as client:
        document = await (await client.get("/v3/api-docs")).json()
    document["components"]["schemas"][EVIL] = {
        "type": "object",
        "description": EVIL,
        "properties": {EVIL: {"type": EVIL, "description": EVIL, "pattern": EVIL}},
    }
    page = rendered(document)
    assert page.count("&lt;script&gt;") > 10
    assert not re.search(r"<(script|img)", page)
    assert page.count("</style>") == 1


async def test_the_policy_allows_the_pages_own_style_and_nothing_more(auth: Auth) -> None:
    async with TestClient(TestServer(app(auth))) as client:
        answer = await client.get("/swagger-ui")
        page = await answer.text()
    [style] = re.findall(r"<style>(.*?)</style>", page, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = answer.headers["Content-Security-Policy"]
    assert policy == (
        f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
