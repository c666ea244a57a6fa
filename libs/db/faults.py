"""How a database that is away shows itself, as opposed to a statement that is wrong."""

import asyncpg

SERVER_AWAY = (
    ConnectionError,
    asyncpg.PostgresConnectionError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.CannotConnectNowError,
    asyncpg.TooManyConnectionsError,
    # What asyncpg says of a connection that broke between two of its own steps.
    asyncpg.InternalClientError,
)
# `OSError`: or no connection came free in time. For those whose remotes tell of themselves.
DATABASE_AWAY = (OSError, *SERVER_AWAY)


def is_away(error: BaseException) -> bool:
    """Whether this came of a database that is away, also where leaving its transaction then failed for another reason.

    Any connection that broke counts: to whoever asked, the answer is the same.
    """
    found: BaseException | None = error
    while found is not None and not isinstance(found, SERVER_AWAY):
        found = found.__context__ if isinstance(found, asyncpg.InterfaceError) else None
    return found is not None
