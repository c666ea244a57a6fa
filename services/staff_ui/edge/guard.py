"""Where every request for a page comes in and every exception stops: who, may they, was it forged, what went wrong."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import structlog
from aiohttp import web
from aiohttp.typedefs import Handler as AiohttpHandler
from multidict import MultiDict, MultiDictProxy
from yarl import URL

from libs.telemetry.tracing import bound, span_of
from libs.web.application import EDGE, answered
from libs.web.auth import Caller, NotSignedIn, Verifier
from libs.web.metrics import Observe
from libs.web.outgoing import RemoteRefused, RemoteUnavailable
from libs.web.problems import Refusal, SignInUnreachable, TooManyRequests, TooManyStreams
from libs.web.routing import Events
from services.staff_ui.edge import forgery
from services.staff_ui.edge.cookies import Cookies
from services.staff_ui.edge.doors import Door
from services.staff_ui.edge.policy import page_headers
from services.staff_ui.edge.sealing import Seal
from services.staff_ui.edge.sessions import Notice, Session, Sessions
from services.staff_ui.edge.visits import NO_FORM, NOTICE, House, Visit
from services.staff_ui.errors import Forged, NotAllowed, NotThere, SignInFailed, SignInNeeded
from services.staff_ui.settings import Settings

READS = frozenset({"GET", "HEAD"})
SESSION, SHOWN, KEPT = "locations-session", "locations-notice", "locations-sign-in"
NOTICE_SECONDS_MAX = 300
Answering = Callable[[web.Request], Awaitable[web.StreamResponse | Events]]
BAD_REQUEST, UNAUTHORIZED, FORBIDDEN, NOT_FOUND = 400, 401, 403, 404
log = structlog.get_logger()


@dataclass(frozen=True)
class Failure:
    """What a page says of a failure: status and template under `templates/errors/`."""

    status: int
    template: str


FAILURES = MappingProxyType(
    {
        SignInNeeded: Failure(401, "signed_out_meanwhile.html"),
        SignInFailed: Failure(400, "sign_in_failed.html"),
        Forged: Failure(403, "forged.html"),
        NotAllowed: Failure(403, "not_allowed.html"),
        NotThere: Failure(404, "not_found.html"),
        RemoteUnavailable: Failure(503, "unavailable.html"),
        SignInUnreachable: Failure(503, "unavailable.html"),
        TooManyStreams: Failure(503, "unavailable.html"),
        TooManyRequests: Failure(429, "unavailable.html"),
    }
)
UNEXPECTED = Failure(500, "unexpected.html")
# What an API's refusal means when a page has nothing better to say of it.
REFUSED = MappingProxyType({UNAUTHORIZED: SignInNeeded, FORBIDDEN: NotAllowed, NOT_FOUND: NotThere})


class Guard:
    """Makes aiohttp handlers of doors."""

    def __init__(
        self,
        settings: Settings,
        house: House,
        sessions: Sessions,
        seal: Seal,
        verifier: Verifier,
        now: Callable[[], float],
    ) -> None:
        self._public = settings.public
        secure = settings.public.scheme == "https"
        self.cookies = Cookies(secure=secure)
        self._headers = page_headers(secure=secure, hsts_seconds=settings.hsts_seconds)
        self._seconds_max = settings.http_limits.request_seconds_max
        self._house = house
        self.sessions = sessions
        self._seal = seal
        self._verifier = verifier
        self.now = now

    def page(self, door: Door, observe: Observe) -> AiohttpHandler:
        """Make the handler of a page for the signed-in."""

        async def answer(request: web.Request) -> web.StreamResponse | Events:
            session, caller = await self._signed_in(request)
            request.app[EDGE].rates.take(caller.username)
            form = NO_FORM if request.method in READS else await self._own_form(request, session)
            if door.roles and caller.roles.isdisjoint(door.roles):
                raise NotAllowed("a role is missing")
            notice = self._notice(request)
            value = await door.handler(Visit(request, self._house, session, caller, form, notice))
            if isinstance(value, Events):
                return value
            self._renewed(request, value, session)
            if notice is not None and value.content_type == "text/html":
                self.cookies.write(value, request.cookies, SHOWN, "")
            return value

        return self.open(door.path, answer, observe)

    def open(self, template: str, answer: Answering, observe: Observe) -> AiohttpHandler:
        """Make the handler of a page for everybody: headers, deadline, log, and a page for every failure."""

        async def handle(request: web.Request) -> web.StreamResponse:
            started = time.perf_counter()
            with bound(span_of(request.headers)):
                response = await self._guarded(request, template, answer)
                took = time.perf_counter() - started
                observe(request.method, response.status, took)
                answered(request, template, response, took)
                tell = log.debug if response.status < 400 and request.method in READS else log.info  # noqa: PLR2004
                tell("page", method=request.method, route=template, status=response.status, ms=round(took * 1000, 2))
            return response

        return handle

    @web.middleware
    async def strangers(self, request: web.Request, handler: AiohttpHandler) -> web.StreamResponse:
        """Answer people what no route answers; programs are answered by the kit."""
        if request.match_info.http_exception is None or "text/html" not in request.headers.get("Accept", ""):
            return await handler(request)

        async def missing(request: web.Request) -> web.StreamResponse:
            raise NotThere(request.path)

        return await self._guarded(request, "-", missing)

    async def _guarded(self, request: web.Request, template: str, answer: Answering) -> web.StreamResponse:
        if (elsewhere := self._misdirected(request)) is not None:
            return elsewhere
        try:
            async with asyncio.timeout(self._seconds_max):
                value = await answer(request)
            # A stream has limits of its own (`HttpLimits.streams`); only its beginning is a request like any other.
            response = await request.app[EDGE].streams.send(request, value) if isinstance(value, Events) else value
        except Exception as error:  # noqa: BLE001 - the pages' edge: everything becomes a page
            response = self._failed(request, template, error)
        if not response.prepared:
            for name, told in self._headers.items():
                response.headers.setdefault(name, told)
            if NOTICE in response:
                sealed = self._seal.close(SHOWN, response[NOTICE].content(), self.now())
                self.cookies.write(response, request.cookies, SHOWN, sealed)
        return response

    def _misdirected(self, request: web.Request) -> web.Response | None:
        """Send who came by another name to the one that cookies and sign-in are for."""
        if request.host == self._public.host_port_subcomponent:
            return None
        if request.method not in READS:
            return web.Response(status=421, text="This is not the address of this service.")
        there = self._public.join(request.rel_url)
        return web.Response(status=307, headers={"Location": str(there)})

    async def _signed_in(self, request: web.Request) -> tuple[Session, Caller]:
        session = self.session(request)
        if session is None:
            raise SignInNeeded("no session")
        header = f"Bearer {session.token}"
        try:
            return session, self._verifier.remembered(header) or await self._verifier.caller(header)
        except NotSignedIn as refused:
            raise SignInNeeded(str(refused)) from refused

    def session(self, request: web.Request) -> Session | None:
        """Return the session of a request, if it has one."""
        return self.sessions.opened(self.cookies.read(request.cookies, SESSION), self.now())

    async def _own_form(self, request: web.Request, session: Session) -> MultiDictProxy[str]:
        forgery.check_origin(request.headers, self._public)
        posted = await request.post()
        form = MultiDict((name, value) for name, value in posted.items() if isinstance(value, str))
        forgery.check(session.forgery_key, form.get(forgery.FIELD, ""))
        return MultiDictProxy(form)

    async def own_form(self, request: web.Request) -> Session:
        """Return the session of a form that is ours. Raises SignInNeeded, Forged."""
        session, _ = await self._signed_in(request)
        await self._own_form(request, session)
        return session

    def _renewed(self, request: web.Request, response: web.StreamResponse, session: Session) -> None:
        now = self.now()
        if self.sessions.due(session, now):
            self.cookies.write(response, request.cookies, SESSION, self.sessions.closed(session, now))

    def _notice(self, request: web.Request) -> Notice | None:
        sealed = self.cookies.read(request.cookies, SHOWN)
        content = self._seal.open(SHOWN, sealed, NOTICE_SECONDS_MAX, self.now()) if sealed else None
        return Notice(**content) if content else None

    def _failed(self, request: web.Request, template: str, error: Exception) -> web.StreamResponse:
        kind = type(error)
        if isinstance(error, RemoteRefused):
            kind = REFUSED.get(error.status, RemoteUnavailable if error.status in {502, 503} else kind)
            if error.status == BAD_REQUEST and request.method in READS:
                # Nothing was filled in: an address was made up.
                kind = NotThere
        if isinstance(error, TimeoutError):
            kind = RemoteUnavailable
        if kind is SignInNeeded and request.method in READS:
            there = URL("/sign-in").with_query(back=str(request.rel_url))
            return web.Response(status=303, headers={"Location": str(there)})
        failure = FAILURES.get(kind, UNEXPECTED)
        if failure is UNEXPECTED:
            request.app[EDGE].metrics.failed(error)
            log.error("page-failed", method=request.method, route=template, exc_info=error)
        else:
            log.info("page-refused", method=request.method, route=template, kind=kind.__name__, reason=str(error))
        text = self._house.pages.write(f"errors/{failure.template}", self._around(request))
        told = error.headers if isinstance(error, Refusal) else None
        return web.Response(text=text, status=failure.status, content_type="text/html", headers=told)

    def _around(self, request: web.Request) -> Mapping[str, object]:
        """Return what a failure's page has around it: the person, if signed in, and the sections they see."""
        session = self.session(request)
        if session is None:
            return {}
        caller = self._verifier.remembered(f"Bearer {session.token}")
        return {
            "person": session.name,
            "roles": caller.roles if caller else frozenset(),
            "path": request.path,
            "csrf_field": forgery.FIELD,
            "csrf": forgery.token(session.forgery_key),
        }
