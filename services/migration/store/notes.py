"""What is told of each location beside its verdict: what DPS cannot hold as NOMIS has it, and what differs."""

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


async def differing(tx: Connection, migration_id: str, verdicts: Sequence[Verdict]) -> None:
    """Keep what differs of those that were compared; what an earlier look saw is forgotten."""
    compared = [v.nomis_id for v in verdicts if v.differences is not None]
    await tx.execute(
        "DELETE FROM migration_difference WHERE migration_id = $1 AND nomis_id = ANY($2::bigint[])",
        migration_id,
        compared,
    )
    rows = [(migration_id, v.nomis_id, d.field, d.nomis, d.dps) for v in verdicts for d in v.differences or ()]
    await tx.copy_records_to_table(
        "migration_difference", records=rows, columns=("migration_id", "nomis_id", "field", "nomis", "dps")
    )
