"""What staff close and open: for a while, for good, and back again."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from services.locations.changes.desk import Actor, Changed, Desk, E, People
from services.locations.records import Change, LocationRow
from services.locations.rules import announcing
from services.locations.rules.closing import Closure, Opening, archived, closed, details_changed, opened


class ClosingChanges:
    """Carries out what staff ask for."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def deactivate(self, wishes: Mapping[UUID, Closure], actor: Actor) -> list[dict[str, Any]]:
        """Take locations out of use, and every residential one below them; all or none.

        Raises LocationNotFound, AlreadyInactive, HoldsPrisoners, ReasonMissing, NotInCaseload, VersionStale.
        """
        return await self._desk.with_people(wishes, lambda people: self._deactivate(wishes, actor, people))

    async def _deactivate(self, wishes: Mapping[UUID, Closure], actor: Actor, people: People) -> list[dict[str, Any]]:
        async with self._desk.writing() as tx:
            hierarchy = await self._desk.hierarchy(tx, wishes, actor)
            changes: list[Change] = []
            for location_id, closure in wishes.items():
                row = hierarchy.get(location_id)
                assert row is not None
                actor.demand_seen(row)
                inside = people.within(hierarchy.cells(row))
                newly = closed(hierarchy, row, closure, actor.username, self._desk.now(), people=inside)
                hierarchy.put(after for _, after in newly)
                changes += newly
            async with self._desk.saving(tx, changes, actor) as done:
                hierarchy.put(done)
                told = [(E.AMENDED, row) for row in hierarchy.ancestors_of(done)]
                shown = self._desk.list_held(hierarchy, done)
            await self._desk.tell(tx, *told, *((E.DEACTIVATED, row) for row in done))
            return shown

    async def change_details(self, location_id: UUID, closure: Closure, actor: Actor) -> Changed:
        """Tell otherwise why and until when a location is out of use; one that is in use stays as it is.

        Raises LocationNotFound, ReasonMissing, NotInCaseload, VersionStale.
        """
        async with self._desk.writing() as tx:
            hierarchy, row = await self._desk.one(tx, location_id, actor)
            done = await self._desk.save(tx, details_changed(hierarchy, row, closure), actor)
            await self._desk.tell(tx, *((E.DEACTIVATED, each) for each in done))
            return await self._desk.shown(tx, location_id)

    async def archive(self, location_id: UUID, reason: str, actor: Actor) -> Changed:
        """Close a location for good.

        Raises LocationNotFound, LocationArchived, HoldsPrisoners, NotInCaseload, VersionStale.
        """
        return await self._desk.with_people(
            [location_id], lambda people: self._archive(location_id, reason, actor, people)
        )

    async def _archive(self, location_id: UUID, reason: str, actor: Actor, people: People) -> Changed:
        async with self._desk.writing() as tx:
            hierarchy, row = await self._desk.one(tx, location_id, actor)
            inside = people.within(hierarchy.cells(row))
            changes = archived(hierarchy, row, reason, actor.username, self._desk.now(), people=inside)
            done = await self._desk.save(tx, changes, actor)
            emptied = [(E.AMENDED, cell) for cell in done[1:]]
            told = [(E.AMENDED, above) for above in hierarchy.above(row)]
            await self._desk.tell(tx, (E.DEACTIVATED, done[0]), *emptied, *told)
            shown = await self._desk.shown(tx, location_id, above=hierarchy.above(row))
            return Changed(shown.location | {"childLocations": []}, shown.version)

    async def reactivate(self, wishes: Mapping[UUID, Opening], actor: Actor) -> list[dict[str, Any]]:
        """Bring locations back, with what is above them and, where asked, what is below; all or none.

        Raises LocationNotFound, CannotReactivate, CapacityNotAllowed, NotInCaseload, VersionStale.
        """
        async with self._desk.writing() as tx:
            hierarchy = await self._desk.hierarchy(tx, wishes, actor)
            first: dict[UUID, LocationRow] = {}
            for location_id, opening in wishes.items():
                row = hierarchy.get(location_id)
                assert row is not None
                actor.demand_seen(row)
                newly = opened(hierarchy, row, opening)
                first = {before.id: before for before, _ in newly} | first
                hierarchy.put(after for _, after in newly)
            changes = [(before, after) for before in first.values() if (after := hierarchy.get(before.id)) is not None]
            changes.sort(key=lambda change: len(hierarchy.above(change[1])))
            kinds = {after.id: announcing.event_type(before, after) or E.AMENDED for before, after in changes}
            done = await self._desk.save(tx, changes, actor)
            hierarchy.put(done)
            told = [(E.AMENDED, row) for row in hierarchy.ancestors_of(done)]
            await self._desk.tell(tx, *told, *((kinds[row.id], row) for row in done))
            return await self._desk.list_shown(tx, done)

    async def reactivate_one(self, location_id: UUID, opening: Opening, actor: Actor) -> Changed:
        """Bring one location back; the answer is the location that was asked for."""
        await self.reactivate({location_id: opening}, actor)
        async with self._desk.writing() as tx:
            return await self._desk.shown(tx, location_id)
