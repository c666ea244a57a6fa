"""The idempotent sync doors: `GET|PUT|DELETE /sync/locations/{id}` (`libs.domain.sync`), and the conflicts."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import msgspec
from pydantic import Field

from libs.domain.sync import LocationMirror, SyncWrite, SyncWrites, WriteOutcome, WriteOutcomes
from libs.domain.wire import RowNumber, Wire
from libs.web.auth import Caller
from libs.web.preconditions import Conditions, entity_tag
from libs.web.problems import ParameterInvalid, ProblemWriter
from libs.web.routing import Needs, Reply, Route
from services.locations.api.problems import PROBLEMS, style
from services.locations.changes.sync import SyncChanges, Wanted, Wish
from services.locations.errors import (
    FieldNotAllowed,
    HasChildren,
    LocationBusy,
    LocationGone,
    LocationKeyTaken,
    LocationNotFound,
    ParentNotAllowed,
    SyncOff,
    SyncRefused,
    VersionStale,
)

SYNC = Needs.role("ROLE_SYNC_LOCATIONS", scope="write")
SYNC_OR_VIEW = Needs.role("ROLE_SYNC_LOCATIONS", "ROLE_VIEW_LOCATIONS")
PAGE_MAX = 500
REFUSED = ProblemWriter(PROBLEMS, style)


class ConflictQuery(Wire):
    """Which conflicts: of one location or of all, after an id, at most so many."""

    location_id: UUID | None = None
    after: RowNumber = 0
    size: int = Field(default=100, ge=1, le=PAGE_MAX)


class SyncDoors:
    """The handlers."""

    def __init__(self, changes: SyncChanges) -> None:
        self._changes = changes

    async def mirror(self, location_id: UUID) -> Reply[LocationMirror]:
        """Show a location's own state and what sync remembers of it."""
        return _with_tag(await self._changes.mirror(location_id))

    async def put(self, location_id: UUID, body: SyncWrite, conditions: Conditions) -> Reply[LocationMirror]:
        """Create or update one location; `If-Match` or `If-None-Match: *` makes it conditional."""
        mirror, was_created = await self._changes.put(location_id, body, _wanted(conditions))
        return _with_tag(mirror, 201 if was_created else 200)

    async def put_each(self, body: SyncWrites) -> WriteOutcomes:
        """Update many locations; the good are written, and of each other it is said why not."""
        wishes = [Wish(each.id, each.write, Wanted(etag=each.etag)) for each in body.writes]
        outcomes = await self._changes.put_each(wishes)
        return WriteOutcomes([_outcome(*each) for each in zip(wishes, outcomes, strict=True)])

    async def delete(self, location_id: UUID, caller: Caller, conditions: Conditions) -> None:
        """Delete one location without children; already gone is done."""
        await self._changes.delete(location_id, caller.username, _wanted(conditions))

    async def conflicts(self, query: ConflictQuery) -> list[dict[str, Any]]:
        """List fields that both sides changed, what won and what was refused."""
        return await self._changes.conflicts(query.location_id, query.after, query.size)


def _outcome(wish: Wish, outcome: LocationMirror | Exception) -> WriteOutcome:
    if isinstance(outcome, LocationMirror):
        return WriteOutcome(200, msgspec.Raw(outcome.model_dump_json(by_alias=True, exclude_none=True).encode()))
    problem = REFUSED.response(outcome, f"/sync/locations/{wish.location_id}")
    assert isinstance(problem.body, bytes)
    return WriteOutcome(problem.status, msgspec.Raw(problem.body))


def _with_tag(mirror: LocationMirror, status: int = 200) -> Reply[LocationMirror]:
    return Reply(mirror, status=status, headers={"ETag": entity_tag(mirror.sync.etag)})


def _wanted(conditions: Conditions) -> Wanted:
    if conditions.if_none_match is not None and conditions.if_none_match.any:
        return Wanted(absent=True)
    match = conditions.if_match
    if match is None or match.any:
        return Wanted()
    if len(match.tags) != 1:
        raise ParameterInvalid("If-Match: exactly one entity tag is expected")
    [tag] = match.tags
    return Wanted(etag=tag)


def routes(doors: SyncDoors) -> Sequence[Route]:
    """List the doors."""
    path = "/sync/locations/{locationId}"
    unknown = (LocationNotFound, LocationGone)
    refusals = (LocationBusy, SyncRefused, SyncOff, LocationKeyTaken, ParentNotAllowed, FieldNotAllowed, VersionStale)
    return (
        Route("GET", path, doors.mirror, SYNC_OR_VIEW, problems=unknown, answers=LocationMirror, tagged=True),
        Route(
            "PUT",
            path,
            doors.put,
            SYNC,
            also=(201,),
            problems=(*unknown, *refusals),
            answers=LocationMirror,
            tagged=True,
        ),
        Route(
            "DELETE", path, doors.delete, SYNC, status=204, problems=(HasChildren, VersionStale, SyncOff, LocationBusy)
        ),
        Route("POST", "/sync/locations/batch", doors.put_each, SYNC),
        Route("GET", "/sync/conflicts", doors.conflicts, SYNC_OR_VIEW),
    )
