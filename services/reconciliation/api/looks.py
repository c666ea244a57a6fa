"""The door of one look: does NOMIS hold the same as DPS now? For the pages that staff read."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from pydantic import Field

from libs.domain.wire import Wire
from libs.web.outgoing import RemoteRefused, RemoteUnavailable
from libs.web.routing import Needs, Route
from services.reconciliation.reconcile.looking import Look
from services.reconciliation.records import Finding, Suspect

VIEW = Needs.role("ROLE_VIEW_LOCATIONS", "ROLE_RECONCILE_LOCATIONS")


class Seen(Wire):
    """What one look saw; no finding: both sides hold the same. A change that is on its way is seen as a difference."""

    finding: Finding | None = None
    nomis_location_id: int | None = None
    reason: str = ""
    differences: list[dict[str, Any]] = Field(default_factory=list)


class LookDoors:
    """The handler."""

    def __init__(self, look: Look) -> None:
        self._look = look

    async def by_dps_id(self, dps_location_id: UUID) -> Seen:
        """Look at one location of DPS on both sides now; nothing is noted and nothing settled."""
        (verdict,) = await self._look.at([Suspect(str(dps_location_id), None)])
        return Seen(
            finding=verdict.finding,
            nomis_location_id=verdict.nomis_id,
            reason=verdict.reason,
            differences=[difference.shown() for difference in verdict.differences],
        )


def routes(doors: LookDoors) -> Sequence[Route]:
    """List the door."""
    remote = (RemoteRefused, RemoteUnavailable)
    return (Route("GET", "/locations/look/dps/{dpsLocationId}", doors.by_dps_id, VIEW, problems=remote),)
