"""The repair door: an operator has one NOMIS location settled now."""

from collections.abc import Sequence
from types import MappingProxyType

import structlog

from libs.domain.nomis import NomisLocationId
from libs.domain.wire import Int64, Wire
from libs.messaging.audit import Act, Notes
from libs.messaging.outcome import RetryLater, Unprocessable
from libs.settling.settler import Settler
from libs.web.auth import Caller
from libs.web.outgoing import RemoteRefused, RemoteUnavailable
from libs.web.problems import Problem
from libs.web.routing import Needs, Route

LOCATIONS = Needs.role("ROLE_NOMIS_LOCATIONS", "ROLE_PRISONER_FROM_NOMIS__UPDATE__RW")
log = structlog.get_logger()

PROBLEMS = MappingProxyType(
    {
        RetryLater: Problem(409, "Cannot settle now"),
        Unprocessable: Problem(422, "Cannot settle"),
        RemoteRefused: Problem(502, "Another service refused"),
        RemoteUnavailable: Problem(503, "Another service is unavailable"),
    }
)


class RepairQuery(Wire):
    """`recordDeleted` is taken as existing tools send it; the walk looks for itself whether the row is there."""

    record_deleted: bool = False


class RepairDoors:
    """The handlers."""

    def __init__(self, settler: Settler, notes: Notes) -> None:
        self._notes = notes
        self._settler = settler

    async def repair(self, internal_location_id: Int64, query: RepairQuery, caller: Caller) -> None:
        """Settle a location by its NOMIS id."""
        who, subject = caller.username, str(internal_location_id)
        told = {"recordDeleted": query.record_deleted}
        await self._notes.note(Act("LOCATION_REPAIR_REQUESTED", who, subject, "NOMIS_LOCATION_ID", told))
        settled = await self._settler.settle_nomis(NomisLocationId(internal_location_id))
        log.info(
            "locations-repair",
            nomisLocationId=str(internal_location_id),
            recordDeleted=query.record_deleted,
            act=settled.act.value,
        )


def routes(doors: RepairDoors) -> Sequence[Route]:
    """List the doors."""
    path = "/locations/id/{internalLocationId}/repair"
    return (Route("POST", path, doors.repair, LOCATIONS, problems=tuple(PROBLEMS)),)
