"""Reads the changes of locations for who missed events: a cursor that skips none, however late it is committed."""

import re
from uuid import UUID

from libs.db.pool import Database, Row
from services.locations.errors import CursorExpired, CursorUnreadable
from services.locations.store import changed
from services.locations.store.changed import Place
from services.locations.views.location import Json, local

TRANSACTIONS = 2**64
_CURSOR = re.compile(
    r"(?P<epoch>[0-9]{1,9})\.(?P<transaction>[0-9]{1,20})\.(?P<id>[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})"
)


class Feed:
    """Each page is one statement."""

    def __init__(self, database: Database) -> None:
        self._db = database

    async def page(self, since: str | None, size: int) -> Json:
        """Return the changes after a cursor, or from the beginning, with the cursor of the next page.

        Each location is shown once, at its latest change, so a reader who goes on until `last` has seen the state of
        all of them. Raises CursorUnreadable, CursorExpired.
        """
        given, after = _place(since) if since else (None, Place())
        epoch, rows = await changed.page(self._db, after, size)
        if given is not None and given != epoch:
            raise CursorExpired
        following = _cursor(epoch, rows[-1]) if rows else since
        feed: Json = {"changes": [_change(row) for row in rows], "last": len(rows) < size}
        return feed | ({"next": following} if following else {})


def _change(row: Row) -> Json:
    version = {} if row["version"] is None else {"version": row["version"]}
    return {
        "id": str(row["id"]),
        "key": row["key"],
        "prisonId": row["prison_id"],
        "deleted": row["deleted"],
        **version,
        "lastModifiedDate": local(row["changed_at"]),
    }


def _cursor(epoch: int, row: Row) -> str:
    return f"{epoch}.{row['changed_in']}.{row['id']}"


def _place(cursor: str) -> tuple[int, Place]:
    read = _CURSOR.fullmatch(cursor)
    if read is None or int(read["transaction"]) >= TRANSACTIONS:
        raise CursorUnreadable
    return int(read["epoch"]), Place(int(read["transaction"]), UUID(read["id"]))
