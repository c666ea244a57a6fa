"""`python -m libs.db PACKAGE …` applies the schema steps of these packages, in this order, and grants their use."""

import asyncio
import sys
from collections.abc import Sequence

from libs.db import schema
from libs.db.pool import connect
from libs.db.settings import StepSettings


async def bring_up(settings: StepSettings, packages: Sequence[str]) -> None:
    """Apply what is missing; safe beside replicas of the release before, and to repeat."""
    async with connect(settings.database) as database, database.connection() as connection:
        await schema.ready(connection, packages, may_apply=True)
        if settings.database_runtime_role:
            await schema.grant(connection, settings.database_runtime_role)


if __name__ == "__main__":
    asyncio.run(bring_up(StepSettings(), sys.argv[1:]))
