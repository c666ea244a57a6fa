"""Sessions to other APIs: bounded connections, deadlines, our own token, and failures in two plain words."""

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Collection, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp
import orjson
from pydantic import BaseModel, NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt, SecretStr
from yarl import URL

from libs.telemetry import spans
from libs.telemetry.tracing import current

OK = frozenset({200, 201, 204})
REPEATABLE = frozenset({"GET", "HEAD"})
UNAUTHORIZED = 401
# What is held of an answer that is read piece by piece.
PIECE_BYTES = 64 * 1024
# A gateway's answers, too many questions, and a token that is not taken (any more). 500 is not here: some services say
# it of what was sent.
AWAY = frozenset({UNAUTHORIZED, 403, 408, 429, 502, 503, 504})


class OutgoingSettings(BaseModel, frozen=True):
    """Where an API is, who we are to it, and how long we wait; without `token_url` no token is sent."""

    base_url: str
    # What we call it, for people.
    name: str = ""
    timeout_seconds: PositiveFloat = 10
    connect_seconds: PositiveFloat = 2
    token_url: str | None = None
    client_id: str = ""
    client_secret: SecretStr = SecretStr("")
    token_margin_seconds: NonNegativeFloat = 30
    connections_max: PositiveInt = 20
    # Our services stand next to each other: packing and unpacking costs more than the wire does.
    compressed: bool = False
    retries: NonNegativeInt = 2
    retry_wait_seconds: NonNegativeFloat = 0.1


class RemoteFailure(Exception):
    """Another API did not do what we asked."""

    def __init__(self, method: str, path: str, reason: str) -> None:
        super().__init__(f"{method} {path} {reason}")
        self.method = method
        self.path = path
        # What we call that API (`OutgoingSettings.name`), once it is known.
        self.remote = ""

    @property
    def away(self) -> bool:
        """Whether it says nothing of what was asked: no answer, or one that any question would have got."""
        return True


class RemoteRefused(RemoteFailure):
    """It answered with a status we did not call fine."""

    def __init__(self, status: int, body: Mapping[str, Any], method: str, path: str) -> None:
        super().__init__(method, path, f"answered {status}")
        self.status = status
        self.body = body

    @property
    def away(self) -> bool:
        """See `RemoteFailure`."""
        return self.status in AWAY


class RemoteUnavailable(RemoteFailure):
    """It could not be reached, or did not answer in time."""


@dataclass(frozen=True, slots=True)
class ApiAnswer:
    """What it answered."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """Read the body as JSON."""
        return orjson.loads(self.body)


class TokenSource:
    """One client-credentials token for all, renewed before it expires by whoever comes first."""

    def __init__(
        self, settings: OutgoingSettings, session: aiohttp.ClientSession, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._settings = settings
        self._session = session
        self._clock = clock
        self._token = ""
        self._renew_at = float("-inf")
        self._one_at_a_time = asyncio.Lock()

    async def token(self) -> str:
        """Give a token that lasts a while."""
        if self._clock() >= self._renew_at:
            async with self._one_at_a_time:
                if self._clock() >= self._renew_at:
                    await self._renew()
        return self._token

    def refused(self, token: str) -> None:
        """Forget a token that was not accepted, unless it was replaced meanwhile."""
        if token == self._token:
            self._renew_at = float("-inf")

    async def _renew(self) -> None:
        url = self._settings.token_url
        assert url is not None
        secret = self._settings.client_secret.get_secret_value()
        try:
            async with self._session.post(
                url,
                data={"grant_type": "client_credentials"},
                headers={"Authorization": aiohttp.encode_basic_auth(self._settings.client_id, secret)},
            ) as answer:
                body = await answer.read()
                if answer.status != 200:  # noqa: PLR2004 - HTTP's own number
                    raise RemoteUnavailable("POST", URL(url).path, f"gave no token but {answer.status}")
        except (aiohttp.ClientError, TimeoutError, OSError) as failure:
            raise RemoteUnavailable("POST", URL(url).path, f"failed: {type(failure).__name__}") from failure
        granted = orjson.loads(body)
        self._token = granted["access_token"]
        lifetime = float(granted.get("expires_in", 300))
        # A token shorter-lived than the margin is still used for half its life.
        self._renew_at = self._clock() + max(lifetime - self._settings.token_margin_seconds, lifetime / 2)


class ApiSession:
    """Requests to one API."""

    def __init__(self, settings: OutgoingSettings, session: aiohttp.ClientSession, tokens: TokenSource | None) -> None:
        self._settings = settings
        self._session = session
        self._tokens = tokens
        self._base = settings.base_url.rstrip("/")

    async def request(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str | int] | None = None,
        json: Any = None,
        headers: Mapping[str, str] | None = None,
        ok: Collection[int] = OK,
        timeout: float | None = None,
    ) -> ApiAnswer:
        """Ask; RemoteRefused for a status not in `ok`, RemoteUnavailable when there was no answer."""
        body = None if json is None else _encoded(json)
        sent = {**({"Content-Type": "application/json"} if body is not None else {}), **(headers or {})}
        seconds = timeout or self._settings.timeout_seconds
        try:
            answer = await self._authorised(method, path, params, body, sent, seconds)
            if answer.status not in ok:
                raise RemoteRefused(answer.status, _problem_body(answer.body), method, path)
        except RemoteFailure as failure:
            failure.remote = self._settings.name
            raise
        return answer

    async def pieces(
        self, path: str, *, headers: Mapping[str, str] | None = None, timeout: float | None = None
    ) -> AsyncGenerator[bytes, None]:
        """Read an answer of any length as it comes, never whole; `timeout` is for all of it.

        Raises RemoteRefused for anything but 200, and RemoteUnavailable, which may come after some pieces.
        """
        sent = dict(headers or {})
        if self._tokens is not None and "Authorization" not in sent:
            sent["Authorization"] = f"Bearer {await self._tokens.token()}"
        seconds = timeout or self._settings.timeout_seconds
        limits = aiohttp.ClientTimeout(total=seconds, connect=min(seconds, self._settings.connect_seconds))
        try:
            async with self._session.get(
                self._base + path, headers=sent, timeout=limits, allow_redirects=False
            ) as answer:
                if answer.status != 200:  # noqa: PLR2004 - HTTP's own number
                    raise RemoteRefused(answer.status, _problem_body(await answer.read()), "GET", path)
                async for piece in answer.content.iter_chunked(PIECE_BYTES):
                    yield piece
        except (aiohttp.ClientError, TimeoutError, OSError) as failure:
            raise RemoteUnavailable("GET", path, f"failed: {type(failure).__name__}") from failure

    async def _authorised(
        self,
        method: str,
        path: str,
        params: Mapping[str, str | int] | None,
        body: bytes | None,
        headers: dict[str, str],
        seconds: float,
    ) -> ApiAnswer:
        if self._tokens is None or "Authorization" in headers:
            return await self._repeated(method, path, params, body, headers, seconds)
        token = await self._tokens.token()
        answer = await self._repeated(
            method, path, params, body, headers | {"Authorization": f"Bearer {token}"}, seconds
        )
        if answer.status != UNAUTHORIZED:
            return answer
        self._tokens.refused(token)
        token = await self._tokens.token()
        return await self._repeated(method, path, params, body, headers | {"Authorization": f"Bearer {token}"}, seconds)

    async def _repeated(
        self,
        method: str,
        path: str,
        params: Mapping[str, str | int] | None,
        body: bytes | None,
        headers: Mapping[str, str],
        seconds: float,
    ) -> ApiAnswer:
        retries = self._settings.retries if method in REPEATABLE else 0
        for attempt in range(retries + 1):
            try:
                return await self._once(method, path, params, body, headers, seconds)
            except (aiohttp.ClientConnectionError, aiohttp.ClientPayloadError) as failure:
                if attempt == retries or isinstance(failure, TimeoutError):
                    raise RemoteUnavailable(method, path, f"failed: {type(failure).__name__}") from failure
                await asyncio.sleep(self._settings.retry_wait_seconds * 2**attempt)
            except (aiohttp.ClientError, TimeoutError, OSError) as failure:
                raise RemoteUnavailable(method, path, f"failed: {type(failure).__name__}") from failure
        raise AssertionError("unreachable")

    async def _once(
        self,
        method: str,
        path: str,
        params: Mapping[str, str | int] | None,
        body: bytes | None,
        headers: Mapping[str, str],
        seconds: float,
    ) -> ApiAnswer:
        timeout = aiohttp.ClientTimeout(total=seconds, connect=min(seconds, self._settings.connect_seconds))
        # Every try is a span of its own.
        span = around.child() if (around := current()) else None
        if span is not None:
            headers = {**headers, **span.headers}
        started, status = time.perf_counter(), 0
        # Redirects are not followed: none of our APIs redirects, and the token must not travel on.
        try:
            async with self._session.request(
                method,
                self._base + path,
                params=params,
                data=body,
                headers=headers,
                timeout=timeout,
                allow_redirects=False,
            ) as answer:
                status = answer.status
                return ApiAnswer(answer.status, answer.headers, await answer.read())
        finally:
            if span is not None:
                spans.ended(
                    f"{method} {self._settings.name or 'api'}",
                    "CLIENT",
                    span,
                    time.perf_counter() - started,
                    {"http.request.method": method, "http.response.status_code": status},
                    failed=not 0 < status < 400,  # noqa: PLR2004 - HTTP's own number
                )


@asynccontextmanager
async def api_session(settings: OutgoingSettings) -> AsyncIterator[ApiSession]:
    """Open a session to one API."""
    connector = aiohttp.TCPConnector(limit=settings.connections_max)
    timeout = aiohttp.ClientTimeout(total=settings.timeout_seconds, connect=settings.connect_seconds)
    accepted = {"Accept-Encoding": "gzip" if settings.compressed else "identity"}
    async with aiohttp.ClientSession(connector=connector, timeout=timeout, headers=accepted) as session:
        tokens = TokenSource(settings, session) if settings.token_url else None
        yield ApiSession(settings, session, tokens)


def _encoded(value: Any) -> bytes:
    if isinstance(value, bytes):
        return value
    return orjson.dumps(value, default=_default)


def _default(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json", by_alias=True, exclude_none=True)
    return str(value)


def _problem_body(raw: bytes) -> Mapping[str, Any]:
    try:
        body = orjson.loads(raw)
    except orjson.JSONDecodeError:
        return {}
    return body if isinstance(body, dict) else {}
