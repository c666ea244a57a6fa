"""Creates pages of locations that come from NOMIS: all good ones in one transaction by COPY, an outcome for each.

Migrate only creates: an id that is there is left as it is (its history is imported once), and a location that holds the
key without a NOMIS row is adopted. Nothing is announced: NOMIS has it already and DPS is not live yet.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import asyncpg
from msgspec.structs import replace

from libs.db.pool import Connection, Database
from libs.domain.prisons import PRISON_ID
from libs.domain.shared import kind_in_dps, project_dps, synced_part
from libs.domain.sync import HistoryEntry, MigrateLocation, MigrateOutcome, MigrateResult
from services.locations.changes.sync import KEY
from services.locations.errors import FieldNotAllowed
from services.locations.records import HistoryRow, LocationRow
from services.locations.rules import history, synced
from services.locations.store import bulk
from services.locations.store.writing import writing

Path = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Known:
    """What the database holds of the ids, parents and paths of a page."""

    parents: dict[UUID, Path]
    there: dict[UUID, bool]
    buried: set[UUID]


class MigrateChanges:
    """Carries out pages of a migration."""

    def __init__(self, database: Database) -> None:
        self._db = database

    async def create(self, wishes: Sequence[MigrateLocation]) -> list[MigrateOutcome]:
        """Create what is new. One that the database refuses is found by trying one by one."""
        async with writing(self._db) as tx:
            return await self._tried(tx, wishes)

    async def rehearse(self, wishes: Sequence[MigrateLocation]) -> list[MigrateOutcome]:
        """Return what `create` would answer, by doing it and undoing it: nothing stays.

        A parent that is not in DPS yet must be in the page, as the rehearsal of an earlier page left nothing.
        """
        async with writing(self._db, rehearsal=True) as tx:
            return await self._tried(tx, wishes)

    async def _tried(self, tx: Connection, wishes: Sequence[MigrateLocation]) -> list[MigrateOutcome]:
        try:
            async with tx.transaction():
                return await self._page(tx, wishes)
        except (asyncpg.IntegrityConstraintViolationError, asyncpg.DataError) as refused:
            if len(wishes) == 1:
                return [_outcome(wishes[0], MigrateResult.FAILED, _why(refused))]
        alone = {wish.id: await self._tried(tx, [wish]) for wish in _parents_first(wishes)}
        return [outcome for wish in wishes for outcome in alone[wish.id]]

    async def _page(self, tx: Connection, wishes: Sequence[MigrateLocation]) -> list[MigrateOutcome]:
        known = await self._known(tx, wishes)
        outcomes: dict[UUID, MigrateOutcome] = {}
        fresh: dict[UUID, tuple[MigrateLocation, LocationRow]] = {}
        placed = dict(known.parents)
        for wish in _parents_first(wishes):
            made = self._made(wish, known, placed)
            if isinstance(made, MigrateOutcome):
                outcomes[wish.id] = made
            else:
                fresh[wish.id] = (wish, made)
                placed[wish.id] = (made.prison_id, made.path_hierarchy)
        outcomes |= await self._without_taken_paths(tx, fresh)
        await self._store(tx, [*fresh.values()])
        await self._import_history(tx, wishes, known)
        outcomes |= {location_id: _outcome(wish, MigrateResult.CREATED) for location_id, (wish, _) in fresh.items()}
        return [outcomes[wish.id] for wish in wishes]

    async def _known(self, tx: Connection, wishes: Sequence[MigrateLocation]) -> Known:
        ids = [wish.id for wish in wishes]
        parents = {UUID(str(parent)) for wish in wishes if (parent := wish.fields.get("parentId"))}
        return Known(
            await bulk.parents(tx, parents),
            await bulk.known(tx, ids),
            await bulk.buried(tx, ids),
        )

    def _made(self, wish: MigrateLocation, known: Known, placed: dict[UUID, Path]) -> LocationRow | MigrateOutcome:
        if settled := _settled(wish, known):
            return settled
        parent = wish.fields.get("parentId")
        above = placed.get(UUID(str(parent))) if parent else None
        if parent and above is None:
            return _outcome(wish, MigrateResult.NO_PARENT, str(parent))
        if above and above[0] != wish.prison_id:
            return _outcome(wish, MigrateResult.FAILED, f"parentId: {parent} is of another prison")
        try:
            row = synced.created(_blank(wish), wish.fields)
        except FieldNotAllowed as wrong:
            return _outcome(wish, MigrateResult.FAILED, str(wrong))
        return replace(row, path_hierarchy=f"{above[1]}-{row.code}" if above else row.code)

    async def _without_taken_paths(
        self, tx: Connection, fresh: dict[UUID, tuple[MigrateLocation, LocationRow]]
    ) -> dict[UUID, MigrateOutcome]:
        """Take out of `fresh` whose path somebody holds, here or in this very page, and what stands below those."""
        holders = await bulk.holders(tx, [(row.prison_id, row.path_hierarchy) for _, row in fresh.values()])
        seen: dict[Path, UUID] = {}
        outcomes: dict[UUID, MigrateOutcome] = {}
        for location_id, (wish, row) in [*fresh.items()]:
            path = (row.prison_id, row.path_hierarchy)
            holder, linked = holders.get(path, (seen.get(path), True))
            if row.parent_id in outcomes:
                outcomes[location_id] = _outcome(wish, MigrateResult.NO_PARENT, str(row.parent_id))
            elif holder is None:
                seen[path] = location_id
                continue
            elif linked:
                outcomes[location_id] = _outcome(wish, MigrateResult.FAILED, "duplicate path")
            else:
                outcomes[location_id] = _outcome(wish, MigrateResult.ADOPTED, None, holder)
            del fresh[location_id]
        return outcomes

    async def _store(self, tx: Connection, fresh: Sequence[tuple[MigrateLocation, LocationRow]]) -> None:
        await bulk.copy_locations(tx, [row for _, row in fresh])
        await bulk.copy_states(tx, [_state(wish, row) for wish, row in fresh])
        await bulk.copy_history(tx, [change for wish, row in fresh for change in _history(wish, row)])

    async def _import_history(self, tx: Connection, wishes: Sequence[MigrateLocation], known: Known) -> None:
        missing = [wish for wish in wishes if known.there.get(wish.id) is False and wish.history]
        if missing:
            await bulk.copy_history(tx, [imported(wish.id, entry) for wish in missing for entry in wish.history])
            await bulk.mark_imported(tx, [wish.id for wish in missing])


def _settled(wish: MigrateLocation, known: Known) -> MigrateOutcome | None:
    """Return the outcome of one that needs no look at its parent."""
    if wish.id in known.there:
        return _outcome(wish, MigrateResult.EXISTS)
    if wish.id in known.buried:
        return _outcome(wish, MigrateResult.FAILED, "deleted in DPS")
    if not PRISON_ID.fullmatch(wish.prison_id):
        return _outcome(wish, MigrateResult.FAILED, "prisonId: two capitals and an I, or ZZGHI")
    return None


def _parents_first(wishes: Sequence[MigrateLocation]) -> list[MigrateLocation]:
    """Order a page so that no child stands before its parent; a circle keeps its order and finds no parent."""
    by_id = {wish.id: wish for wish in wishes}
    ordered: dict[UUID, MigrateLocation] = {}
    for wish in wishes:
        line: list[MigrateLocation] = []
        at: MigrateLocation | None = wish
        while at is not None and at.id not in ordered and at not in line:
            line.append(at)
            parent = at.fields.get("parentId")
            at = by_id.get(UUID(str(parent))) if parent else None
        ordered |= {each.id: each for each in reversed(line)}
    return [*ordered.values()]


def _blank(wish: MigrateLocation) -> LocationRow:
    read = synced.parsed(wish.fields)
    created = wish.create_date.replace(tzinfo=None)
    return LocationRow(
        id=wish.id,
        prison_id=wish.prison_id,
        path_hierarchy="",
        code=read.code,
        location_type=read.location_type,
        parent_id=read.parent_id,
        when_created=created,
        when_updated=created,
        updated_by=wish.last_updated_by,
    )


def _state(wish: MigrateLocation, row: LocationRow) -> bulk.StateRow:
    own = row.own()
    base: dict[str, Any] = {**synced_part(project_dps(own), kind_in_dps(own)), KEY: row.key}
    return (row.id, 1, wish.nomis_location_id, wish.nomis_description, base, True)


def _history(wish: MigrateLocation, row: LocationRow) -> list[HistoryRow]:
    """Return the automatic rows of a new cell, then what NOMIS told, kept as it was."""
    became_room = row.converted_cell_type is not None
    came = (
        replace(synced.begun(_blank(wish), wish.fields)[0], path_hierarchy=row.path_hierarchy) if became_room else row
    )
    automatic = history.beginning(came, row, row.updated_by, row.when_created)
    return history.kept([*automatic, *(imported(row.id, entry) for entry in wish.history)])


def imported(location_id: UUID, entry: HistoryEntry) -> HistoryRow:
    """Return an amendment of NOMIS as history, kept as it was."""
    return HistoryRow(
        location_id, entry.attribute, entry.old_value, entry.new_value, entry.amended_by, entry.amended_date
    )


def _outcome(
    wish: MigrateLocation, result: MigrateResult, reason: str | None = None, at: UUID | None = None
) -> MigrateOutcome:
    return MigrateOutcome(id=at or wish.id, nomis_location_id=wish.nomis_location_id, result=result, reason=reason)


def _why(refused: asyncpg.PostgresError) -> str:
    """Name the rule the database holds, never the values."""
    return str(refused.constraint_name or refused.column_name or type(refused).__name__)
