"""Writes locations. Each call locks its row, compares, and touches only what differs."""

from collections.abc import Sequence
from typing import Any

from libs.db.pool import Connection, Row
from libs.web.preconditions import IfMatch
from services.nomis import rules
from services.nomis.errors import LocationUnknown, NotUnique, Refused
from services.nomis.records import Capacity, Certification, Create, Deactivation, Update, Usage
from services.nomis.rules import Columns
from services.nomis.store.reading import version_of
from services.nomis.store.session import Session

LOCK = """
SELECT *, london_now()::date AS today FROM agency_internal_locations WHERE internal_location_id = $1 FOR UPDATE
"""
# Of a row that is held: its lists, held too, and whether what it is to name is there.
STANDS = """
WITH profiles AS (
    SELECT int_loc_profile_type AS kind, int_loc_profile_code AS code FROM agy_int_loc_profiles
    WHERE internal_location_id = $1 ORDER BY 1, 2 FOR UPDATE
), usages AS (
    SELECT u.usage_location_id AS id, d.internal_location_usage AS usage, u.capacity, u.list_seq
    FROM int_loc_usage_locations u JOIN internal_location_usages d USING (internal_location_usage_id)
    WHERE u.internal_location_id = $1 ORDER BY 1 FOR UPDATE OF u
)
SELECT (SELECT array_agg(ARRAY[kind, code] ORDER BY kind, code) FROM profiles) AS profiles,
    (SELECT array_agg(ARRAY[id::text, usage, capacity::text, list_seq::text] ORDER BY id) FROM usages) AS usages,
    nullif($2::varchar, '') IS NULL
        OR EXISTS (SELECT 1 FROM reference_codes WHERE domain = 'HOU_UN_TYPE' AND code = $2) AS unit_type_known,
    $3::bigint IS NULL
        OR EXISTS (SELECT 1 FROM agency_internal_locations WHERE internal_location_id = $3) AS parent_known
"""
DEFINITIONS = """
SELECT internal_location_usage, array_agg(internal_location_usage_id) AS ids FROM internal_location_usages
WHERE agy_loc_id = $1 AND internal_location_usage = ANY($2::varchar[]) GROUP BY 1
"""
DELETE_PROFILES = """
DELETE FROM agy_int_loc_profiles WHERE internal_location_id = $1
    AND (int_loc_profile_type, int_loc_profile_code) IN (SELECT * FROM unnest($2::varchar[], $3::varchar[]))
"""
INSERT_PROFILES = """
INSERT INTO agy_int_loc_profiles (internal_location_id, int_loc_profile_type, int_loc_profile_code)
SELECT $1, nullif(kind, ''), nullif(code, '')
FROM unnest($2::varchar[], $3::varchar[]) WITH ORDINALITY AS wish (kind, code, place) ORDER BY place
"""
DELETE_USAGES = "DELETE FROM int_loc_usage_locations WHERE usage_location_id = ANY($1::bigint[])"
INSERT_USAGES = """
INSERT INTO int_loc_usage_locations (internal_location_id, internal_location_usage_id, capacity, list_seq)
SELECT $1, definition, capacity, list_seq
FROM unnest($2::bigint[], $3::integer[], $4::integer[]) WITH ORDINALITY AS wish (definition, capacity, list_seq, place)
ORDER BY place
"""
UPDATE_USAGES = """
UPDATE int_loc_usage_locations SET capacity = wish.capacity, list_seq = wish.list_seq
FROM unnest($1::bigint[], $2::integer[], $3::integer[]) AS wish (id, capacity, list_seq)
WHERE usage_location_id = wish.id
"""
CODE_KNOWN = "SELECT EXISTS (SELECT 1 FROM reference_codes WHERE domain = $1 AND code = $2)"
PRISON_KNOWN = "SELECT EXISTS (SELECT 1 FROM agency_locations WHERE agy_loc_id = $1)"
PARENT_KNOWN = "SELECT EXISTS (SELECT 1 FROM agency_internal_locations WHERE internal_location_id = $1)"
# The one active room of this name at the top of the prison, if there is exactly one.
VISITS_TOP = """
SELECT internal_location_id, description FROM agency_internal_locations
WHERE agy_loc_id = $1 AND parent_internal_location_id IS NULL AND active_flag = 'Y'
    AND internal_location_code IN ('VISIT', 'VISITS') LIMIT 2
"""
UNIT_TYPE = "Housing unit type"
BY_DESCRIPTION = "SELECT internal_location_id FROM agency_internal_locations WHERE agy_loc_id = $1 AND description = $2"


class Writing:
    """The write side of the API. Writes return the row's new version."""

    def __init__(self, session: Session) -> None:
        self._session = session

    async def create(self, wish: Create) -> int:
        """Create a location with its profiles and usages."""
        async with self._session.writing() as tx:
            await _check_code(tx, "HOU_UN_TYPE", wish.unit_type, UNIT_TYPE)
            await _check_prison(tx, wish.prison_id)
            if wish.parent_location_id is not None and not await tx.fetchval(PARENT_KNOWN, wish.parent_location_id):
                raise _unknown_parent(wish)
            location_id = await _insert(tx, rules.created(wish))
            await _replace_lists(tx, location_id, wish.prison_id, wish, await _stands(tx, location_id, wish))
            return location_id

    async def update(self, location_id: int, wish: Update, expected: IfMatch | None) -> str:
        """Overwrite a location, and replace its profiles and usages as sets."""
        async with self._session.writing() as tx:
            row = await _held(tx, location_id)
            # Before the version is looked at: a screen may be about to take from a list, which that does not wait for.
            stands = await _stands(tx, location_id, wish)
            await _require(tx, location_id, expected)
            await _replace_lists(tx, location_id, str(row["agy_loc_id"]), wish, stands)
            return await _write(tx, row, rules.updated(wish))

    async def deactivate(self, location_id: int, wish: Deactivation, expected: IfMatch | None) -> str:
        """Take a location out of use."""
        async with self._session.writing() as tx:
            row = await _locked(tx, location_id, expected)
            columns = rules.deactivated(row, wish)
            await _check_code(tx, "LIV_UN_RSN", wish.reason_code, "Deactivate reason")
            return await _write(tx, row, columns)

    async def reactivate(self, location_id: int, expected: IfMatch | None) -> str:
        """Take a location into use again."""
        async with self._session.writing() as tx:
            row = await _locked(tx, location_id, expected)
            return await _write(tx, row, rules.reactivated(row))

    async def capacity(
        self, location_id: int, wish: Capacity, *, ignore_operational: bool, expected: IfMatch | None
    ) -> str:
        """Overwrite the capacities."""
        async with self._session.writing() as tx:
            row = await _locked(tx, location_id, expected)
            return await _write(tx, row, rules.with_capacity(wish, ignore_operational=ignore_operational))

    async def certification(self, location_id: int, wish: Certification, expected: IfMatch | None) -> str:
        """Overwrite certification."""
        async with self._session.writing() as tx:
            row = await _locked(tx, location_id, expected)
            return await _write(tx, row, rules.certified(wish))

    async def visit_room(self, prison: str, code: str) -> tuple[int, bool]:
        """Find or make the room that visit bookings are put into; tell whether it is new."""
        async with self._session.writing() as tx:
            # Two bookings at once make one room.
            await tx.execute("SELECT pg_advisory_xact_lock(hashtext($1))", f"{prison}-{code}")
            await _check_prison(tx, prison)
            tops = await tx.fetch(VISITS_TOP, prison)
            columns = rules.visit_room(prison, code, dict(tops[0]) if len(tops) == 1 else None)
            present: int | None = await tx.fetchval(BY_DESCRIPTION, prison, columns["description"])
            return (await _insert(tx, columns), True) if present is None else (present, False)


async def _locked(tx: Connection, location_id: int, expected: IfMatch | None) -> Columns:
    row = await _held(tx, location_id)
    await _require(tx, location_id, expected)
    return row


async def _held(tx: Connection, location_id: int) -> Columns:
    row = await tx.fetchrow(LOCK, location_id)
    if row is None:
        raise LocationUnknown(f"Location with id={location_id} does not exist")
    return dict(row)


async def _require(tx: Connection, location_id: int, expected: IfMatch | None) -> None:
    if expected is not None:
        expected.require(await version_of(tx, location_id))


async def _stands(tx: Connection, location_id: int, wish: Update) -> Row:
    stands = await tx.fetchrow(STANDS, location_id, wish.unit_type, wish.parent_location_id)
    assert stands is not None
    return stands


async def _write(tx: Connection, row: Columns, wanted: Columns) -> str:
    location_id = row["internal_location_id"]
    assert isinstance(location_id, int)
    columns = rules.differing(row, wanted)
    if columns:
        pairs = ", ".join(f"{name} = ${place}" for place, name in enumerate(columns, 2))
        await tx.execute(
            f"UPDATE agency_internal_locations SET {pairs} WHERE internal_location_id = $1",  # noqa: S608 - names of ours
            location_id,
            *columns.values(),
        )
    return await version_of(tx, location_id)


async def _insert(tx: Connection, columns: Columns) -> int:
    names, places = ", ".join(columns), ", ".join(f"${place}" for place in range(1, len(columns) + 1))
    location_id: int = await tx.fetchval(
        f"INSERT INTO agency_internal_locations ({names}) VALUES ({places}) RETURNING internal_location_id",  # noqa: S608 - names of ours
        *columns.values(),
    )
    return location_id


async def _replace_lists(tx: Connection, location_id: int, prison: str, wish: Update, stands: Row) -> None:
    """Delete, insert and update in the order in which the original's events follow. Raises Refused."""
    if not stands["unit_type_known"]:
        raise Refused(f"{UNIT_TYPE} with code={wish.unit_type} does not exist")
    if not stands["parent_known"]:
        raise _unknown_parent(wish)
    profiles = rules.profile_changes([(kind, code) for kind, code in stands["profiles"] or ()], wish.profiles)
    present = [_usage(*each) for each in stands["usages"] or ()]
    definitions = await _definitions(tx, prison, wish.usages or ())
    usages = rules.usage_changes(present, wish.usages)
    if profiles.gone:
        await tx.execute(DELETE_PROFILES, location_id, *_columns(profiles.gone))
    if usages.gone:
        await tx.execute(DELETE_USAGES, usages.gone)
    if profiles.new:
        await tx.execute(INSERT_PROFILES, location_id, *_columns(profiles.new))
    if usages.new:
        rows = [(definitions[new.internal_location_usage_type], new.capacity, new.sequence) for new in usages.new]
        await tx.execute(INSERT_USAGES, location_id, *_columns(rows))
    if usages.changed:
        changed = [(row_id, usage.capacity, usage.sequence) for row_id, usage in usages.changed]
        await tx.execute(UPDATE_USAGES, *_columns(changed))


def _columns(rows: Sequence[tuple[Any, ...]]) -> list[list[Any]]:
    return [list(column) for column in zip(*rows, strict=True)]


async def _definitions(tx: Connection, prison: str, wished: Sequence[Usage]) -> dict[str, int]:
    wanted = [wish.internal_location_usage_type for wish in wished]
    if not wanted:
        return {}
    found = {row[0]: row[1] for row in await tx.fetch(DEFINITIONS, prison, wanted)}
    for usage in wanted:
        if usage not in found:
            raise Refused(f"Internal location usage with code={usage} at prison {prison} does not exist")
        if len(found[usage]) > 1:
            raise NotUnique(f"Query did not return a unique result: usage {usage} at prison {prison}")
    return {usage: ids[0] for usage, ids in found.items()}


async def _check_code(tx: Connection, domain: str, code: str | None, what: str) -> None:
    if code and not await tx.fetchval(CODE_KNOWN, domain, code):
        raise Refused(f"{what} with code={code} does not exist")


async def _check_prison(tx: Connection, prison: str) -> None:
    if not await tx.fetchval(PRISON_KNOWN, prison):
        raise Refused(f"Prison with id={prison} does not exist")


def _unknown_parent(wish: Update) -> Refused:
    return Refused(f"Parent location with id={wish.parent_location_id} does not exist")


def _usage(row_id: str, usage: str, capacity: str | None, sequence: str | None) -> rules.PresentUsage:
    return rules.PresentUsage(
        int(row_id), usage, None if capacity is None else int(capacity), None if sequence is None else int(sequence)
    )
