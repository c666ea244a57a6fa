"""The composition root of the staff UI."""

import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from types import MappingProxyType

from aiohttp import web

from libs.telemetry import exporting, logging
from libs.telemetry.metrics import process_registry
from libs.web.application import EDGE, application, serve, stop_on_signals
from libs.web.auth import verifier
from libs.web.health import Health, api_check
from libs.web.outgoing import OutgoingSettings, api_session
from services.staff_ui.calls.apis import open_apis
from services.staff_ui.calls.prisons import PrisonNames
from services.staff_ui.edge.assets import Assets, read_assets
from services.staff_ui.edge.doors import Door
from services.staff_ui.edge.entrance import Entrance
from services.staff_ui.edge.guard import Guard
from services.staff_ui.edge.looks import Looks
from services.staff_ui.edge.rendering import Pages, environment
from services.staff_ui.edge.sealing import Seal
from services.staff_ui.edge.sessions import Sessions
from services.staff_ui.edge.sign_in import SignIn
from services.staff_ui.edge.visits import House
from services.staff_ui.forms.reading import parts_of
from services.staff_ui.operators.doors import operator_doors
from services.staff_ui.pages.doors import staff_doors
from services.staff_ui.settings import Settings
from services.staff_ui.views.layout import FUNCTIONS
from services.staff_ui.views.words import FILTERS


@asynccontextmanager
async def build(settings: Settings) -> AsyncIterator[web.Application]:
    """Wire it."""
    server = OutgoingSettings(base_url=settings.api_base_url_oauth, timeout_seconds=settings.api_seconds_max)
    async with (
        open_apis(settings) as apis,
        api_session(server) as sign_in_server,
        verifier(settings.auth) as verified,
    ):
        assets = read_assets(settings.node_modules)
        pages = Pages(environment(assets.url, {**FUNCTIONS, "date_parts": parts_of}, FILTERS))
        seal = Seal(settings.session_secrets.get_secret_value().split(","))
        names = PrisonNames(apis["prison_register"], settings.prisons_cache_seconds, time.monotonic)
        sessions = Sessions(seal, settings.session_limits)
        house = House(
            pages,
            apis,
            names,
            settings.look_seconds_max,
            settings.download_seconds_max,
            Looks(settings.watch_seconds, time.monotonic),
        )
        guard = Guard(settings, house, sessions, seal, verified, time.time)
        entrance = Entrance(settings, guard, SignIn(settings, seal, sign_in_server, verified), pages)
        registry = process_registry()
        checks = {name: api_check(api) for name, api in apis.items() if name == "locations"}
        app = application(
            service="staff_ui",
            routes=(),
            problems=MappingProxyType({}),
            auth=settings.auth,
            # Pages that need nothing of it are still shown.
            health=Health(checks, lesser=checks),
            limits=settings.http_limits,
            registry=registry,
        )
        app.middlewares.insert(0, guard.strangers)
        _open(app, guard, entrance, assets)
        _add(app, guard, (*staff_doors(), *operator_doors()))
        yield app


def _open(app: web.Application, guard: Guard, entrance: Entrance, assets: Assets) -> None:
    """Add what nobody has to be signed in for."""
    for (method, path), answer in entrance.handlers().items():
        app.router.add_route(method, path, guard.open(path, answer, app[EDGE].metrics.route(path)))
    observe = app[EDGE].metrics.route("/assets")
    app.router.add_get("/assets/{name:.+}", guard.open("/assets", assets.answer, observe))


def _add(app: web.Application, guard: Guard, doors: Sequence[Door]) -> None:
    for door in doors:
        handler = guard.page(door, app[EDGE].metrics.route(door.path))
        for method in ("GET", "HEAD") if door.method == "GET" else (door.method,):
            app.router.add_route(method, door.path, handler)


async def run(settings: Settings) -> None:
    """Serve until told to stop."""
    exporting.configure("staff_ui")
    logging.configure("staff_ui", settings.log_level, settings.log_pretty)
    async with build(settings) as app:
        await serve(app, settings.http_host, settings.http_port, stop_on_signals())
