"""Notes: what of each location DPS cannot hold as NOMIS has it."""

from collections.abc import Sequence

from libs.db.pool import Connection
from services.migration.records import Verdict


async def noted(tx: Connection, migration_id: str, verdicts: Sequence[Verdict]) -> None:
    """Add the notes of verdicts; one that is there stays."""
    rows = [(v.nomis_id, v.prison_id or "", n.subject.value, n.what) for v in verdicts for n in v.notes]
    await tx.execute(
        """
        INSERT INTO migration_note (migration_id, nomis_id, prison_id, subject, what)
        SELECT $1, n.* FROM unnest($2::bigint[], $3::text[], $4::text[], $5::text[]) AS n (id, prison, subject, what)
        ON CONFLICT DO NOTHING
        """,
        migration_id,
        *(list(column) for column in zip(*rows, strict=True)),
    )
