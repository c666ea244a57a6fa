"""Reads locations with all that is derived from above and below them, whatever the size of the tree, in one statement.

`one_look` is for some locations: PostgreSQL walks up and down and adds up. `prison` and `tree` bring the rows as they
stand for `views.derived` to walk: cheaper where nearly all of them are shown. Both come out under the same names.
"""

from collections.abc import Collection, Sequence
from typing import Any
from uuid import UUID

from libs.db.pool import Connection, Database, Row
from libs.domain.codes import AREA_TYPES, STRUCTURAL_TYPES
from services.locations.records import COLUMNS

Asked = Database | Connection

# A hierarchy is some five levels deep; what writers refuse must still not keep a reader for ever.
DEPTH_MAX = 50
_COLUMNS = ", ".join(f"l.{name}" for name in COLUMNS)
_NEVER_LEAVES = ", ".join(f"'{each.value}'" for each in sorted(STRUCTURAL_TYPES | AREA_TYPES))
_DETAILS = (
    "deactivated_date",
    "deactivated_reason",
    "deactivation_reason_description",
    "proposed_reactivation_date",
)
_UP_DETAILS = ", ".join(f"up.{name}" for name in _DETAILS)
_NEAREST_DETAILS = ", ".join(f"n.{name} AS up_{name}" for name in _DETAILS)

_SETS = ("used_for", "specialist_cell_types")
# What NOMIS's workers read besides: sorting locations by their attributes is the dearest part of a look.
_SETS_AND_ATTRIBUTES = (*_SETS, "attributes")

# Whether a location is a leaf is told by the tree at hand: asked of the table, PostgreSQL hashes a whole index for one
# cell.
_LOOK = f"""
    WITH RECURSIVE picked AS MATERIALIZED (
        SELECT {_COLUMNS} FROM location l WHERE %(which)s),
    above AS (
        SELECT p.id AS below_id, up.id, up.parent_id, up.active, up.archived, {_UP_DETAILS}, 1 AS distance
          FROM picked p JOIN location up ON up.id = p.parent_id
        UNION ALL
        SELECT a.below_id, up.id, up.parent_id, up.active, up.archived, {_UP_DETAILS}, a.distance + 1
          FROM above a JOIN location up ON up.id = a.parent_id WHERE a.distance < {DEPTH_MAX}),
    line AS (
        SELECT below_id, count(*) AS levels, bool_and(active) AS up_active, bool_or(archived) AS up_archived,
               (array_agg(id ORDER BY distance DESC))[1] AS top_id
          FROM above GROUP BY below_id),
    nearest AS (
        SELECT DISTINCT ON (below_id) * FROM above WHERE archived OR NOT active ORDER BY below_id, distance),
    tree AS (
        SELECT p.id AS top, p.id, p.parent_id, p.location_type, p.residential_housing_type, p.max_capacity,
               p.working_capacity, p.certified, p.capacity_of_certified_cell, %(of_picked)s,
               p.archived OR coalesce(line.up_archived, false) AS archived,
               p.active AND NOT p.archived AND coalesce(line.up_active AND NOT line.up_archived, true) AS active,
               1 AS distance
          FROM picked p LEFT JOIN line ON line.below_id = p.id
         WHERE p.residential_housing_type IS NOT NULL
        UNION ALL
        SELECT t.top, l.id, l.parent_id, l.location_type, l.residential_housing_type, l.max_capacity,
               l.working_capacity, l.certified, l.capacity_of_certified_cell, %(of_tree)s,
               l.archived OR t.archived, l.active AND NOT l.archived AND t.active, t.distance + 1
          FROM tree t JOIN location l ON l.parent_id = t.id WHERE t.distance < {DEPTH_MAX}),
    counted AS MATERIALIZED (
        SELECT tree.*, location_type = 'CELL' AS is_cell,
               id NOT IN (SELECT parent_id FROM tree WHERE distance > 1) AS is_leaf
          FROM tree WHERE residential_housing_type IS NOT NULL AND NOT archived),
    kinds AS (
        SELECT top, is_cell, %(kinds)s,
               sum(max_capacity) FILTER (WHERE is_cell AND is_leaf) AS max_total,
               sum(working_capacity) FILTER (WHERE is_cell AND is_leaf AND active) AS working_total,
               bool_or(certified) FILTER (WHERE is_cell) AS any_certified,
               sum(capacity_of_certified_cell) FILTER (WHERE is_cell) AS certified_total,
               count(*) FILTER (WHERE is_cell AND NOT active) AS inactive_cells,
               count(*) FILTER (WHERE is_leaf AND location_type NOT IN ({_NEVER_LEAVES})) AS cell_locations
          FROM counted GROUP BY top, is_cell, %(kinds)s),
    totals AS (
        SELECT top, sum(max_total)::bigint AS max_total, sum(working_total)::bigint AS working_total,
               bool_or(any_certified) AS any_certified, sum(certified_total)::bigint AS certified_total,
               sum(inactive_cells)::bigint AS inactive_cells, sum(cell_locations)::bigint AS cell_locations,
               array_agg(accommodation_type::text) FILTER (WHERE is_cell AND accommodation_type IS NOT NULL)
                   AS all_accommodation_types, %(gathered)s
          FROM kinds GROUP BY top)
    SELECT p.*, coalesce(line.levels, 0) AS levels, coalesce(line.up_active, true) AS up_active,
           coalesce(line.up_archived, false) AS up_archived, coalesce(line.top_id, p.id) AS top_id,
           EXISTS (SELECT FROM location child WHERE child.parent_id = p.id) AS has_children, {_NEAREST_DETAILS},
           totals.*
      FROM picked p LEFT JOIN line ON line.below_id = p.id LEFT JOIN nearest n ON n.below_id = p.id
      LEFT JOIN totals ON totals.top = p.id
"""  # noqa: S608 - constants


def _look(which: str, sets: Sequence[str] = _SETS) -> str:
    """Return the statement that looks at the locations `which` names.

    Cells alike in what they are for are added up first, so that what a location's cells have in common is few rows.
    """
    kinds = ("accommodation_type", *sets)
    gathered = (
        f"array_agg(array_to_string({name}, ',')) FILTER (WHERE is_cell AND {name} <> '{{}}') AS all_{name}"
        for name in sets
    )
    return _LOOK % {
        "which": which,
        "kinds": ", ".join(kinds),
        "gathered": ", ".join(gathered),
        "of_picked": ", ".join(f"p.{name}" for name in kinds),
        "of_tree": ", ".join(f"l.{name}" for name in kinds),
    }


_BY_ID = _look("l.id = $1")
_BY_KEY = _look("l.prison_id = $1 AND l.path_hierarchy = $2")
_BY_KEYS = _look("(l.prison_id, l.path_hierarchy) IN (SELECT * FROM unnest($1::text[], $2::text[]))")
_BY_IDS = _look("l.id = ANY($1::uuid[])")
_BY_IDS_WITH_ATTRIBUTES = _look("l.id = ANY($1::uuid[])", _SETS_AND_ATTRIBUTES)


_BELOW = _look("""l.prison_id = $1 AND l.parent_id IS NOT DISTINCT FROM $2 AND l.residential_housing_type IS NOT NULL
           AND NOT l.archived AND l.location_type = ANY($3::text[])""")
_ARCHIVED = _look("l.prison_id = $1 AND l.archived AND l.residential_housing_type IS NOT NULL")
# With both capacity and certification, as the original joins them.
_INACTIVE_CELLS = _look("""l.prison_id = $1 AND NOT l.active AND NOT l.archived AND l.location_type = 'CELL'
           AND l.residential_housing_type IS NOT NULL AND l.max_capacity IS NOT NULL AND l.certified IS NOT NULL""")

_WITH_USAGE = _look("l.prison_id = $1 AND l.residential_housing_type IS NULL AND l.usages @> $2")


async def by_id(asked: Asked, location_id: UUID) -> Row | None:
    """Return a location."""
    return await asked.fetchrow(_BY_ID, location_id)


async def by_key(asked: Asked, prison_id: str, path: str) -> Row | None:
    """Return the location at this path of a prison."""
    return await asked.fetchrow(_BY_KEY, prison_id, path)


async def by_keys(asked: Asked, paths: Sequence[tuple[str, str]]) -> list[Row]:
    """Return the locations at these (prison, path) pairs, each once, in no order; unknown ones are absent."""
    return await asked.fetch(_BY_KEYS, [prison for prison, _ in paths], [path for _, path in paths])


async def by_ids(asked: Asked, ids: Collection[UUID]) -> list[Row]:
    """Return these locations, in no order."""
    return await asked.fetch(_BY_IDS, list(ids))


async def with_attributes(asked: Asked, ids: Collection[UUID]) -> list[Row]:
    """Return these locations with the attributes of the cells below them too, in no order."""
    return await asked.fetch(_BY_IDS_WITH_ATTRIBUTES, list(ids))


async def below(asked: Asked, prison_id: str, parent_id: UUID | None, types: Sequence[str]) -> list[Row]:
    """Return the residential locations of these types right below one, or at the top, that are not archived."""
    return await asked.fetch(_BELOW, prison_id, parent_id, types)


async def archived(asked: Asked, prison_id: str) -> list[Row]:
    """Return a prison's residential locations that were archived themselves."""
    return await asked.fetch(_ARCHIVED, prison_id)


async def inactive_cells(asked: Asked, prison_id: str) -> list[Row]:
    """Return a prison's cells that are out of use by their own flag."""
    return await asked.fetch(_INACTIVE_CELLS, prison_id)


async def with_usage(asked: Asked, prison_id: str, usage_type: str) -> list[Row]:
    """Return a prison's non-residential locations that have this use."""
    return await asked.fetch(_WITH_USAGE, prison_id, [{"usageType": usage_type}])


async def line(asked: Asked, location_id: UUID) -> list[Row]:
    """Return who a location is and who stands above it, from the top down."""
    return await asked.fetch(
        f"""
        WITH RECURSIVE line AS (
            SELECT id, parent_id, 0 AS distance FROM location WHERE id = $1
            UNION ALL
            SELECT up.id, up.parent_id, line.distance + 1 FROM location up JOIN line ON up.id = line.parent_id
             WHERE line.distance < {DEPTH_MAX})
        SELECT l.id, l.prison_id, l.code, l.path_hierarchy, l.location_type, l.converted_cell_type, l.local_name
          FROM line JOIN location l ON l.id = line.id ORDER BY line.distance DESC
        """,  # noqa: S608 - constants
        location_id,
    )


async def newest_change(asked: Asked, location_id: UUID) -> Row | None:
    """Return who changed a location last, and when, by its history."""
    return await asked.fetchrow(
        "SELECT amended_by, amended_date FROM location_history WHERE location_id = $1 ORDER BY id DESC LIMIT 1",
        location_id,
    )


# Ids as text: they go out as text, and a thousand of them are dearer to convert one by one.
_AS_IT_STANDS = ", ".join(
    f"l.{name}::text AS {name}" if name in {"id", "parent_id"} else f"l.{name}" for name in COLUMNS
)

_PRISON = f"SELECT {_AS_IT_STANDS} FROM location l WHERE l.prison_id = $1"  # noqa: S608 - constants
_TREE = f"""
    WITH RECURSIVE above AS (
        SELECT id, parent_id, 1 AS distance FROM location WHERE id = $1
        UNION ALL
        SELECT up.id, up.parent_id, above.distance + 1 FROM location up JOIN above ON up.id = above.parent_id
         WHERE above.distance < {DEPTH_MAX}),
    below AS (
        SELECT id, 1 AS distance FROM location WHERE parent_id = $1
        UNION ALL
        SELECT down.id, below.distance + 1 FROM location down JOIN below ON down.parent_id = below.id
         WHERE below.distance < {DEPTH_MAX})
    SELECT {_AS_IT_STANDS} FROM location l WHERE l.id IN (SELECT id FROM above UNION ALL SELECT id FROM below)
"""  # noqa: S608 - constants


async def prison(asked: Asked, prison_id: str) -> list[Row]:
    """Return every location of a prison as it stands, ids as text, in no order."""
    return await asked.fetch(_PRISON, prison_id)


async def tree(asked: Asked, location_id: UUID) -> list[Row]:
    """Return a location, its ancestors and everything below it, as they stand, ids as text, in no order."""
    return await asked.fetch(_TREE, location_id)


async def histories(asked: Asked, ids: Collection[UUID | str]) -> dict[str, list[dict[str, Any]]]:
    """Return the history of each of these locations by its id as text, oldest first; who has none is absent."""
    records = await asked.fetch(
        """
        SELECT location_id, attribute_name, old_value, new_value, amended_by, amended_date
          FROM location_history WHERE location_id = ANY($1::uuid[]) ORDER BY id
        """,
        list(ids),
    )
    found: dict[str, list[dict[str, Any]]] = {}
    for record in records:
        found.setdefault(str(record["location_id"]), []).append(dict(record))
    return found
