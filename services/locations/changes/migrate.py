"""Creates pages of locations that come from NOMIS: all good ones in one transaction by COPY, an outcome for each.

Migrate only creates: an id that is there is left as it is (its history is imported once), and a location that holds the
key without a NOMIS row is adopted. A prison that is one way takes nothing new but visit rooms. Nothing is announced:
NOMIS has it already and DPS is not live yet.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import asyncpg
import msgspec

from libs.db.pool import Connection, Database
from libs.domain.identity import is_vsip_room
from libs.domain.prisons import PRISON_ID
from libs.domain.shared import kind_in_dps, project_dps, synced_part
from libs.domain.sync import HistoryEntry, MigrateLocation, MigrateOutcome, MigrateResult
from services.locations.changes.fields import parsed
from services.locations.changes.sync import KEY
from services.locations.errors import FieldNotAllowed, SyncOff
from services.locations.records import HistoryRow, LocationRow
from services.locations.rules import history, synced
from services.locations.rules.clock import in_london
from services.locations.rules.synced import Birth, SharedFields
from services.locations.store import bulk, rows
from services.locations.store.writing import writing

Path = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Known:
    """What the database holds of the ids, parents and paths of a page."""

    parents: dict[UUID, Path]
    there: dict[UUID, bool]
    buried: set[UUID]
    one_way: set[str]


class MigrateChanges:
    """Carries out pages of a migration."""

    def __init__(self, database: Database) -> None:
        self._db = database

    async def create(self, wishes: Sequence[MigrateLocation]) -> list[MigrateOutcome]:
        """Create what is new. One that the database refuses is found by halving the page."""
        async with writing(self._db) as tx:
            await _hold_trees(tx, wishes)
            return await self._tried(tx, wishes)

    async def rehearse(self, wishes: Sequence[MigrateLocation]) -> list[MigrateOutcome]:
        """Return what `create` would answer, by doing it and undoing it: nothing stays.

        A parent that is not in DPS yet must be in the page, as the rehearsal of an earlier page left nothing.
        """
        async with writing(self._db, rehearsal=True) as tx:
            await _hold_trees(tx, wishes)
            return await self._tried(tx, wishes)

    async def _tried(self, tx: Connection, wishes: Sequence[MigrateLocation]) -> list[MigrateOutcome]:
        try:
            async with tx.transaction():
                return await self._page(tx, wishes)
        except (asyncpg.IntegrityConstraintViolationError, asyncpg.DataError) as refused:
            if len(wishes) == 1:
                return [_outcome(wishes[0], MigrateResult.FAILED, _why(refused))]
        ordered = [asked.wish for asked in _parents_first(wishes)]
        middle = len(ordered) // 2
        parts = [*await self._tried(tx, ordered[:middle]), *await self._tried(tx, ordered[middle:])]
        found = {wish.id: outcome for wish, outcome in zip(ordered, parts, strict=True)}
        return [found[wish.id] for wish in wishes]

    async def _page(self, tx: Connection, wishes: Sequence[MigrateLocation]) -> list[MigrateOutcome]:
        ordered = _parents_first(wishes)
        known = await self._known(tx, ordered)
        outcomes: dict[UUID, MigrateOutcome] = {}
        fresh: dict[UUID, Fresh] = {}
        placed = dict(known.parents)
        for asked in ordered:
            made = _made(asked, known, placed)
            if isinstance(made, MigrateOutcome):
                outcomes[asked.wish.id] = made
            else:
                fresh[asked.wish.id] = made
                placed[asked.wish.id] = (made.row.prison_id, made.row.path_hierarchy)
        taken = await self._without_taken_paths(tx, fresh)
        adopted = [each for each in taken.values() if each.result is MigrateResult.ADOPTED]
        if adopted:
            await bulk.claim(tx, [(each.id, each.nomis_location_id) for each in adopted])
        outcomes |= taken
        await self._store(tx, [*fresh.values()])
        await self._import_history(tx, wishes, known)
        outcomes |= {each: _outcome(made.wish, MigrateResult.CREATED) for each, made in fresh.items()}
        return [outcomes[wish.id] for wish in wishes]

    async def _known(self, tx: Connection, ordered: Sequence["Asked"]) -> Known:
        ids = [asked.wish.id for asked in ordered]
        parents = {asked.parent_id for asked in ordered if asked.parent_id is not None}
        return Known(
            await bulk.parents(tx, parents),
            await bulk.known(tx, ids),
            await bulk.buried(tx, ids),
            await bulk.one_way(tx, {asked.wish.prison_id for asked in ordered}),
        )

    async def _without_taken_paths(self, tx: Connection, fresh: dict[UUID, "Fresh"]) -> dict[UUID, MigrateOutcome]:
        """Take out of `fresh` whose path somebody holds, here or in this very page, and what stands below those."""
        asked = [(made.row.prison_id, made.row.path_hierarchy, made.wish.nomis_location_id) for made in fresh.values()]
        holders = await bulk.holders(tx, asked)
        seen: dict[Path, UUID] = {}
        outcomes: dict[UUID, MigrateOutcome] = {}
        for location_id, made in [*fresh.items()]:
            path = (made.row.prison_id, made.row.path_hierarchy)
            holder, linked = holders.get(path, (seen.get(path), True))
            if made.row.parent_id in outcomes:
                outcomes[location_id] = _outcome(made.wish, MigrateResult.NO_PARENT, str(made.row.parent_id))
            elif holder is None:
                seen[path] = location_id
                continue
            elif linked:
                outcomes[location_id] = _outcome(made.wish, MigrateResult.FAILED, "duplicate path")
            else:
                outcomes[location_id] = _outcome(made.wish, MigrateResult.ADOPTED, None, holder)
            del fresh[location_id]
        return outcomes

    async def _store(self, tx: Connection, fresh: Sequence["Fresh"]) -> None:
        await bulk.copy_locations(tx, [made.row for made in fresh])
        await bulk.copy_states(tx, [_state(made) for made in fresh])
        await bulk.copy_history(tx, [change for made in fresh for change in _history(made)])

    async def _import_history(self, tx: Connection, wishes: Sequence[MigrateLocation], known: Known) -> None:
        missing = [wish for wish in wishes if known.there.get(wish.id) is False and wish.history]
        if missing:
            await bulk.copy_history(tx, [imported(wish.id, entry) for wish in missing for entry in wish.history])
            await bulk.mark_imported(tx, [wish.id for wish in missing])


class Asked(msgspec.Struct, frozen=True):
    """A wish whose fields were read, once; or what is wrong with them."""

    wish: MigrateLocation
    fields: SharedFields | FieldNotAllowed

    @property
    def parent_id(self) -> UUID | None:
        """Below whom it is to stand."""
        return None if isinstance(self.fields, FieldNotAllowed) else self.fields.parent_id or None


class Fresh(msgspec.Struct, frozen=True):
    """A location to insert; `came` differs from `row` where a holding cell became a room."""

    wish: MigrateLocation
    came: LocationRow
    row: LocationRow


async def _hold_trees(tx: Connection, wishes: Sequence[MigrateLocation]) -> None:
    """Let nobody rename or move a parent whose path a page was given; pages that run beside each other may share it.

    Before the first savepoint: what is rolled back lets go of the locks it took.
    """
    await rows.share_trees(tx, {wish.prison_id for wish in wishes if PRISON_ID.fullmatch(wish.prison_id)})


def _made(asked: Asked, known: Known, placed: Mapping[UUID, Path]) -> Fresh | MigrateOutcome:
    wish, fields, parent_id = asked.wish, asked.fields, asked.parent_id
    if settled := _settled(wish, known):
        return settled
    if isinstance(fields, FieldNotAllowed):
        return _outcome(wish, MigrateResult.FAILED, str(fields))
    above = placed.get(parent_id) if parent_id is not None else None
    if parent_id is not None and above is None:
        return _outcome(wish, MigrateResult.NO_PARENT, str(parent_id))
    if above is not None and above[0] != wish.prison_id:
        return _outcome(wish, MigrateResult.FAILED, f"parentId: {parent_id} is of another prison")
    created = in_london(wish.create_date)
    birth = Birth(wish.id, wish.prison_id, above[1] if above else "", created, created, wish.last_updated_by)
    try:
        came, row = synced.born(fields, birth)
    except FieldNotAllowed as wrong:
        return _outcome(wish, MigrateResult.FAILED, str(wrong))
    return Fresh(wish, came, row)


def _settled(wish: MigrateLocation, known: Known) -> MigrateOutcome | None:
    """Return the outcome of one that needs no look at its parent."""
    if wish.id in known.there:
        return _outcome(wish, MigrateResult.EXISTS)
    if wish.id in known.buried:
        return _outcome(wish, MigrateResult.FAILED, "deleted in DPS")
    if not PRISON_ID.fullmatch(wish.prison_id):
        return _outcome(wish, MigrateResult.FAILED, "prisonId: two capitals and an I, or ZZGHI")
    if wish.prison_id in known.one_way and not is_vsip_room(wish.nomis_description):
        return _outcome(wish, MigrateResult.FAILED, str(SyncOff(wish.prison_id)))
    return None


def _parents_first(wishes: Sequence[MigrateLocation]) -> list[Asked]:
    """Order a page so that no child stands before its parent; a circle keeps its order and finds no parent."""
    by_id = {wish.id: Asked(wish, _read(wish)) for wish in wishes}
    ordered: dict[UUID, Asked] = {}
    for asked in by_id.values():
        line: dict[UUID, Asked] = {}
        at: Asked | None = asked
        while at is not None and at.wish.id not in ordered and at.wish.id not in line:
            line[at.wish.id] = at
            at = by_id.get(at.parent_id) if at.parent_id is not None else None
        ordered |= {each: line[each] for each in reversed(line)}
    return [*ordered.values()]


def _read(wish: MigrateLocation) -> SharedFields | FieldNotAllowed:
    try:
        return parsed(wish.fields)
    except FieldNotAllowed as wrong:
        return wrong


def _state(made: Fresh) -> bulk.StateRow:
    row = made.row
    base: dict[str, Any] = {**synced_part(project_dps(row), kind_in_dps(row)), KEY: row.key}
    return (row.id, 1, made.wish.nomis_location_id, made.wish.nomis_description, base, True)


def _history(made: Fresh) -> list[HistoryRow]:
    """Return the automatic rows of a new cell, then what NOMIS told, kept as it was."""
    row = made.row
    automatic = history.beginning(made.came, row, row.updated_by, row.when_created)
    return history.kept([*automatic, *(imported(row.id, entry) for entry in made.wish.history)])


def imported(location_id: UUID, entry: HistoryEntry) -> HistoryRow:
    """Return an amendment of NOMIS as history, kept as it was."""
    return HistoryRow(
        location_id, entry.attribute, entry.old_value, entry.new_value, entry.amended_by, in_london(entry.amended_date)
    )


def _outcome(
    wish: MigrateLocation, result: MigrateResult, reason: str | None = None, at: UUID | None = None
) -> MigrateOutcome:
    return MigrateOutcome(id=at or wish.id, nomis_location_id=wish.nomis_location_id, result=result, reason=reason)


def _why(refused: asyncpg.PostgresError) -> str:
    """Name the rule the database holds, never the values."""
    return str(refused.constraint_name or refused.column_name or type(refused).__name__)
