"""The OAuth 2 authorization code flow with PKCE, state and nonce (RFC 6749, 7636, 9700; OpenID Connect Core)."""

import base64
import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from hashlib import sha256
from typing import Any
from urllib.parse import urlencode

import aiohttp
import jwt
import structlog
from yarl import URL

from libs.web.auth import NotSignedIn, Verifier
from libs.web.outgoing import ApiSession, RemoteFailure
from services.staff_ui.edge.sealing import Seal
from services.staff_ui.edge.sessions import Session
from services.staff_ui.errors import SignInFailed
from services.staff_ui.settings import Settings

PURPOSE = "sign-in"
CALLBACK = "/sign-in/callback"
FORM = "application/x-www-form-urlencoded"
log = structlog.get_logger()


@dataclass(frozen=True)
class Leaving:
    """What we must remember while the person is at the sign-in server."""

    state: str
    nonce: str
    verifier: str
    back_to: str


class SignIn:
    """Sends people to the sign-in server and takes them in when they come back."""

    def __init__(self, settings: Settings, seal: Seal, server: ApiSession, verifier: Verifier) -> None:
        self._settings = settings
        self._seal = seal
        self._server = server
        self._verifier = verifier

    def leave(self, back_to: str, now: float) -> tuple[str, str]:
        """Return where the browser goes, and what it keeps for us meanwhile (sealed)."""
        words = (secrets.token_urlsafe(32) for _ in range(3))
        leaving = Leaving(next(words), next(words), next(words), own_path(back_to))
        asked = {
            "response_type": "code",
            "client_id": self._settings.client_id,
            "redirect_uri": self._callback,
            "state": leaving.state,
            "nonce": leaving.nonce,
            "code_challenge": _challenge(leaving.verifier),
            "code_challenge_method": "S256",
        }
        if self._settings.oauth_openid:
            asked["scope"] = "openid read write"
        return f"{self._authorize_url}?{urlencode(asked)}", self._seal.close(PURPOSE, asdict(leaving), now)

    async def arrive(self, query: Mapping[str, str], kept: str, now: float) -> tuple[Session, str]:
        """Return the new session and where the person wanted to go. Raises SignInFailed."""
        seconds = self._settings.session_limits.sign_in_seconds_max
        content = self._seal.open(PURPOSE, kept, seconds, now) if kept else None
        if content is None:
            raise SignInFailed("this sign-in was not begun in this browser, or too long ago")
        leaving = Leaving(**content)
        if not secrets.compare_digest(leaving.state.encode(), query.get("state", "").encode()):
            raise SignInFailed("the state that came back is not the one we sent")
        if "code" not in query:
            raise SignInFailed(f"the sign-in server answered {query.get('error', 'without a code')!r}")
        granted = await self._exchanged(query["code"], leaving.verifier)
        return await self._session(granted, leaving.nonce, now), leaving.back_to

    async def _exchanged(self, code: str, verifier: str) -> Mapping[str, Any]:
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self._callback,
            "code_verifier": verifier,
        }
        secret = self._settings.client_secret.get_secret_value()
        headers = {
            "Content-Type": FORM,
            "Authorization": aiohttp.encode_basic_auth(self._settings.client_id, secret),
        }
        try:
            answer = await self._server.request("POST", "/oauth/token", json=urlencode(form).encode(), headers=headers)
            granted: Mapping[str, Any] = answer.json()
        except (RemoteFailure, ValueError) as failure:
            raise SignInFailed(f"no token was had: {failure}") from failure
        return granted

    async def _session(self, granted: Mapping[str, Any], nonce: str, now: float) -> Session:
        token = str(granted.get("access_token", ""))
        try:
            caller = await self._verifier.caller(f"Bearer {token}")
            if self._settings.oauth_openid:
                await self._check_id_token(str(granted.get("id_token", "")), nonce)
        except NotSignedIn as refused:
            raise SignInFailed(f"a token does not hold: {refused}") from refused
        # Verified above; read here for the name and the end alone.
        claims = jwt.decode(token, options={"verify_signature": False})
        ends = min(float(claims["exp"]), now + self._settings.session_limits.seconds_max)
        return Session.begun(token, str(claims.get("name") or caller.username), ends, now)

    async def _check_id_token(self, id_token: str, nonce: str) -> None:
        await self._verifier.caller(f"Bearer {id_token}")
        claims = jwt.decode(id_token, options={"verify_signature": False})
        audience = claims.get("aud")
        if self._settings.client_id not in ([audience] if isinstance(audience, str) else audience or ()):
            raise SignInFailed("the ID token is meant for somebody else")
        if not secrets.compare_digest(str(claims.get("nonce", "")).encode(), nonce.encode()):
            raise SignInFailed("the ID token has another nonce than we sent")

    @property
    def _callback(self) -> str:
        return str(self._settings.public.with_path(CALLBACK))

    @property
    def _authorize_url(self) -> str:
        return self._settings.oauth_authorize_url or f"{self._settings.api_base_url_oauth}/oauth/authorize"


def own_path(wanted: str) -> str:
    """Return the path if it is one of ours, else the front page: nobody is sent elsewhere from here."""
    url = URL(wanted) if wanted.startswith("/") and "\\" not in wanted else URL("/")
    return str(url) if not url.absolute and not url.raw_host and not wanted.startswith("//") else "/"


def _challenge(verifier: str) -> str:
    return base64.urlsafe_b64encode(sha256(verifier.encode()).digest()).rstrip(b"=").decode()
