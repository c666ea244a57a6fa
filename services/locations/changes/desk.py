"""Where the changes of staff are made: prisons' trees locked, rows held, versions checked, saved with history and told.

The order of locks, the same for everybody: trees, then rows, then keys of the outbox (ADR 0012).
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

from msgspec.structs import replace

from libs.db.meanwhile import meanwhile
from libs.db.pool import Connection, Database
from libs.domain.events import LocationEventType, Source
from libs.domain.identity import new_location_id
from services.locations.changes.announce import Announcer
from services.locations.errors import LocationArchived, LocationBusy, LocationNotFound, NotInCaseload, VersionStale
from services.locations.ports import Occupancy
from services.locations.records import Change, LocationRow
from services.locations.rules import announcing, history
from services.locations.rules.creating import Maker
from services.locations.rules.hierarchy import Hierarchy
from services.locations.store import rows
from services.locations.store import shown as look
from services.locations.store.family import alone, cells_below, held
from services.locations.store.writing import writing
from services.locations.views.derived import Forest
from services.locations.views.location import location, nested

E = LocationEventType
Answer = TypeVar("Answer")
# How often people are counted again because a cell came in while they were counted.
COUNTS_MAX = 3
Place = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts, on which prisons they may, and which versions of the location they looked at; None: all, any.

    `seen_of` has the versions of single ones where many are changed at once.
    """

    username: str
    prisons: frozenset[str] | None = None
    seen: frozenset[int] | None = None
    seen_of: Mapping[UUID, int] = field(default_factory=dict)

    def may_act_on(self, prison_id: str) -> None:
        """Raise NotInCaseload unless the prison is in the caseload."""
        if self.prisons is not None and prison_id not in self.prisons:
            raise NotInCaseload(prison_id)

    def demand_seen(self, row: LocationRow) -> None:
        """Raise VersionStale if the location moved since they looked."""
        one = self.seen_of.get(row.id, row.version)
        if row.version != one or (self.seen is not None and row.version not in self.seen):
            raise VersionStale(f"{row.version} ({row.key})")


@dataclass(frozen=True, slots=True)
class Changed:
    """A location as it is shown after a change, and its version."""

    location: dict[str, Any]
    version: int


class CellUncounted(Exception):
    """A cell came below a location while the people in it were counted."""


@dataclass(frozen=True, slots=True)
class People:
    """Who is in which cell, as counted before the transaction: a search must not hold locks."""

    asked: frozenset[Place] = frozenset()
    found: Mapping[Place, int] = field(default_factory=dict)

    def within(self, cells: Iterable[LocationRow]) -> int:
        """Count the people in these cells. Raises CellUncounted."""
        places = {(cell.prison_id, cell.path_hierarchy) for cell in cells}
        if not places <= self.asked:
            raise CellUncounted
        return sum(self.found.get(place, 0) for place in places)


class Desk:
    """What every change of staff stands on. A rehearsal does everything and keeps nothing."""

    def __init__(
        self,
        database: Database,
        announcer: Announcer,
        occupancy: Occupancy,
        *,
        new_id: Callable[[], UUID] = new_location_id,
        rehearsal: bool = False,
    ) -> None:
        self._db = database
        self.announcer = announcer
        self._occupancy = occupancy
        self._new_id = new_id
        self._rehearsal = rehearsal

    def rehearsing(self) -> "Desk":
        """Return a desk on which nothing that is done stays."""
        return Desk(self._db, self.announcer, self._occupancy, new_id=self._new_id, rehearsal=True)

    def writing(self) -> AbstractAsyncContextManager[Connection]:
        """Run a transaction. Raises LocationBusy."""
        return writing(self._db, rehearsal=self._rehearsal)

    def now(self) -> datetime:
        """Return London's wall clock to the second, as deactivations keep it."""
        return self.announcer.local_now().replace(microsecond=0)

    def maker(self, actor: Actor) -> Maker:
        """Return who makes new locations now."""
        return Maker(actor.username, self.announcer.local_now(), self._new_id)

    async def hierarchy(self, tx: Connection, ids: Collection[UUID], actor: Actor) -> Hierarchy:
        """Return locations with all above and below them, their trees locked and their rows held.

        Raises LocationNotFound for the first that is not there, NotInCaseload.
        """
        await rows.lock_trees_of(tx, ids)
        hierarchy = Hierarchy(await held(tx, ids))
        for location_id in ids:
            found = hierarchy.get(location_id)
            if found is None:
                raise LocationNotFound(str(location_id))
            actor.may_act_on(found.prison_id)
        return hierarchy

    async def one(self, tx: Connection, location_id: UUID, actor: Actor) -> tuple[Hierarchy, LocationRow]:
        """Return the same of one location. Raises VersionStale besides."""
        hierarchy = await self.hierarchy(tx, [location_id], actor)
        row = hierarchy.get(location_id)
        assert row is not None
        actor.demand_seen(row)
        return hierarchy, row

    async def alone(self, tx: Connection, location_id: UUID, actor: Actor) -> LocationRow:
        """Return a location for a change of what is its own and shows nowhere else.

        Its row is held and its tree is shared: nobody moves, archives or closes there, and others may do the same to
        other rows. Raises LocationNotFound, LocationArchived, NotInCaseload, VersionStale.
        """
        await rows.share_trees_of(tx, [location_id])
        found = await alone(tx, location_id)
        if found is None:
            raise LocationNotFound(str(location_id))
        row, is_archived = found
        actor.may_act_on(row.prison_id)
        actor.demand_seen(row)
        if is_archived:
            raise LocationArchived(row.key)
        return row

    async def save(self, tx: Connection, changes: Sequence[Change], actor: Actor) -> list[LocationRow]:
        """Write changed rows, each under its next version, with their history; return them as they are now."""
        async with self.saving(tx, changes, actor) as done:
            return done

    @asynccontextmanager
    async def saving(self, tx: Connection, changes: Sequence[Change], actor: Actor) -> AsyncIterator[list[LocationRow]]:
        """Do the same; the block runs while PostgreSQL writes and must not use the transaction."""
        now = self.announcer.local_now()
        done = [
            (before, replace(after, version=before.version + 1, when_updated=now, updated_by=actor.username))
            for before, after in changes
        ]
        async with meanwhile(rows.save(tx, *done)):
            told = [row for before, after in done for row in history.changes(before, after, actor.username, now)]
            acts = [(announcing.event_type(*each) or E.AMENDED, each[1]) for each in done]
        async with meanwhile(rows.add_history(tx, told)):
            yield [after for _, after in done]
        await self.audit(tx, actor, *acts)

    async def audit(self, tx: Connection, actor: Actor, *done: tuple[LocationEventType, LocationRow]) -> None:
        """Note what somebody did to locations."""
        await self.announcer.audit(tx, actor.username, *done)

    async def tell(self, tx: Connection, *events: tuple[LocationEventType, LocationRow]) -> None:
        """Announce in this order, as changes of DPS."""
        await self.announcer.tell(tx, [(kind, row, Source.DPS) for kind, row in events])

    async def with_people(self, ids: Collection[UUID], act: Callable[[People], Awaitable[Answer]]) -> Answer:
        """Count the people at and below locations, then act; again, bounded, if cells came in between.

        Raises LocationBusy, and what the search raises.
        """
        for _ in range(COUNTS_MAX):
            people = await self._people(ids)
            try:
                return await act(people)
            except CellUncounted:
                continue
        raise LocationBusy

    async def _people(self, ids: Collection[UUID]) -> People:
        asked = await cells_below(self._db, ids)
        found: dict[Place, int] = {}
        for prison in sorted({prison for prison, _ in asked}):
            paths = sorted(path for each, path in asked if each == prison)
            counted = await self._occupancy.people_in(prison, paths)
            found |= {(prison, path): people for path, people in counted.items()}
        return People(frozenset(asked), found)

    async def shown(
        self, tx: Connection, location_id: UUID, *, children: bool = False, above: Sequence[LocationRow] = ()
    ) -> Changed:
        """Return a location as it is now; `children` nests what is below it, `above` (nearest first) what is above."""
        by_id = {row["id"]: row for row in await look.by_ids(tx, [location_id, *(up.id for up in above)])}
        row = by_id[location_id]
        shown = location(row, row)
        if children:
            shown = nested(Forest(await look.tree(tx, location_id)), str(location_id))
        nest = shown
        for up in above:
            nest["parentLocation"] = nest = location(by_id[up.id], by_id[up.id])
        return Changed(shown, row["version"])

    async def list_shown(self, tx: Connection, changed: Sequence[LocationRow]) -> list[dict[str, Any]]:
        """Return changed locations as they are now, in this order."""
        by_id = {row["id"]: row for row in await look.by_ids(tx, [row.id for row in changed])} if changed else {}
        return [location(by_id[row.id], by_id[row.id]) for row in changed]

    def list_held(self, hierarchy: Hierarchy, changed: Sequence[LocationRow]) -> list[dict[str, Any]]:
        """Return changed locations as they are now, in this order, without asking for what is held already.

        All that stands above and below them must be in the hierarchy.
        """
        forest = Forest(row.fields() for row in hierarchy.rows)
        return [location(forest.rows[row.id], forest.derived[row.id]) for row in changed]
