"""How far each prison has switched over, and every step it took."""

from datetime import datetime

from libs.db.pool import Connection, Row
from libs.domain.switch_over import PrisonStage, Stage, StageMove, Step
from libs.domain.sync import Side

_PRISON = "SELECT prison_id, stage, since, authority, one_way FROM prison_sync"


async def lock(tx: Connection, prison_id: str) -> PrisonStage:
    """Return where a prison stands, locked; writers of the sync doors that looked at it before have committed.

    They hold the row shared until they end, so nobody writes by a stage that has passed. The row is made with the first
    step, long before the one that closes the sync.
    """
    await tx.execute("INSERT INTO prison_sync (prison_id) VALUES ($1) ON CONFLICT DO NOTHING", prison_id)
    row = await tx.fetchrow(f"{_PRISON} WHERE prison_id = $1 FOR UPDATE", prison_id)
    assert row is not None, "it was just made"
    return _stage(row)


async def one(tx: Connection, prison_id: str) -> PrisonStage:
    """Return where a prison stands, with its steps, oldest first."""
    row = await tx.fetchrow(f"{_PRISON} WHERE prison_id = $1", prison_id)
    steps = await tx.fetch(
        """
        SELECT step_id, from_stage, to_stage, taken_at, taken_by, reason, clean_check
          FROM switch_over_step WHERE prison_id = $1 ORDER BY step_id
        """,
        prison_id,
    )
    stands = _stage(row) if row else PrisonStage(prison_id=prison_id)
    return stands.model_copy(update={"steps": tuple(Step.model_validate(dict(step)) for step in steps)})


async def every(tx: Connection) -> list[PrisonStage]:
    """Return the prisons that took a step or are not mastered by DPS."""
    return [_stage(row) for row in await tx.fetch(f"{_PRISON} ORDER BY prison_id")]


async def holding(tx: Connection) -> list[str]:
    """Return the prisons that hold locations; one look into the index for each, not one for each location."""
    rows = await tx.fetch(
        """
        WITH RECURSIVE held AS (
            SELECT min(prison_id) AS prison_id FROM location
            UNION ALL
            SELECT (SELECT min(l.prison_id) FROM location l WHERE l.prison_id > held.prison_id)
              FROM held WHERE held.prison_id IS NOT NULL)
        SELECT prison_id FROM held WHERE prison_id IS NOT NULL
        """
    )
    return [row["prison_id"] for row in rows]


async def take(tx: Connection, prison_id: str, move: StageMove, now: datetime) -> None:
    """Take a step and note it."""
    await tx.execute(
        "UPDATE prison_sync SET stage = $2, since = $3, one_way = $4 WHERE prison_id = $1",
        prison_id,
        move.to_stage.value,
        now,
        move.to_stage is Stage.ONE_WAY,
    )
    await tx.execute(
        """
        INSERT INTO switch_over_step (prison_id, from_stage, to_stage, taken_at, taken_by, reason, clean_check)
        VALUES ($1, $2, $3, $4, $5, $6, $7)
        """,
        prison_id,
        move.from_stage.value,
        move.to_stage.value,
        now,
        move.taken_by,
        move.reason,
        move.clean_check.model_dump(mode="json", by_alias=True) if move.clean_check else None,
    )


def _stage(row: Row) -> PrisonStage:
    return PrisonStage(
        prison_id=row["prison_id"],
        stage=Stage(row["stage"]),
        since=row["since"],
        authority=Side(row["authority"]),
        one_way=row["one_way"],
    )
