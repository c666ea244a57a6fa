"""The repair door: an operator has one location, or all below it, settled now."""

from collections.abc import Sequence
from types import MappingProxyType
from typing import Protocol
from uuid import UUID

import structlog

from libs.domain.wire import Wire
from libs.messaging.audit import Act, Notes
from libs.messaging.outcome import RetryLater, Unprocessable
from libs.settling.outcome import Settled
from libs.settling.settler import Settler
from libs.web.auth import Caller
from libs.web.outgoing import RemoteRefused, RemoteUnavailable
from libs.web.problems import Problem
from libs.web.routing import Needs, Route
from services.to_nomis.errors import LocationNotFound, TooManyLocations

UPDATE = Needs.role("ROLE_PRISONER_TO_NOMIS__UPDATE__RW")
log = structlog.get_logger()

PROBLEMS = MappingProxyType(
    {
        LocationNotFound: Problem(404, "Location not found"),
        TooManyLocations: Problem(400, "Too many locations"),
        RetryLater: Problem(409, "Cannot settle now"),
        Unprocessable: Problem(422, "Cannot settle"),
        RemoteRefused: Problem(502, "Another service refused"),
        RemoteUnavailable: Problem(503, "Another service is unavailable"),
    }
)


class Subtree(Protocol):
    """Knows what stands below a location."""

    async def below(self, location_id: UUID) -> Sequence[UUID] | None:
        """Return the location and all below it, parents first; None when it is unknown."""


class RepairQuery(Wire):
    """Whether what stands below is settled too."""

    include_children: bool = False


class Repaired(Wire):
    """What the walk did with one location."""

    dps_location_id: UUID
    nomis_location_id: int | None
    act: str


class RepairDoors:
    """The handlers."""

    def __init__(self, settler: Settler, subtree: Subtree, notes: Notes, most: int) -> None:
        self._notes = notes
        self._settler = settler
        self._subtree = subtree
        self._most = most

    async def repair(self, dps_location_id: UUID, query: RepairQuery, caller: Caller) -> list[Repaired]:
        """Settle a location, parents before children."""
        ids = await self._subtree.below(dps_location_id)
        if ids is None:
            raise LocationNotFound(dps_location_id)
        if not query.include_children:
            ids = [dps_location_id]
        if len(ids) > self._most:
            raise TooManyLocations(len(ids), self._most)
        told = {"includeChildren": query.include_children, "locations": len(ids)}
        who, subject = caller.username, str(dps_location_id)
        await self._notes.note(Act("LOCATION_REPAIR_REQUESTED", who, subject, "LOCATION_ID", told))
        return [self._told(await self._settler.settle_dps(each)) for each in ids]

    @staticmethod
    def _told(settled: Settled) -> Repaired:
        assert settled.dps_location_id is not None
        log.info("location-repaired", dpsLocationId=str(settled.dps_location_id), operation=settled.act.value)
        return Repaired(
            dps_location_id=settled.dps_location_id,
            nomis_location_id=settled.nomis_location_id,
            act=settled.act.value,
        )


def routes(doors: RepairDoors, seconds_max: float) -> Sequence[Route]:
    """List the doors; a repair is cut short after so many seconds."""
    path = "/locations/{dpsLocationId}/repair"
    return (Route("PUT", path, doors.repair, UPDATE, problems=tuple(PROBLEMS), seconds_max=seconds_max),)
