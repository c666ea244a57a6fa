"""One request of one signed-in person: who they are, what they sent, the APIs on their behalf, and how to answer."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from aiohttp import web
from multidict import MultiDict, MultiDictProxy

from libs.web.auth import Caller
from libs.web.outgoing import ApiSession
from services.staff_ui.calls.apis import Asker
from services.staff_ui.calls.prisons import PrisonNames
from services.staff_ui.edge import forgery
from services.staff_ui.edge.looks import Looks
from services.staff_ui.edge.rendering import Pages
from services.staff_ui.edge.sessions import Notice, Session
from services.staff_ui.errors import NotAllowed

NOTICE = web.ResponseKey("notice", Notice)


@dataclass(frozen=True)
class Crumb:
    """One step of the way back."""

    text: str
    href: str


@dataclass(frozen=True)
class House:
    """What every visit may use."""

    pages: Pages
    sessions: Mapping[str, ApiSession]
    names: PrisonNames
    look_seconds_max: float
    download_seconds_max: float
    looks: Looks


class Visit:
    """What a handler of a page gets."""

    def __init__(
        self,
        request: web.Request,
        house: House,
        session: Session,
        caller: Caller,
        form: MultiDictProxy[str],
        notice: Notice | None,
    ) -> None:
        self.request = request
        self.caller = caller
        self.form = form
        self.api = Asker(house.sessions, session.token)
        self.names = house.names
        self.look_seconds_max = house.look_seconds_max
        self.download_seconds_max = house.download_seconds_max
        self.looks = house.looks
        self._pages = house.pages
        self._session = session
        # One for all forms of a page, so that a part of it is the same while what it says is.
        self._csrf = forgery.token(session.forgery_key)
        self._notice = notice

    def may(self, *roles: str) -> bool:
        """Tell whether the person has any of these roles."""
        return not self.caller.roles.isdisjoint(roles)

    def in_caseload(self, prison_id: str) -> bool:
        """Tell whether the person may act on a prison; a token that names no caseloads leaves it to the API."""
        return self.caller.prisons is None or prison_id in self.caller.prisons

    def require_caseload(self, prison_id: str) -> None:
        """Raise NotAllowed for another's prison."""
        if not self.in_caseload(prison_id):
            raise NotAllowed(f"{prison_id} is not in your caseload")

    def render(
        self,
        template: str,
        *,
        title: str,
        crumbs: Sequence[Crumb] = (),
        status: int = 200,
        **context: Any,
    ) -> web.Response:
        """Answer with a page. `title` is its heading and, with the service's name, its window's."""
        told = {
            **context,
            "title": title,
            "crumbs": crumbs,
            "person": self._session.name,
            "roles": self.caller.roles,
            **self._forms(),
            "notice": self._notice,
            "path": self.request.path,
        }
        return web.Response(text=self._pages.write(template, told), status=status, content_type="text/html")

    def part(self, template: str, **context: Any) -> str:
        """Write a part of a page, to be put in place of what it was."""
        return self._pages.write(template, {**context, **self._forms()})

    def see_other(self, url: str, *, done: str = "", more: str = "") -> web.Response:
        """Send the browser to another page; `done` is what that page says at its top, once."""
        response = web.Response(status=303, headers={"Location": url})
        if done:
            response[NOTICE] = Notice(done, more)
        return response

    def _forms(self) -> Mapping[str, str]:
        return {"csrf": self._csrf, "csrf_field": forgery.FIELD}


NO_FORM: MultiDictProxy[str] = MultiDictProxy(MultiDict())
