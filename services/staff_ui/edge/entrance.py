"""The doors that nobody has to be signed in for: in, back from the sign-in server, and out."""

from collections.abc import Awaitable, Callable, Mapping
from types import MappingProxyType

from aiohttp import web

from services.staff_ui.edge.guard import KEPT, SESSION, SHOWN, Guard
from services.staff_ui.edge.rendering import Pages
from services.staff_ui.edge.sign_in import CALLBACK, SignIn, own_path
from services.staff_ui.settings import Settings

Handlers = Mapping[tuple[str, str], Callable[[web.Request], Awaitable[web.StreamResponse]]]


class Entrance:
    """The handlers."""

    def __init__(self, settings: Settings, guard: Guard, sign_in: SignIn, pages: Pages) -> None:
        self._settings = settings
        self._guard = guard
        self._sign_in = sign_in
        self._pages = pages

    async def sign_in(self, request: web.Request) -> web.StreamResponse:
        """Send the person to the sign-in server."""
        url, kept = self._sign_in.leave(request.query.get("back", "/"), self._guard.now())
        response = web.Response(status=303, headers={"Location": url})
        self._guard.cookies.write(response, request.cookies, KEPT, kept)
        return response

    async def callback(self, request: web.Request) -> web.StreamResponse:
        """Take in who comes back: a new session, whatever there was before."""
        kept = self._guard.cookies.read(request.cookies, KEPT)
        now = self._guard.now()
        session, back_to = await self._sign_in.arrive(request.query, kept, now)
        former = self._guard.session(request)
        if former is not None:
            self._guard.sessions.end(former, now)
        response = web.Response(status=303, headers={"Location": own_path(back_to)})
        self._guard.cookies.write(response, request.cookies, SESSION, self._guard.sessions.closed(session, now))
        self._guard.cookies.write(response, request.cookies, KEPT, "")
        return response

    async def sign_out(self, request: web.Request) -> web.StreamResponse:
        """End the session, here and at the sign-in server where it has a door for that."""
        session = await self._guard.own_form(request)
        self._guard.sessions.end(session, self._guard.now())
        there = self._settings.oauth_sign_out_url or "/signed-out"
        response = web.Response(status=303, headers={"Location": there})
        for name in (SESSION, SHOWN, KEPT):
            self._guard.cookies.write(response, request.cookies, name, "")
        return response

    async def signed_out(self, _: web.Request) -> web.StreamResponse:
        """Say so."""
        return web.Response(text=self._pages.write("signed_out.html", {}), content_type="text/html")

    def handlers(self) -> Handlers:
        """List them by method and path."""
        return MappingProxyType(
            {
                ("GET", "/sign-in"): self.sign_in,
                ("GET", CALLBACK): self.callback,
                ("POST", "/sign-out"): self.sign_out,
                ("GET", "/signed-out"): self.signed_out,
            }
        )
