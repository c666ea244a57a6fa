"""The bulk reads of own states with what sync remembers: by page after an id, or by ids.

Reconciliation and the verification of a migration read whole estates here; `GET /sync/locations/{id}` shows one.
"""

from collections.abc import Sequence
from typing import Annotated
from uuid import UUID

from pydantic import Field

from libs.domain.bulk import IDS_MAX, MIRRORS_MAX, FindMirrors, Ids, Mirrors
from libs.domain.prisons import PRISON_ID
from libs.domain.wire import Wire
from libs.web.routing import Needs, Route
from services.locations.store.mirrors import MirrorStore

SYNC_OR_VIEW = Needs.role("ROLE_SYNC_LOCATIONS", "ROLE_VIEW_LOCATIONS")
BEFORE_ALL = UUID(int=0)


class IdsQuery(Wire):
    """Which locations: those after an id, of one prison or of all."""

    after: UUID = BEFORE_ALL
    size: Annotated[int, Field(ge=1, le=IDS_MAX)] = 1000
    prison_id: Annotated[str, Field(pattern=f"^(?:{PRISON_ID.pattern})$", examples=["LEI"])] | None = None


class MirrorsQuery(IdsQuery):
    """With base and published or without."""

    size: Annotated[int, Field(ge=1, le=MIRRORS_MAX)] = 500
    with_base: bool = False


class BulkDoors:
    """The handlers."""

    def __init__(self, mirrors: MirrorStore) -> None:
        self._mirrors = mirrors

    async def ids(self, query: IdsQuery) -> Ids:
        """List ids alone, in order; the next page is after the last id of this one."""
        ids = await self._mirrors.ids(query.after, query.size, query.prison_id)
        return Ids(ids=ids, last=len(ids) < query.size)

    async def page(self, query: MirrorsQuery) -> Mirrors:
        """List own states in the order of ids; the next page is after the last id of this one."""
        content = await self._mirrors.page(query.after, query.size, query.prison_id, with_base=query.with_base)
        return Mirrors(content=content, last=len(content) < query.size)

    async def find(self, body: FindMirrors) -> Mirrors:
        """Show the locations with these ids, and which of the others were deleted; unknown ones are absent."""
        content = await self._mirrors.found(body.ids, with_base=body.with_base)
        if len(content) == len(body.ids):
            return Mirrors(content=content)
        found = {each.location.id for each in content}
        missing = [each for each in body.ids if str(each) not in found]
        return Mirrors(content=content, buried=await self._mirrors.buried(missing))


def routes(doors: BulkDoors) -> Sequence[Route]:
    """List the doors."""
    return (
        # Before `/sync/locations/{locationId}`.
        Route("GET", "/sync/locations/ids", doors.ids, SYNC_OR_VIEW),
        Route("GET", "/sync/locations", doors.page, SYNC_OR_VIEW),
        Route("POST", "/sync/locations/find", doors.find, SYNC_OR_VIEW),
    )
