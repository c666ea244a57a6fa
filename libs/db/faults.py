"""How a database that is away shows itself, as opposed to a statement that is wrong."""

import asyncpg

# `OSError`: nobody listens, or no connection came free in time.
DATABASE_AWAY = (
    OSError,
    asyncpg.PostgresConnectionError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.CannotConnectNowError,
    asyncpg.TooManyConnectionsError,
)
