"""What a rehearsal remembers of its own earlier pages, where a migration would find it in the other services."""

from collections.abc import Collection
from dataclasses import dataclass
from uuid import UUID

from libs.db.pool import Connection, Database
from libs.domain.nomis import NomisLocationId
from services.migration.rules.page import ADOPTED, DUPLICATE_PATH, PARENT_MISSING


@dataclass(frozen=True, slots=True)
class WouldBe:
    """A location that would be in DPS: created, at its place, or adopted."""

    dps_id: UUID
    created: bool
    place: str | None


class RehearsalStore:
    """Reads the verdicts of a run."""

    def __init__(self, database: Database) -> None:
        self._db = database

    async def would_be(self, migration_id: str, ids: Collection[NomisLocationId]) -> dict[NomisLocationId, WouldBe]:
        """Return which of these NOMIS ids would have a DPS location by now."""
        rows = await self._db.fetch(
            """
            SELECT nomis_id, dps_id, state = 'migrated' AS created, place FROM migration_item
             WHERE migration_id = $1 AND nomis_id = ANY($2::bigint[]) AND dps_id IS NOT NULL
               AND (state = 'migrated' OR state = 'skipped' AND reason = $3)
            """,
            migration_id,
            list(ids),
            ADOPTED,
        )
        return {row["nomis_id"]: WouldBe(row["dps_id"], row["created"], row["place"]) for row in rows}


async def fail_second_at_one_place(tx: Connection, migration_id: str) -> None:
    """Fail all but the first of several that would stand at one place, and what would stand below them.

    A migration finds them when it creates them; the order is its own: wave by wave, by id.
    """
    await tx.execute(
        """
        WITH RECURSIVE second AS (
            SELECT nomis_id FROM (
                SELECT nomis_id, row_number() OVER (PARTITION BY place ORDER BY wave, nomis_id) AS number
                  FROM migration_item WHERE migration_id = $1 AND state = 'migrated' AND place IS NOT NULL) placed
             WHERE number > 1),
        below AS (
            SELECT i.nomis_id FROM migration_item i JOIN second s ON i.parent_nomis_id = s.nomis_id
             WHERE i.migration_id = $1 AND i.state = 'migrated'
            UNION
            SELECT i.nomis_id FROM migration_item i JOIN below b ON i.parent_nomis_id = b.nomis_id
             WHERE i.migration_id = $1 AND i.state = 'migrated')
        UPDATE migration_item i
           SET state = 'failed',
               reason = CASE WHEN i.nomis_id IN (SELECT nomis_id FROM second) THEN $2 ELSE $3 END
         WHERE i.migration_id = $1 AND i.state = 'migrated'
           AND i.nomis_id IN (SELECT nomis_id FROM second UNION SELECT nomis_id FROM below)
        """,
        migration_id,
        DUPLICATE_PATH,
        PARENT_MISSING,
    )
