"""Makes an aiohttp application of routes, roles and problems, and serves it until told to stop."""

import asyncio
import gc
import logging
import signal
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import structlog
from aiohttp import web
from aiohttp.typedefs import Handler as AiohttpHandler
from prometheus_client import CollectorRegistry

from libs.db.faults import is_away
from libs.telemetry import spans
from libs.telemetry.loop_lag import loop_lag, watched_loop
from libs.telemetry.metrics import CONTENT_TYPE, exposition, process_registry
from libs.telemetry.tracing import bound, current, span_of
from libs.web import binding
from libs.web.answering import encoder, respond, unless_known
from libs.web.auth import AuthSettings, Caller, NotSignedIn, Verifier, verifier
from libs.web.compression import compress
from libs.web.events import Streams
from libs.web.health import Health
from libs.web.limits import LIMITS, HttpLimits
from libs.web.metrics import UNKNOWN_ROUTE, HttpMetrics, Observe
from libs.web.openapi import document
from libs.web.pages.documentation import documentation_routes
from libs.web.problems import (
    DatabaseUnavailable,
    MethodUnknown,
    Problem,
    ProblemStyle,
    ProblemWriter,
    RouteUnknown,
    TookTooLong,
    hmpps,
)
from libs.web.rates import Rates
from libs.web.routing import OPEN, Events, Needs, Reply, Route

METRICS = Needs.role("ROLE_METRICS")
READS = frozenset({"GET", "HEAD"})
ROUTES = web.AppKey("routes", tuple[Route, ...])
HEALTH = web.AppKey("health", Health)
NO_INFO: Mapping[str, object] = MappingProxyType({})
log = structlog.get_logger()


def application(
    *,
    service: str,
    routes: Sequence[Route],
    problems: Mapping[type[Exception], Problem],
    auth: AuthSettings,
    health: Health,
    info: Mapping[str, object] = NO_INFO,
    style: ProblemStyle = hmpps,
    limits: HttpLimits = HttpLimits(),  # noqa: B008 - frozen
    registry: CollectorRegistry | None = None,
) -> web.Application:
    """Build the application; a handler whose signature is unclear fails here and not at its first request.

    `registry` has the numbers that `/metrics` shows; those of the doors and of the event loop are added here.
    """
    registry = registry or process_registry()
    lag = loop_lag(registry)
    edge = Edge(ProblemWriter(problems, style), Streams.open(limits.streams), HttpMetrics(registry), limits)
    app = web.Application(middlewares=[edge.strangers], client_max_size=limits.body_bytes_max)
    described = document(service, routes, edge.writer)
    everything = (
        *routes,
        _scrape(registry),
        *_open_routes(service, health, info),
        *documentation_routes(described),
    )
    for route in everything:
        handler = edge.handler(route)
        for path in (route.path, f"{route.path}/") if route.slash else (route.path,):
            for method in ("GET", "HEAD") if route.method == "GET" else (route.method,):
                app.router.add_route(method, path, handler)
    for path, allowed in _literal(everything).items():
        app.router.add_route("*", path, edge.refuses_method(path, allowed))
    app[ROUTES] = everything
    app[HEALTH] = health
    app[LIMITS] = limits
    app[EDGE] = edge

    async def with_verifier(_: web.Application) -> AsyncIterator[None]:
        async with verifier(auth) as opened:
            edge.verifier = opened
            async with watched_loop(lag.observe):
                yield

    app.cleanup_ctx.append(with_verifier)
    app.on_shutdown.append(edge.streams.close)
    return app


class Edge:
    """Where every request comes in and every exception stops."""

    def __init__(self, writer: ProblemWriter, streams: Streams, metrics: HttpMetrics, limits: HttpLimits) -> None:
        self.writer = writer
        self.limits = limits
        self.streams = streams
        self.metrics = metrics
        self.rates = Rates(limits.rates, time.monotonic)
        self._observe_stranger = metrics.route(UNKNOWN_ROUTE)
        self.verifier: Verifier | None = None

    def handler(self, route: Route) -> AiohttpHandler:
        """Compile a route: check the caller, bind, call, encode, and tell the log."""
        signature = binding.signature_of(route)
        call = binding.bound(route.handler, signature)
        encode = encoder(signature.answer, omit_none=route.omit_none)
        needs, status, template, is_open = route.needs, route.status, route.path, route.needs.is_open
        observe = self.metrics.route(template)
        seconds_max = route.seconds_max or self.limits.request_seconds_max

        async def answer(request: web.Request, caller: Caller | None) -> web.StreamResponse:
            if caller is not None:
                caller.require(needs)
            try:
                async with asyncio.timeout(seconds_max) as deadline:
                    value = await call(request, caller)
            except TimeoutError:
                if not deadline.expired():
                    raise
                raise TookTooLong(f"not done after {seconds_max:g} seconds", {"Retry-After": "5"}) from None
            if isinstance(value, Events):
                return await self.streams.send(request, value)
            response = unless_known(request, respond(value, status, encode))
            await compress(request, response)
            return response

        async def handle(request: web.Request) -> web.StreamResponse:
            # One task answers all requests of a connection, so the span has to end here.
            with bound(span_of(request.headers)):
                response = await self._guarded(request, template, answer, observe, is_open=is_open)
            if route.headers and not response.prepared:
                response.headers.update(route.headers)
            return response

        return handle

    def refuses_method(self, path: str, allowed: frozenset[str]) -> AiohttpHandler:
        """Answer 405 for the methods a literal path lacks; else `GET /things/find` would be the thing called "find"."""
        observe, told = self.metrics.route(path), ", ".join(sorted(allowed))

        async def refuse(request: web.Request, _: Caller | None) -> web.StreamResponse:
            raise MethodUnknown(f"{request.method} is not allowed here; {told} is", {"Allow": told})

        async def handle(request: web.Request) -> web.StreamResponse:
            return await self._guarded(request, path, refuse, observe, is_open=False)

        return handle

    @web.middleware
    async def strangers(self, request: web.Request, handler: AiohttpHandler) -> web.StreamResponse:
        """Answer what no route answers: 401 first, then 404 or 405."""
        missed = request.match_info.http_exception
        if missed is None:
            return await handler(request)

        async def refuse(request: web.Request, _: Caller | None) -> web.StreamResponse:
            if isinstance(missed, web.HTTPMethodNotAllowed):
                allowed = ", ".join(sorted(missed.allowed_methods))
                raise MethodUnknown(f"{request.method} is not allowed here; {allowed} is", {"Allow": allowed})
            raise RouteUnknown(f"no resource at {request.path}")

        return await self._guarded(request, "-", refuse, self._observe_stranger, is_open=False)

    async def _guarded(
        self,
        request: web.Request,
        template: str,
        answer: Callable[[web.Request, Caller | None], Awaitable[web.StreamResponse]],
        observe: Observe,
        *,
        is_open: bool,
    ) -> web.StreamResponse:
        started = time.perf_counter()
        caller: Caller | None = None
        self.metrics.active += 1
        try:
            if not is_open:
                caller = await self._caller(request)
                self.rates.take((caller.client_id, caller.username))
            response = await answer(request, caller)
        except NotSignedIn as refused:
            response = web.Response(status=401, headers={"WWW-Authenticate": refused.challenge})
        except Exception as error:  # noqa: BLE001 - the web kit's edge: everything becomes a problem body
            response = self._problem(error, request, template)
        finally:
            self.metrics.active -= 1
        took = time.perf_counter() - started
        observe(request.method, response.status, took)
        if not is_open:
            answered(request, template, response, took)
            # What was read without trouble is counted, and told only to who asks for it: it is nearly everything.
            if response.status >= 400 or request.method not in READS:  # noqa: PLR2004 - HTTP's own number
                _tell(log.info, request, template, response, took, caller)
            elif log.is_enabled_for(logging.DEBUG):
                _tell(log.debug, request, template, response, took, caller)
        return response

    async def _caller(self, request: web.Request) -> Caller:
        assert self.verifier is not None, "the application has not been started"
        header = request.headers.get("Authorization")
        return self.verifier.remembered(header) or await self.verifier.caller(header)

    def _problem(self, error: Exception, request: web.Request, template: str) -> web.Response:
        if isinstance(error, web.HTTPException):
            error = RouteUnknown(error.reason) if error.status == 404 else error  # noqa: PLR2004 - HTTP's own number
        if self.writer.problem(type(error)) is None and is_away(error):
            log.warning("database-away", method=request.method, route=template, reason=type(error).__name__)
            error = DatabaseUnavailable("the database is away")
        if self.writer.problem(type(error)) is None:
            self.metrics.failed(error)
            log.error("request-failed", method=request.method, route=template, exc_info=error)
        return self.writer.response(error, request.path)


# For doors that answer people and not programs: same numbers, same limits of streams and of requests a second.
EDGE = web.AppKey("edge", Edge)


def answered(request: web.Request, template: str, response: web.StreamResponse, seconds: float) -> None:
    """Tell of the span in which a request was answered; `template` is its route without values."""
    if not spans.wanted():
        return
    spans.ended(
        f"{request.method} {template}",
        "SERVER",
        current(),
        seconds,
        {
            "http.request.method": request.method,
            "http.route": template,
            "http.response.status_code": response.status,
        },
        failed=response.status >= 500,  # noqa: PLR2004 - HTTP's own number
    )


def _tell(
    line: Callable[..., object],
    request: web.Request,
    template: str,
    response: web.StreamResponse,
    seconds: float,
    caller: Caller | None,
) -> None:
    line(
        "request",
        method=request.method,
        route=template,
        status=response.status,
        ms=round(seconds * 1000, 2),
        client=caller and caller.client_id,
    )


def _literal(routes: Sequence[Route]) -> dict[str, frozenset[str]]:
    """List the paths without parameters, and the methods each has."""
    allowed: dict[str, frozenset[str]] = {}
    for route in routes:
        if "{" not in route.path:
            methods = {"GET", "HEAD"} if route.method == "GET" else {route.method}
            for path in (route.path, f"{route.path}/") if route.slash else (route.path,):
                allowed[path] = allowed.get(path, frozenset()) | methods
    return allowed


def _scrape(registry: CollectorRegistry) -> Route:
    async def metrics() -> web.StreamResponse:
        return web.Response(body=exposition(registry), headers={"Content-Type": CONTENT_TYPE})

    return Route("GET", "/metrics", metrics, METRICS)


def _open_routes(service: str, health: Health, info: Mapping[str, object]) -> tuple[Route, ...]:
    up: Mapping[str, object] = {"status": "UP"}
    build_info = info.get("build")
    version = str(build_info.get("version", "dev")) if isinstance(build_info, Mapping) else "dev"

    async def whole() -> Reply[dict[str, Any]]:
        found = await health.components()
        components, status = {name: detail.body() for name, detail in found.items()}, health.status(found)
        components["healthInfo"] = {"status": "UP", "details": {"version": version}}
        return Reply({"status": status, "components": components}, 503 if status == "DOWN" else 200)

    async def ping() -> Mapping[str, object]:
        return up

    async def alive() -> Reply[Mapping[str, object]]:
        return Reply({"status": "DOWN"}, 503) if health.hangs() else Reply(up)

    async def ready() -> Reply[Mapping[str, object]]:
        return Reply({"status": "OUT_OF_SERVICE"}, 503) if health.draining else Reply(up)

    async def build() -> Mapping[str, object]:
        # What changes while we run is asked for.
        told = {name: value() if callable(value) else value for name, value in info.items()}
        return {"build": {"name": service}, **told}

    named = {
        "/health": whole,
        "/health/ping": ping,
        "/health/liveness": alive,
        "/health/readiness": ready,
        "/info": build,
    }
    return tuple(Route("GET", path, handler, OPEN) for path, handler in named.items())


def stop_on_signals() -> asyncio.Event:
    """Make an event that SIGTERM and SIGINT set."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    return stop


async def serve(app: web.Application, host: str, port: int, stop: asyncio.Event) -> None:
    """Serve until `stop` is set; then take no new connections and let running requests end."""
    limits = app[LIMITS]
    runner = web.AppRunner(
        app,
        access_log=None,
        keepalive_timeout=limits.idle_seconds_max,
        lingering_time=limits.lingering_seconds_max,
        shutdown_timeout=limits.shutdown_seconds,
        max_line_size=limits.line_bytes_max,
        max_field_size=limits.field_bytes_max,
        max_headers=limits.fields_max,
    )
    await runner.setup()
    try:
        # What stands now stands until the process ends; the collector need not walk through it for every full round,
        # which takes longer than most requests.
        gc.collect()
        gc.freeze()
        await web.SockSite(runner, _listener(host, port, limits)).start()
        log.info("serving", host=host, port=port)
        await stop.wait()
        app[HEALTH].draining = True
    finally:
        await runner.cleanup()
        log.info("stopped")


def _listener(host: str, port: int, limits: HttpLimits) -> socket.socket:
    """Listen; every connection inherits for how long the kernel keeps what nobody reads."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.create_server((host, port), family=family, backlog=limits.backlog)
    if hasattr(socket, "TCP_USER_TIMEOUT"):
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(limits.unread_seconds_max * 1000))
    listener.setblocking(False)
    return listener
