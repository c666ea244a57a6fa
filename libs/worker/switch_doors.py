"""Doors to turn types of messages off and on while a worker runs, and to see and replay what is parked."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Annotated, Any

import structlog
from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from libs.messaging.admin import found_count
from libs.messaging.audit import Act, ActNotNoted, Notes
from libs.messaging.parking import Replayed
from libs.messaging.queue import BrokerUnavailable, Queue, QueueGone
from libs.messaging.switching import Mode, SwitchBoard
from libs.web.auth import Caller
from libs.web.problems import Problem
from libs.web.routing import Route
from libs.worker.queue_doors import ADMIN

log = structlog.get_logger()


class EventTypeUnknown(Exception):
    """This worker handles no such type."""

    def __init__(self, event_type: str) -> None:
        super().__init__(f"eventType: {event_type} is not handled here")


SWITCH_PROBLEMS: Mapping[type[Exception], Problem] = MappingProxyType(
    {EventTypeUnknown: Problem(404, "Event type not found")}
)


class SwitchBody(BaseModel):
    """How messages of a type are to be treated, everywhere or in one prison."""

    model_config = ConfigDict(frozen=True, extra="forbid", alias_generator=to_camel)

    mode: Mode
    prison_id: Annotated[str, Field(pattern="^[A-Z0-9]{2,6}$", examples=["LEI"])] | None = None


class SwitchDoors:
    """The handlers, for the queue of one worker. `replay` sends back what nothing holds any more."""

    def __init__(
        self,
        board: SwitchBoard,
        event_types: Sequence[str],
        aside: Queue,
        replay: Callable[[], Awaitable[Replayed]],
        notes: Notes,
    ) -> None:
        self._notes = notes
        self._board = board
        self._event_types = tuple(sorted(event_types))
        self._aside = aside
        self._replay = replay

    async def switches(self) -> dict[str, Any]:
        """Show every type's mode, and what was set for single prisons."""
        return {
            "eventTypes": self.modes(),
            "prisons": [
                {"eventType": each.event_type, "prisonId": each.scope, "mode": each.mode}
                for each in self._board.settings
                if each.scope
            ],
            "parkedCount": await found_count(self._aside),
        }

    async def switch(self, event_type: str, body: SwitchBody, caller: Caller) -> dict[str, Any]:
        """Set a mode: here at once, in other replicas within seconds. What was held is replayed when it is on again."""
        if event_type not in self._event_types:
            raise EventTypeUnknown(event_type)
        told = {"prisonId": body.prison_id, "mode": body.mode}
        await self._notes.note(Act("EVENT_SWITCH_REQUESTED", caller.username, event_type, "EVENT_TYPE", told))
        await self._board.set(event_type, body.prison_id or "", body.mode)
        log.info("switch-set", eventType=event_type, prisonId=body.prison_id, mode=body.mode, username=caller.username)
        return await self.switches()

    async def replay(self, caller: Caller) -> dict[str, int]:
        """Send back now what is parked and no longer held; it also happens by itself."""
        act = Act("PARKED_MESSAGES_REPLAY_REQUESTED", caller.username, self._aside.name, "QUEUE_NAME", {})
        await self._notes.note(act)
        done = await self._replay()
        return {"replayedCount": done.replayed, "stillHeldCount": done.still_held}

    def modes(self) -> Mapping[str, Mode]:
        """Tell each type's mode where no prison's setting says otherwise, in alphabetical order."""
        return {each: self._board.general(each) for each in self._event_types}


def switch_routes(doors: SwitchDoors) -> Sequence[Route]:
    """List the doors."""
    common = (BrokerUnavailable, QueueGone, ActNotNoted)
    base = "/queue-admin"
    return (
        Route("GET", f"{base}/switches", doors.switches, ADMIN, problems=common),
        Route("PUT", f"{base}/switches/{{eventType}}", doors.switch, ADMIN, problems=(*common, EventTypeUnknown)),
        Route("PUT", f"{base}/replay-parked", doors.replay, ADMIN, problems=common),
    )
