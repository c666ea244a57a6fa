"""Who is asking: bearer tokens of the sign-in server, checked once each and remembered until they expire."""

import asyncio
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp
import jwt
import orjson
import structlog
from pydantic import BaseModel, NonNegativeFloat, PositiveFloat, PositiveInt

from libs.web.problems import AccessDenied, SignInUnreachable
from libs.web.routing import Needs

ALGORITHMS = ("RS256",)
log = structlog.get_logger()


class AuthSettings(BaseModel, frozen=True):
    """Where the keys are and how long they, and we, may wait."""

    jwks_url: str
    issuer: str | None = None
    jwks_cache_seconds: PositiveFloat = 300
    jwks_refetch_seconds: PositiveFloat = 10
    # A key that was withdrawn while the server cannot be asked is taken no longer than this.
    jwks_outage_seconds_max: PositiveFloat = 4 * 60 * 60
    timeout_seconds: PositiveFloat = 5
    leeway_seconds: NonNegativeFloat = 10
    tokens_remembered_max: PositiveInt = 2000


@dataclass(frozen=True, slots=True)
class Caller:
    """The bearer of a token; `prisons` is None unless the token names caseloads."""

    username: str
    client_id: str
    roles: frozenset[str]
    scopes: frozenset[str]
    token: str
    prisons: frozenset[str] | None = None

    def require(self, needs: Needs) -> None:
        """Refuse who lacks the role or the scope."""
        if not needs.is_open and (
            self.roles.isdisjoint(needs.roles) or (needs.scope is not None and needs.scope not in self.scopes)
        ):
            raise AccessDenied("Access is denied")


class NotSignedIn(Exception):
    """No token, or one we do not accept; the answer is 401 with a challenge and no body."""

    def __init__(self, reason: str, challenge: str = 'Bearer error="invalid_token"') -> None:
        super().__init__(reason)
        self.challenge = challenge


class Keys:
    """The sign-in server's public keys: fetched by one at a time, kept through an outage, renewed on an unknown id."""

    def __init__(self, settings: AuthSettings, session: aiohttp.ClientSession, clock: Callable[[], float]) -> None:
        self._settings = settings
        self._session = session
        self._clock = clock
        self._keys: Mapping[str, jwt.PyJWK] = {}
        self._fetched_at = float("-inf")
        self._tried_at = float("-inf")
        self._answered_at = float("-inf")
        self._last_try_failed = False
        self._one_at_a_time = asyncio.Lock()

    async def key(self, key_id: str) -> jwt.PyJWK:
        """Give the key, asking the server if it is unknown or what we know is old."""
        if key_id not in self._keys or self._age() > self._settings.jwks_cache_seconds:
            await self._refresh()
        if self._keys and self._age() > self._settings.jwks_outage_seconds_max:
            log.error("jwks-too-old", keys_dropped=len(self._keys))
            self._keys = {}
        if key_id in self._keys:
            return self._keys[key_id]
        if not self._keys or self._last_try_failed:
            # It may be a new key: only who knows all keys may say that it is none.
            raise SignInUnreachable("the sign-in server's keys cannot be read", {"Retry-After": "5"})
        raise NotSignedIn("unknown key id")

    async def _refresh(self) -> None:
        asked_at = self._clock()
        async with self._one_at_a_time:
            if self._answered_at >= asked_at:
                return  # somebody tried while we waited; in an outage nobody queues for a time-out each
            if self._keys and self._clock() - self._tried_at < self._settings.jwks_refetch_seconds:
                return
            self._tried_at = self._clock()
            try:
                self._keys = await self._fetch()
                self._fetched_at = self._clock()
                self._last_try_failed = False
            except (aiohttp.ClientError, TimeoutError, ValueError, jwt.PyJWTError) as failure:
                self._last_try_failed = True
                log.warning("jwks-unreadable", reason=type(failure).__name__, keys_kept=len(self._keys))
            finally:
                self._answered_at = self._clock()

    async def _fetch(self) -> Mapping[str, jwt.PyJWK]:
        async with self._session.get(self._settings.jwks_url) as answer:
            answer.raise_for_status()
            listed = orjson.loads(await answer.read())["keys"]
        keys = [jwt.PyJWK(each, "RS256") for each in listed if each.get("kty") == "RSA" and each.get("use") != "enc"]
        return {key.key_id: key for key in keys if key.key_id}

    def _age(self) -> float:
        return self._clock() - self._fetched_at


class Verifier:
    """From an Authorization header to a Caller."""

    def __init__(self, settings: AuthSettings, keys: Keys, clock: Callable[[], float] = time.time) -> None:
        self._settings = settings
        self._keys = keys
        self._clock = clock
        self._known: OrderedDict[str, tuple[Caller, float]] = OrderedDict()

    def remembered(self, header: str | None) -> Caller | None:
        """Give the caller of a header seen before, while its token lasts; costs one look into a table."""
        if header is None:
            return None
        known = self._known.get(header)
        if known is None:
            return None
        caller, expires = known
        if self._clock() > expires:
            del self._known[header]
            return None
        self._known.move_to_end(header)
        return caller

    async def caller(self, header: str | None) -> Caller:
        """Check a header; NotSignedIn if it does not hold an acceptable token."""
        remembered = self.remembered(header)
        if remembered is not None:
            return remembered
        if header is None or header[:7].lower() != "bearer ":
            raise NotSignedIn("no bearer token", "Bearer")
        token = header[7:].strip()
        claims = await self._claims(token)
        caller = _caller(claims, token)
        self._known[header] = (caller, float(claims["exp"]) + self._settings.leeway_seconds)
        while len(self._known) > self._settings.tokens_remembered_max:
            self._known.popitem(last=False)
        return caller

    async def _claims(self, token: str) -> Mapping[str, Any]:
        try:
            key = await self._keys.key(str(jwt.get_unverified_header(token).get("kid", "")))
            claims: dict[str, Any] = jwt.decode(
                token,
                key,
                algorithms=list(ALGORITHMS),
                issuer=self._settings.issuer,
                leeway=self._settings.leeway_seconds,
                options={"require": ["exp"], "verify_aud": False},
            )
        except jwt.PyJWTError as refused:
            raise NotSignedIn(type(refused).__name__) from refused
        return claims


@asynccontextmanager
async def verifier(settings: AuthSettings, clock: Callable[[], float] = time.time) -> AsyncIterator[Verifier]:
    """Make a verifier with a session of its own for the keys."""
    timeout = aiohttp.ClientTimeout(total=settings.timeout_seconds)
    async with aiohttp.ClientSession(timeout=timeout) as session:
        yield Verifier(settings, Keys(settings, session, clock), clock)


def _caller(claims: Mapping[str, Any], token: str) -> Caller:
    client_id = str(claims.get("client_id") or claims.get("azp") or claims.get("sub") or "")
    caseloads = claims.get("caseloads")
    return Caller(
        username=str(claims.get("user_name") or client_id),
        client_id=client_id,
        roles=_words(claims.get("authorities")),
        scopes=_words(claims.get("scope")),
        token=token,
        prisons=None if caseloads is None else _words(caseloads),
    )


def _words(claim: object) -> frozenset[str]:
    match claim:
        case str():
            return frozenset(claim.split())
        case list():
            return frozenset(str(word) for word in claim)
        case _:
            return frozenset()
