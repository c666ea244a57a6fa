"""Applies a service's numbered schema steps once, in order, even when several replicas start at the same moment."""

from collections.abc import Sequence
from hashlib import sha256
from importlib.resources import files
from importlib.resources.abc import Traversable

from libs.db.pool import Connection

LOCK = 7_265_001
# For another replica that is applying steps ...
LOCK_SECONDS_MAX = 120
# ... and for a table: whoever asks for it after us waits as long, so the release before this one would stand still.
TABLE_SECONDS_MAX = 5
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


class SchemaBehind(Exception):
    """Steps are missing, and it is not ours to apply them."""

    def __init__(self, names: Sequence[str]) -> None:
        super().__init__(f"the database lacks the schema steps {', '.join(names)}; apply them first: python -m libs.db")
        self.names = tuple(names)


async def ready(connection: Connection, packages: Sequence[str], *, may_apply: bool) -> None:
    """Bring the database up to the steps of these packages, or see that somebody has. Raises SchemaBehind."""
    folders = [files(package) / "schema" for package in packages]
    if may_apply:
        for steps in folders:
            await apply(connection, steps)
    elif missing := [name for steps in folders for name in await lacking(connection, steps)]:
        raise SchemaBehind(missing)


async def lacking(connection: Connection, steps: Traversable) -> list[str]:
    """List the steps that were not applied yet."""
    known: dict[str, str] = {}
    if await connection.fetchval("SELECT to_regclass('schema_step') IS NOT NULL"):
        known = {row["name"]: row["sha256"] for row in await connection.fetch("SELECT name, sha256 FROM schema_step")}
    return [file.name for file in _files(steps) if not _is_known(file, known)]


async def grant(connection: Connection, role: str) -> None:
    """Let a role read and write every table there is, and make or change none."""
    quoted = await connection.fetchval("SELECT quote_ident($1)", role)
    await connection.execute(f"""
        GRANT USAGE ON SCHEMA public TO {quoted};
        GRANT SELECT, INSERT, UPDATE, DELETE, MAINTAIN ON ALL TABLES IN SCHEMA public TO {quoted};
        GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO {quoted};
    """)


async def apply(connection: Connection, steps: Traversable) -> list[str]:
    """Apply what is missing, all or nothing; return the names of the steps applied now."""
    async with connection.transaction():
        # A step may take long, and so may the replica that runs it while we wait.
        await connection.execute(f"SET LOCAL lock_timeout = '{LOCK_SECONDS_MAX}s'; SET LOCAL statement_timeout = 0")
        await connection.execute("SELECT pg_advisory_xact_lock($1)", LOCK)
        await connection.execute(f"SET LOCAL lock_timeout = '{TABLE_SECONDS_MAX}s'")
        await connection.execute(LEDGER)
        rows = await connection.fetch("SELECT name, sha256 FROM schema_step")
        known = {row["name"]: row["sha256"] for row in rows}
        return [file.name for file in _files(steps) if await _applied_now(connection, file, known)]


async def _applied_now(connection: Connection, file: Traversable, known: dict[str, str]) -> bool:
    if _is_known(file, known):
        return False
    sql = file.read_text(encoding="utf-8")
    await connection.execute(sql)
    await connection.execute("INSERT INTO schema_step (name, sha256) VALUES ($1, $2)", file.name, _digest(sql))
    return True


def _files(steps: Traversable) -> list[Traversable]:
    return sorted((file for file in steps.iterdir() if file.name.endswith(".sql")), key=lambda file: file.name)


def _is_known(file: Traversable, known: dict[str, str]) -> bool:
    """Tell whether a step was applied. Raises SchemaStepChanged."""
    applied = known.get(file.name)
    if applied is not None and applied != _digest(file.read_text(encoding="utf-8")):
        raise SchemaStepChanged(file.name)
    return applied is not None


def _digest(sql: str) -> str:
    return sha256(sql.encode()).hexdigest()
