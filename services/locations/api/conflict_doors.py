"""The doors of conflicts: edits that did not win, listed for people, who acknowledge them or choose the other value."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated
from uuid import UUID

from pydantic import Field

from libs.domain.prisons import PRISON_ID
from libs.domain.sync import Side
from libs.domain.wire import RowNumber, Wire
from libs.web.auth import Caller
from libs.web.routing import JsonBytes, Needs, Reply, Route
from services.locations.api.requests import MAINTAIN, actor_of, tagged
from services.locations.changes.conflicts import ConflictChanges
from services.locations.changes.desk import Actor
from services.locations.errors import (
    ConflictNotFound,
    FieldNotAllowed,
    LocationArchived,
    LocationBusy,
    LocationKeyTaken,
    LocationNotFound,
    NothingToChoose,
    NotInCaseload,
    ParentNotAllowed,
)
from services.locations.records import ConflictFilter, RecordedConflict

OPERATOR = "ROLE_RECONCILE_LOCATIONS"
READ = Needs.role("ROLE_VIEW_LOCATIONS", "ROLE_MAINTAIN_LOCATIONS", "ROLE_SYNC_LOCATIONS", OPERATOR)
ANSWER = Needs.role("ROLE_MAINTAIN_LOCATIONS", OPERATOR, scope="write")
PAGE_MAX = 500


class ConflictsQuery(Wire):
    """Which conflicts: after one, and by prison, location, field, winner, or whether somebody saw them."""

    after: RowNumber = 0
    size: Annotated[int, Field(ge=1, le=PAGE_MAX)] = 100
    prison_id: Annotated[str, Field(pattern=f"^(?:{PRISON_ID.pattern})$", examples=["LEI"])] | None = None
    location_id: UUID | None = None
    field: Annotated[str, Field(max_length=40)] | None = None
    won: Side | None = None
    acknowledged: bool | None = None


class ConflictDoors:
    """The handlers."""

    def __init__(self, changes: ConflictChanges) -> None:
        self._changes = changes

    async def listed(self, query: ConflictsQuery, caller: Caller) -> list[RecordedConflict]:
        """List conflicts of the caller's prisons in the order they were found; the next page is after the last id."""
        actor = _reader(caller)
        prisons = actor.prisons
        if query.prison_id is not None:
            actor.may_act_on(query.prison_id)
            prisons = frozenset({query.prison_id})
        wish = ConflictFilter(
            location_id=query.location_id,
            field=query.field,
            won=query.won,
            acknowledged=query.acknowledged,
            prisons=prisons,
        )
        return await self._changes.listed(wish, query.after, query.size)

    async def one(self, conflict_id: RowNumber, caller: Caller) -> RecordedConflict:
        """Show a conflict: base, both values, who and when, what won, and what people did about it."""
        return await self._changes.one(conflict_id, _reader(caller))

    async def acknowledge(self, conflict_id: RowNumber, caller: Caller) -> RecordedConflict:
        """Note that somebody saw it."""
        return await self._changes.acknowledge(conflict_id, _reader(caller))

    async def choose(self, conflict_id: RowNumber, side: Side, caller: Caller) -> Reply[JsonBytes]:
        """Give the location the value that a side had: an ordinary edit, which sync takes to NOMIS."""
        return tagged(await self._changes.choose(conflict_id, side, actor_of(caller)))


def _reader(caller: Caller) -> Actor:
    """Return who reads: operators watch over the conflicts of all prisons; an edit stays with the prison's caseload."""
    actor = actor_of(caller)
    return replace(actor, prisons=None) if OPERATOR in caller.roles else actor


def routes(doors: ConflictDoors) -> Sequence[Route]:
    """List the doors."""
    one = "/conflicts/{conflictId}"
    unknown = (ConflictNotFound, NotInCaseload)
    edit = (
        *(*unknown, NothingToChoose, LocationNotFound, LocationArchived, LocationKeyTaken),
        *(ParentNotAllowed, FieldNotAllowed, LocationBusy),
    )
    return (
        Route("GET", "/conflicts", doors.listed, READ, problems=(NotInCaseload,)),
        Route("GET", one, doors.one, READ, problems=unknown),
        Route("PUT", f"{one}/acknowledge", doors.acknowledge, ANSWER, problems=unknown),
        Route("PUT", f"{one}/choose/{{side}}", doors.choose, MAINTAIN, problems=edit),
    )
