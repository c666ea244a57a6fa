"""Edits NOMIS as its screens do: SQL in a transaction that names the user and the module, and the triggers do the rest.

`edits = ScreenEdits(seed, ["LEI"], today)`, then `edit = await edits.make(connection)` as often as wanted: each call
picks a row that the act applies to, commits, and says what it did. The same seed on the same data makes the same edits.
A prison whose screens are switched off refuses them, as it refuses people.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from types import MappingProxyType

from libs.db.pool import Connection
from services.nomis.estate.cells import COMMENTS, NOTES, USERS
from services.nomis.estate.chance import Weighted, stream
from services.nomis.estate.journal import LOCATION_EVENT, PROFILE_EVENT, USAGE_EVENT, Act, Change, Edit, Value
from services.nomis.estate.profiles import INDEPENDENT
from services.nomis.estate.standing import REASONS

LOCATIONS, PROFILES, USAGES = "agency_internal_locations", "agy_int_loc_profiles", "int_loc_usage_locations"
LOOKS_MAX = 100
ACTS = Weighted(
    (Act.MOVE, 30),
    (Act.CAPACITY, 15),
    (Act.CERTIFICATION, 10),
    (Act.COMMENT, 8),
    (Act.LOCAL_NAME, 8),
    (Act.DEACTIVATE, 7),
    (Act.REACTIVATE, 7),
    (Act.ADD_PROFILE, 5),
    (Act.REMOVE_PROFILE, 4),
    (Act.USAGE, 4),
    (Act.NEW_CELL, 1.5),
    (Act.DELETE_CELL, 0.5),
)
MODULE = MappingProxyType({Act.USAGE: "OIMULOCA"})
# Which active flag a row must have.
APPLIES_TO = MappingProxyType({Act.MOVE: "Y", Act.DEACTIVATE: "Y", Act.REACTIVATE: "N"})
HOUSING_MODULE = "OIMMHOLO"
# For whoever wants edits of fields that both systems hold, and no row to come or go.
FIELD_ACTS = (Act.CAPACITY, Act.CERTIFICATION, Act.COMMENT, Act.LOCAL_NAME, Act.DEACTIVATE, Act.REACTIVATE)

IDENTIFY = "SELECT set_config('nomis.audit_user_id', $1, true), set_config('nomis.audit_module_name', $2, true)"
CANDIDATES = """
SELECT array_agg(internal_location_id ORDER BY internal_location_id) FROM agency_internal_locations
WHERE agy_loc_id = $1 AND (internal_location_type = 'CELL' AND unit_type IS NOT NULL) = $2
    AND ($3::text IS NULL OR active_flag = $3)
"""
PICK = """
SELECT internal_location_id, agy_loc_id, internal_location_type, description, parent_internal_location_id, unit_type,
    capacity, operation_capacity, cna_no, certified_flag, comment_text, user_desc, active_flag, deactivate_date,
    deactivate_reason_code, reactivate_date, no_of_occupant
FROM agency_internal_locations WHERE internal_location_id = $1 FOR UPDATE
"""
# As a form does: every field it shows, changed or not.
SAVE = """
UPDATE agency_internal_locations SET capacity = $2, operation_capacity = $3, cna_no = $4, certified_flag = $5,
    comment_text = $6, user_desc = $7, active_flag = $8, deactivate_date = $9, deactivate_reason_code = $10,
    reactivate_date = $11, no_of_occupant = $12
WHERE internal_location_id = $1
"""
PROFILES_OF = """
SELECT int_loc_profile_type, int_loc_profile_code FROM agy_int_loc_profiles
WHERE internal_location_id = $1 ORDER BY 1, 2
"""
ADD_PROFILE = """
INSERT INTO agy_int_loc_profiles (internal_location_id, int_loc_profile_type, int_loc_profile_code) VALUES ($1, $2, $3)
"""
REMOVE_PROFILE = """
DELETE FROM agy_int_loc_profiles
WHERE internal_location_id = $1 AND int_loc_profile_type = $2 AND int_loc_profile_code = $3
"""
USAGES_OF = """
SELECT usage_location_id, capacity FROM int_loc_usage_locations
WHERE internal_location_id = $1 ORDER BY usage_location_id
"""
SAVE_USAGE = "UPDATE int_loc_usage_locations SET capacity = $2 WHERE usage_location_id = $1"
DESCRIPTION_TAKEN = "SELECT EXISTS (SELECT FROM agency_internal_locations WHERE agy_loc_id = $1 AND description = $2)"
DESCRIPTION_OF = "SELECT description FROM agency_internal_locations WHERE internal_location_id = $1"
NEW_CELL = """
INSERT INTO agency_internal_locations (internal_location_code, agy_loc_id, internal_location_type, description,
    parent_internal_location_id, unit_type, capacity, operation_capacity, cna_no, certified_flag)
VALUES ($1, $2, 'CELL', $3, $4, 'NA', 1, 1, 1, 'Y') RETURNING internal_location_id
"""
IN_USE = """
SELECT EXISTS (SELECT FROM agency_internal_locations WHERE parent_internal_location_id = $1)
    OR EXISTS (SELECT FROM int_loc_usage_locations WHERE internal_location_id = $1)
"""
DELETE_PROFILES = "DELETE FROM agy_int_loc_profiles WHERE internal_location_id = $1"
DELETE_AMENDMENTS = "DELETE FROM agy_int_loc_amendments WHERE internal_location_id = $1"
DELETE_LOCATION = "DELETE FROM agency_internal_locations WHERE internal_location_id = $1"


class NothingToEdit(Exception):
    """No row was found that the act applies to."""


@dataclass(frozen=True)
class Form:
    """What the screen shows of a location, and may change."""

    capacity: int | None
    operation_capacity: int | None
    cna_no: int | None
    certified_flag: str
    comment_text: str | None
    user_desc: str | None
    active_flag: str
    deactivate_date: datetime | None
    deactivate_reason_code: str | None
    reactivate_date: datetime | None
    no_of_occupant: int | None


FIELDS = tuple(Form.__dataclass_fields__)


@dataclass(frozen=True)
class Picked:
    """The row an edit begins from; locked."""

    id: int
    prison: str
    description: str
    parent_id: int | None
    form: Form


Perform = Callable[[Connection, Picked], Awaitable[tuple[Change, ...]]]
Fill = Callable[[Form], Form | None]


class ScreenEdits:
    """Makes random edits, one transaction each."""

    def __init__(self, seed: int, prisons: Sequence[str], today: date, acts: Sequence[Act] | None = None) -> None:
        self._rng = stream(seed, "screen edits", *prisons)
        self._prisons = tuple(prisons)
        self._today = datetime.combine(today, time())
        self._acts = ACTS if acts is None else Weighted(*((act, 1.0) for act in acts))
        self.unanswered: Edit | None = None
        self._fill: Mapping[Act, Fill] = MappingProxyType(
            {
                Act.MOVE: self._move,
                Act.CAPACITY: self._capacity,
                Act.CERTIFICATION: self._certification,
                Act.COMMENT: self._comment,
                Act.LOCAL_NAME: self._local_name,
                Act.DEACTIVATE: self._deactivate,
                Act.REACTIVATE: self._reactivate,
            },
        )
        self._perform: Mapping[Act, Perform] = MappingProxyType(
            {
                Act.ADD_PROFILE: self._add_profile,
                Act.REMOVE_PROFILE: self._remove_profile,
                Act.USAGE: self._usage,
                Act.NEW_CELL: self._new_cell,
                Act.DELETE_CELL: self._delete_cell,
            },
        )

    async def make(self, connection: Connection) -> Edit:
        """Make one edit and commit it. Where that raises, `unanswered` is what may have been committed all the same."""
        act = self._acts.draw(self._rng)
        self.unanswered = None
        for _ in range(LOOKS_MAX):
            async with connection.transaction():
                edit = self.unanswered = await self._try(connection, act)
            self.unanswered = None
            if edit:
                return edit
        raise NothingToEdit(act.value)

    async def _try(self, connection: Connection, act: Act) -> Edit | None:
        picked = await self._pick(connection, act)
        if picked is None:
            return None
        module = MODULE.get(act, HOUSING_MODULE)
        await connection.execute(IDENTIFY, USERS.draw(self._rng), module)
        if fill := self._fill.get(act):
            changes = await self._save(connection, picked, fill(picked.form))
        else:
            changes = await self._perform[act](connection, picked)
        if not changes:
            return None
        return Edit(act, picked.prison, changes[0].row, changes, _events(act, changes))

    async def _pick(self, connection: Connection, act: Act) -> Picked | None:
        prison = self._rng.choice(self._prisons)
        candidates = await connection.fetchval(CANDIDATES, prison, act is not Act.USAGE, APPLIES_TO.get(act))
        if not candidates:
            return None
        row = await connection.fetchrow(PICK, self._rng.choice(candidates))
        if row is None:
            return None
        form = Form(*(row[name] for name in FIELDS))
        return Picked(
            row["internal_location_id"],
            row["agy_loc_id"],
            row["description"],
            row["parent_internal_location_id"],
            form,
        )

    async def _save(self, connection: Connection, picked: Picked, filled: Form | None) -> tuple[Change, ...]:
        if filled is None or filled == picked.form:
            return ()
        await connection.execute(SAVE, picked.id, *(getattr(filled, name) for name in FIELDS))
        old, new = picked.form, filled
        return tuple(
            Change(LOCATIONS, picked.id, name, getattr(old, name), getattr(new, name))
            for name in FIELDS
            if getattr(old, name) != getattr(new, name)
        )

    def _move(self, form: Form) -> Form | None:
        room = form.operation_capacity or 0
        return replace(form, no_of_occupant=self._rng.randint(0, room)) if form.active_flag == "Y" else None

    def _capacity(self, form: Form) -> Form | None:
        capacity = self._rng.randint(1, 3)
        return replace(form, capacity=capacity, operation_capacity=self._rng.randint(1, capacity))

    def _certification(self, form: Form) -> Form | None:
        return replace(form, certified_flag="N" if form.certified_flag == "Y" else "Y", cna_no=self._rng.randint(1, 2))

    def _comment(self, form: Form) -> Form | None:
        return replace(form, comment_text=f"{COMMENTS.draw(self._rng)} {self._rng.randint(1, 9999)}")

    def _local_name(self, form: Form) -> Form | None:
        return replace(form, user_desc=f"{NOTES.draw(self._rng)} {self._rng.randint(1, 9999)}")

    def _deactivate(self, form: Form) -> Form | None:
        if form.active_flag == "N":
            return None
        back = self._today + timedelta(days=self._rng.randint(7, 90))
        return replace(
            form,
            active_flag="N",
            deactivate_date=self._today,
            deactivate_reason_code=REASONS.draw(self._rng),
            reactivate_date=self._rng.choice((back, None)),
        )

    def _reactivate(self, form: Form) -> Form | None:
        if form.active_flag == "Y":
            return None
        return replace(form, active_flag="Y", deactivate_date=None, deactivate_reason_code=None, reactivate_date=None)

    async def _add_profile(self, connection: Connection, picked: Picked) -> tuple[Change, ...]:
        type_, code = self._rng.choice(INDEPENDENT)[0]
        if (type_, code) in {tuple(row) for row in await connection.fetch(PROFILES_OF, picked.id)}:
            return ()
        await connection.execute(ADD_PROFILE, picked.id, type_, code)
        return (Change(PROFILES, picked.id, type_, None, code),)

    async def _remove_profile(self, connection: Connection, picked: Picked) -> tuple[Change, ...]:
        rows = await connection.fetch(PROFILES_OF, picked.id)
        if not rows:
            return ()
        type_, code = self._rng.choice(rows)
        await connection.execute(REMOVE_PROFILE, picked.id, type_, code)
        return (Change(PROFILES, picked.id, type_, code, None),)

    async def _usage(self, connection: Connection, picked: Picked) -> tuple[Change, ...]:
        rows = await connection.fetch(USAGES_OF, picked.id)
        if not rows:
            return ()
        row = self._rng.choice(rows)
        capacity = (row["capacity"] or 0) + self._rng.randint(1, 9)
        await connection.execute(SAVE_USAGE, row["usage_location_id"], capacity)
        return (Change(USAGES, picked.id, f"capacity of {row['usage_location_id']}", row["capacity"], capacity),)

    async def _new_cell(self, connection: Connection, picked: Picked) -> tuple[Change, ...]:
        code = f"{self._rng.randint(500, 999)}"
        above = await connection.fetchval(DESCRIPTION_OF, picked.parent_id)
        description = f"{above}-{code}"
        if above is None or await connection.fetchval(DESCRIPTION_TAKEN, picked.prison, description):
            return ()
        id_ = await connection.fetchval(NEW_CELL, code, picked.prison, description, picked.parent_id)
        return (Change(LOCATIONS, id_, "description", None, description),)

    async def _delete_cell(self, connection: Connection, picked: Picked) -> tuple[Change, ...]:
        if await connection.fetchval(IN_USE, picked.id):
            return ()
        profiles: list[Sequence[Value]] = [tuple(row) for row in await connection.fetch(PROFILES_OF, picked.id)]
        await connection.execute(DELETE_PROFILES, picked.id)
        await connection.execute(DELETE_AMENDMENTS, picked.id)
        await connection.execute(DELETE_LOCATION, picked.id)
        return (
            Change(LOCATIONS, picked.id, "description", picked.description, None),
            *(Change(PROFILES, picked.id, str(type_), code, None) for type_, code in profiles),
        )


def _events(act: Act, changes: Sequence[Change]) -> tuple[str, ...]:
    if act is Act.MOVE:
        return ()
    of_table = {PROFILES: PROFILE_EVENT, USAGES: USAGE_EVENT}
    located = (LOCATION_EVENT,) if any(change.table == LOCATIONS for change in changes) else ()
    return located + tuple(of_table[change.table] for change in changes if change.table in of_table)
