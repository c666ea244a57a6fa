"""The handlers of both topics: a location changed, so it is due for a look once it has had time to settle.

Nothing is filtered by who made the change: an event that was lost on its way to a worker is just what is looked for.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection

from libs.domain.events import LocationEvent, OffenderEvent
from libs.domain.prisons import PRISON_ID, is_ignored
from libs.domain.reading import read
from libs.domain.sync import Side
from libs.messaging.message import Message
from libs.messaging.outcome import Done, Ignored, Outcome
from services.reconciliation.records import DueLocation

Note = Callable[[Collection[DueLocation], Collection[str]], Awaitable[None]]
"""Takes the locations told of, and the descriptions that rows of NOMIS gave up."""


class Noting:
    """Takes events of both sides; those that come together are noted in one statement."""

    def __init__(self, note: Note, linger_seconds: float) -> None:
        self._note = note
        self._linger_seconds = linger_seconds
        self._told: set[DueLocation] = set()
        self._given_up: set[str] = set()
        self._flush: asyncio.Task[None] | None = None

    async def location_changed(self, message: Message) -> Outcome:
        """Take a domain event."""
        told = read(LocationEvent, message.body).additional_information
        # The prison is what stands before the first hyphen of a key; the path after it is never split.
        prison, _, _ = told.location_key.partition("-")
        return await self._noted(Side.DPS, str(told.location_id), prison)

    async def row_changed(self, message: Message) -> Outcome:
        """Take one of NOMIS's trigger events."""
        event = read(OffenderEvent, message.body)
        if (given_up := given_up_by(event)) is not None:
            self._given_up.add(given_up)
        return await self._noted(Side.NOMIS, str(event.internal_location_id), event.prison_id)

    async def _noted(self, side: Side, location_id: str, prison: str | None) -> Outcome:
        facts = {"side": side.value, "id": location_id}
        if is_ignored(prison):
            return Ignored("settle-check-skipped-ignored-prison", facts)
        # It only helps to count by prison: one that is none does not spoil the statement of all.
        known = prison if prison is not None and PRISON_ID.fullmatch(prison) else None
        location = DueLocation(side, location_id, known)
        self._told.add(location)
        if self._flush is None:
            self._flush = asyncio.create_task(self._note_all())
        # Shielded: one message that is given up does not take the others' statement with it.
        await asyncio.shield(self._flush)
        return Done("settle-check-noted", facts)

    async def _note_all(self) -> None:
        await asyncio.sleep(self._linger_seconds)
        told, given_up = self._told, self._given_up
        self._told, self._given_up, self._flush = set(), set(), None
        await self._note(told, given_up)


def given_up_by(event: OffenderEvent) -> str | None:
    """Return the description that the row had and has no more; another location may be waiting for it."""
    kept = None if event.record_deleted else event.description
    return event.old_description if event.old_description != kept else None
