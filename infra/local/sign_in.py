"""Stand-in for HMPPS Auth: tokens for programs, a page for people, and the key that services check tokens by."""

import base64
import binascii
import html
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from types import MappingProxyType
from urllib.parse import unquote_plus, urlencode

from aiohttp import web

from infra.local.accounts import Accounts, Client, User
from infra.local.tokens import Grant, Signer

CODE_LIFETIME = timedelta(seconds=60)
CODES_MAX = 1000
CARRIED = ("client_id", "redirect_uri", "scope", "state", "nonce", "code_challenge", "code_challenge_method")
PAGE_HEADERS = MappingProxyType(
    {
        "Cache-Control": "no-store",
        "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
    },
)
PAGE = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Sign in</title>
<style>body{{font:1.1rem/1.5 arial,sans-serif;max-width:30rem;margin:3rem auto}}
label,input,button{{display:block;font:inherit;margin:.3rem 0}}</style></head>
<body><main><h1>Sign in</h1>{error}<form method="post" action="{action}">{hidden}
<label for="username">Username</label><input id="username" name="username" autocomplete="username" required>
<label for="password">Password</label>
<input id="password" name="password" type="password" autocomplete="current-password" required>
<button>Sign in</button></form></main></body></html>"""


class Refused(Exception):
    """An OAuth error as RFC 6749 §5.2 words it."""

    def __init__(self, error: str, description: str, status: int = 400) -> None:
        super().__init__(description)
        self.error = error
        self.status = status


@dataclass(frozen=True)
class Code:
    """What an authorization code stands for until it is exchanged, once."""

    client: Client
    user: User
    redirect_uri: str
    challenge: str
    expires: datetime
    # Of OpenID Connect: whether an ID token is asked for, and the word that must come back in it.
    openid: bool
    nonce: str


class SignIn:
    """The handlers; codes live in memory, everything else is decided by the table of accounts."""

    def __init__(self, accounts: Accounts, signer: Signer, now: Callable[[], datetime]) -> None:
        self._accounts = accounts
        self._signer = signer
        self._now = now
        self._codes: dict[str, Code] = {}

    async def jwks(self, _: web.Request) -> web.Response:
        """Publish the key."""
        return web.json_response(self._signer.jwks())

    async def ping(self, _: web.Request) -> web.Response:
        """Say that we are here."""
        return web.json_response({"status": "UP"})

    async def token(self, request: web.Request) -> web.Response:
        """Exchange a client's secret, or a code, for a token. Parameters may come in the form or in the query."""
        form = {**request.query, **{key: str(value) for key, value in (await request.post()).items()}}
        try:
            grant, code = self._grant(request.headers.get("Authorization"), form)
        except Refused as refused:
            body = {"error": refused.error, "error_description": str(refused)}
            return web.json_response(body, status=refused.status, headers={"Cache-Control": "no-store"})
        given = {
            "access_token": self._signer.token(grant),
            "token_type": "bearer",
            "expires_in": int(self._signer.lifetime.total_seconds()),
            "scope": " ".join(grant.scopes),
            "sub": grant.username or grant.client_id,
        }
        if code is not None and code.openid:
            given["id_token"] = self._signer.id_token(grant, code.nonce)
        return web.json_response(given, headers={"Cache-Control": "no-store"})

    async def authorize(self, request: web.Request) -> web.Response:
        """Show the page, or take what was typed into it and send the person back with a code."""
        form = {**request.query, **{key: str(value) for key, value in (await request.post()).items()}}
        client = self._accounts.client(form.get("client_id", ""))
        if client is None or not client.trusts(form.get("redirect_uri", "")):
            # Never redirected: the address itself is what cannot be trusted.
            return _page(form, "Unknown client or return address.", 400)
        if form.get("code_challenge_method") != "S256" or not form.get("code_challenge"):
            return _page(form, "This client must use PKCE with S256.", 400)
        if request.method == "GET":
            return _page(form)
        user = self._accounts.authenticated_user(form.get("username", ""), form.get("password", ""))
        if user is None:
            return _page(form, "Enter a valid username and password.", 401)
        back = {"code": self._new_code(client, user, form), "state": form.get("state", "")}
        raise web.HTTPFound(f"{form['redirect_uri']}?{urlencode(back)}")

    def _grant(self, authorization: str | None, form: Mapping[str, str]) -> tuple[Grant, Code | None]:
        client = self._client(authorization, form)
        match form.get("grant_type"):
            case "client_credentials":
                return Grant(client.id, form.get("username") or None, roles=client.roles, scopes=client.scopes), None
            case "authorization_code":
                return self._exchanged(client, form)
            case _:
                raise Refused("unsupported_grant_type", "client_credentials or authorization_code")

    def _client(self, authorization: str | None, form: Mapping[str, str]) -> Client:
        pair = _basic(authorization) or (form.get("client_id", ""), form.get("client_secret", ""))
        client = self._accounts.authenticated_client(*pair)
        if client is None:
            raise Refused("invalid_client", "unknown client or wrong secret", 401)
        return client

    def _exchanged(self, client: Client, form: Mapping[str, str]) -> tuple[Grant, Code]:
        code = self._codes.pop(form.get("code", ""), None)
        if code is None or code.client != client or code.expires < self._now():
            raise Refused("invalid_grant", "unknown, used or expired code")
        if form.get("redirect_uri") != code.redirect_uri or _challenge(form.get("code_verifier", "")) != code.challenge:
            raise Refused("invalid_grant", "return address or code verifier does not match")
        user = code.user
        grant = Grant(
            client.id,
            user.username,
            user.name,
            user.roles,
            client.scopes,
            user.caseloads,
            grant_type="authorization_code",
        )
        return grant, code

    def _new_code(self, client: Client, user: User, form: Mapping[str, str]) -> str:
        now = self._now()
        fresh = {word: code for word, code in self._codes.items() if code.expires >= now}
        self._codes = dict(list(fresh.items())[-CODES_MAX + 1 :])
        word = secrets.token_urlsafe(32)
        self._codes[word] = Code(
            client,
            user,
            form["redirect_uri"],
            form["code_challenge"],
            now + CODE_LIFETIME,
            openid="openid" in form.get("scope", "").split(),
            nonce=form.get("nonce", ""),
        )
        return word


def application(accounts: Accounts, signer: Signer, now: Callable[[], datetime]) -> web.Application:
    """Wire the handlers to HMPPS Auth's paths."""
    sign_in = SignIn(accounts, signer, now)
    app = web.Application(client_max_size=64 * 1024)
    app.router.add_get("/.well-known/jwks.json", sign_in.jwks)
    app.router.add_get("/health/ping", sign_in.ping)
    app.router.add_post("/oauth/token", sign_in.token)
    app.router.add_get("/oauth/authorize", sign_in.authorize)
    app.router.add_post("/oauth/authorize", sign_in.authorize)
    return app


def _page(form: Mapping[str, str], error: str = "", status: int = 200) -> web.Response:
    hidden = "".join(
        f'<input type="hidden" name="{name}" value="{html.escape(form.get(name, ""), quote=True)}">' for name in CARRIED
    )
    shown = f'<p role="alert"><strong>{html.escape(error)}</strong></p>' if error else ""
    text = PAGE.format(error=shown, action="/oauth/authorize", hidden=hidden)
    return web.Response(text=text, status=status, content_type="text/html", headers=PAGE_HEADERS)


def _basic(authorization: str | None) -> tuple[str, str] | None:
    if not authorization or not authorization.lower().startswith("basic "):
        return None
    try:
        client_id, _, secret = base64.b64decode(authorization[6:], validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        raise Refused("invalid_client", "unreadable Authorization header", 401) from None
    return unquote_plus(client_id), unquote_plus(secret)


def _challenge(verifier: str) -> str:
    return base64.urlsafe_b64encode(sha256(verifier.encode()).digest()).rstrip(b"=").decode()
