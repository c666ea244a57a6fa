"""What a room says about its pages: path, handler, who may enter."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from aiohttp import web

from libs.web.routing import Events
from services.staff_ui.edge.visits import Visit

Handler = Callable[[Visit], Awaitable[web.StreamResponse | Events]]
VIEW = frozenset({"ROLE_VIEW_LOCATIONS"})
MAINTAIN = frozenset({"ROLE_MAINTAIN_LOCATIONS"})


@dataclass(frozen=True, slots=True)
class Door:
    """One method on one path. `roles`: any one of them; a door without is for everybody who is signed in."""

    method: str
    path: str
    handler: Handler
    roles: frozenset[str] = frozenset()


Doors = Sequence[Door]
