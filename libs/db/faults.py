"""How a database that is away shows itself, as opposed to a statement that is wrong."""

import asyncpg


class NoConnectionFree(OSError):
    """No connection of the pool came free in time: the database is as good as away to whoever asked."""


SERVER_AWAY = (
    NoConnectionFree,
    ConnectionError,
    asyncpg.PostgresConnectionError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.CannotConnectNowError,
    asyncpg.TooManyConnectionsError,
    # What asyncpg says of a connection that broke between two of its own steps.
    asyncpg.InternalClientError,
)
# `OSError`: or it could not be connected to in time. For those whose remotes tell of themselves.
DATABASE_AWAY = (OSError, *SERVER_AWAY)


def is_away(error: BaseException) -> bool:
    """Whether this came of a database that is away, also where leaving its transaction then failed for another reason.

    Any connection that broke counts: to whoever asked, the answer is the same.
    """
    found: BaseException | None = error
    while found is not None and not isinstance(found, SERVER_AWAY):
        found = found.__context__ if isinstance(found, asyncpg.InterfaceError) else None
    return found is not None
