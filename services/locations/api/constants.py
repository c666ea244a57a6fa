"""The ten lists of codes (`reference/locations-api.md` §2.4, rows 36–45)."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from libs.web.outgoing import RemoteRefused, RemoteUnavailable
from libs.web.routing import Needs, Route
from services.locations.api.reads import Prison
from services.locations.errors import LocationNotFound
from services.locations.reading.prisons import Prisons
from services.locations.views.constants import CONSTANTS

REFERENCE = Needs.role("ROLE_READ_LOCATION_REFERENCE_DATA")


class ConstantDoors:
    """The handler of the one list that depends on the prison."""

    def __init__(self, prisons: Prisons) -> None:
        self._prisons = prisons

    async def used_for(self, prison_id: Prison) -> dict[str, Any]:
        """List what cells of this prison may be used for."""
        return await self._prisons.used_for(prison_id)


def routes(doors: ConstantDoors) -> Sequence[Route]:
    """List the doors."""
    lists = (
        Route("GET", f"/constants/{name}", _door(name), REFERENCE, summary=f"List {name.replace('-', ' ')}s")
        for name in CONSTANTS
    )
    of_prison = "/constants/used-for-type/{prisonId}"
    return (
        *lists,
        Route(
            "GET", of_prison, doors.used_for, REFERENCE, problems=(LocationNotFound, RemoteRefused, RemoteUnavailable)
        ),
    )


def _door(name: str) -> Callable[[], Awaitable[dict[str, Any]]]:
    async def show() -> dict[str, Any]:
        return CONSTANTS[name]

    return show
