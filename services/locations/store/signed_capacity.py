"""The signed operational capacity of a prison."""

from datetime import datetime

from libs.db.pool import Connection, Database, Row

Asked = Database | Connection


async def get(asked: Asked, prison_id: str) -> Row | None:
    """Return what is signed for a prison, by whom and when."""
    return await asked.fetchrow(
        """
        SELECT prison_id, signed_operation_capacity, when_updated, updated_by
          FROM prison_signed_operation_capacity WHERE prison_id = $1
        """,
        prison_id,
    )


async def save(tx: Connection, prison_id: str, capacity: int, by: str, now: datetime) -> bool:
    """Write what is signed for a prison; tell whether it is the first."""
    first: bool = await tx.fetchval(
        """
        INSERT INTO prison_signed_operation_capacity (prison_id, signed_operation_capacity, updated_by, when_updated)
        VALUES ($1, $2, $3, $4)
        ON CONFLICT (prison_id) DO UPDATE SET signed_operation_capacity = $2, updated_by = $3, when_updated = $4
        RETURNING xmax = 0
        """,
        prison_id,
        capacity,
        by,
        now,
    )
    return first
