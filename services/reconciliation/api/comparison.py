"""The doors to one location's two sides; staff ask them too, so who may view locations may look."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from pydantic import JsonValue

from libs.domain.shared import Share
from libs.domain.sync import Side
from libs.domain.wire import Wire
from libs.web.outgoing import RemoteRefused, RemoteUnavailable
from libs.web.routing import Needs, Route
from services.reconciliation.api.repairs import NomisId
from services.reconciliation.errors import LocationUnknown
from services.reconciliation.reconcile.comparison import Comparison, Comparisons
from services.reconciliation.records import DueLocation, Finding

LOOK = Needs.role("ROLE_RECONCILE_LOCATIONS", "ROLE_VIEW_LOCATIONS")


class ComparedField(Wire):
    """One field as both sides hold it, in the form in which they are compared; `share` says whether sync moves it."""

    field: str
    dps: JsonValue
    nomis: JsonValue
    share: Share
    differs: bool


class BothSides(Wire):
    """A location on both sides; without `finding` they are equal. `fields` is empty where one side has none.

    `parkedReason` says why nothing could settle it.
    """

    dps_location_id: UUID | None = None
    nomis_location_id: int | None = None
    prison_id: str | None = None
    key: str
    linked: bool
    finding: Finding | None = None
    reason: str
    fields: list[ComparedField]
    parked_reason: str | None = None
    parked_at: datetime | None = None


class ComparisonDoors:
    """The handlers."""

    def __init__(self, comparisons: Comparisons) -> None:
        self._comparisons = comparisons

    async def by_dps_id(self, dps_location_id: UUID) -> BothSides:
        """Show one location of DPS as both sides have it now."""
        return _shown(await self._comparisons.of(DueLocation(Side.DPS, str(dps_location_id))))

    async def by_nomis_id(self, nomis_location_id: NomisId) -> BothSides:
        """Show one row of NOMIS as both sides have it now."""
        return _shown(await self._comparisons.of(DueLocation(Side.NOMIS, str(nomis_location_id))))


def _shown(found: Comparison) -> BothSides:
    verdict, parked = found.verdict, found.parked
    return BothSides(
        dps_location_id=UUID(verdict.dps_id) if verdict.dps_id else None,
        nomis_location_id=verdict.nomis_id,
        prison_id=verdict.prison_id,
        key=verdict.key,
        linked=found.linked,
        finding=verdict.finding,
        reason=verdict.reason,
        fields=[
            ComparedField(field=each.field, dps=each.dps, nomis=each.nomis, share=each.share, differs=each.differs)
            for each in found.fields
        ],
        parked_reason=parked.reason if parked else None,
        parked_at=parked.parked_at if parked else None,
    )


def routes(doors: ComparisonDoors) -> Sequence[Route]:
    """List the doors."""
    base = "/locations/comparison"
    problems = (LocationUnknown, RemoteRefused, RemoteUnavailable)
    return (
        Route("GET", f"{base}/dps/{{dpsLocationId}}", doors.by_dps_id, LOOK, problems=problems, omit_none=False),
        Route("GET", f"{base}/nomis/{{nomisLocationId}}", doors.by_nomis_id, LOOK, problems=problems, omit_none=False),
    )
