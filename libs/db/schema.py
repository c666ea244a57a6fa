"""Applies a service's numbered schema steps once, in order, even when several replicas start at the same moment."""

from hashlib import sha256
from importlib.resources.abc import Traversable

from libs.db.pool import Connection

LOCK = 7_265_001
LOCK_SECONDS_MAX = 120
LEDGER = """
CREATE TABLE IF NOT EXISTS schema_step (
    name text PRIMARY KEY,
    sha256 text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now()
)
"""


class SchemaStepChanged(Exception):
    """A step was edited after it had been applied, or two folders use one name."""

    def __init__(self, name: str) -> None:
        super().__init__(f"schema step {name} differs from the one that was applied; write a new step instead")
        self.name = name


async def apply(connection: Connection, steps: Traversable) -> list[str]:
    """Apply what is missing, all or nothing; return the names of the steps applied now."""
    files = sorted((file for file in steps.iterdir() if file.name.endswith(".sql")), key=lambda file: file.name)
    async with connection.transaction():
        # A step may take long, and so may the replica that runs it while we wait.
        await connection.execute(f"SET LOCAL lock_timeout = '{LOCK_SECONDS_MAX}s'; SET LOCAL statement_timeout = 0")
        await connection.execute("SELECT pg_advisory_xact_lock($1)", LOCK)
        await connection.execute(LEDGER)
        rows = await connection.fetch("SELECT name, sha256 FROM schema_step")
        known = {row["name"]: row["sha256"] for row in rows}
        return [file.name for file in files if await _applied_now(connection, file, known)]


async def _applied_now(connection: Connection, file: Traversable, known: dict[str, str]) -> bool:
    sql = file.read_text(encoding="utf-8")
    digest = sha256(sql.encode()).hexdigest()
    if file.name in known:
        if known[file.name] != digest:
            raise SchemaStepChanged(file.name)
        return False
    await connection.execute(sql)
    await connection.execute("INSERT INTO schema_step (name, sha256) VALUES ($1, $2)", file.name, digest)
    return True
