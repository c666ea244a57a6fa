"""The doors of the signed operational capacity (`reference/locations-api.md` §2.4, rows 34 and 35)."""

from collections.abc import Sequence
from typing import Annotated, Any

from pydantic import Field

from libs.domain.wire import Wire
from libs.web.auth import Caller
from libs.web.outgoing import RemoteRefused, RemoteUnavailable
from libs.web.routing import Reply, Route
from services.locations.api.reads import VIEW
from services.locations.api.requests import MAINTAIN, actor_of
from services.locations.changes.signed_capacity import SignedCapacityChanges
from services.locations.errors import (
    LocationNotFound,
    NotInCaseload,
    SignedCapacityAboveMaximum,
    SignedCapacityNotFound,
)
from services.locations.reading.prisons import Prisons

INT_MAX = 2**31 - 1


class SignedOperationCapacity(Wire):
    """What is signed, for which prison, by whom."""

    signed_operation_capacity: Annotated[int, Field(ge=0, le=INT_MAX)]
    # ZZZ is the original's: a prison for trying things out.
    prison_id: Annotated[str, Field(pattern=r"^(?:[A-Z]{2}I|ZZZ)$", examples=["LEI"])]
    updated_by: Annotated[str, Field(min_length=1, max_length=255)]


class SignedCapacityDoors:
    """The handlers."""

    def __init__(self, changes: SignedCapacityChanges, prisons: Prisons) -> None:
        self._changes = changes
        self._prisons = prisons

    async def show(self, prison_id: str) -> dict[str, Any]:
        """Show what is signed for a prison."""
        return await self._prisons.signed_capacity(prison_id)

    async def set(self, body: SignedOperationCapacity, caller: Caller) -> Reply[dict[str, Any]]:
        """Set what is signed for a prison: at most what its cells hold."""
        shown, first = await self._changes.set(
            body.prison_id, body.signed_operation_capacity, body.updated_by, actor_of(caller)
        )
        return Reply(shown, status=201 if first else 200)


def routes(doors: SignedCapacityDoors) -> Sequence[Route]:
    """List the doors."""
    refusals = (LocationNotFound, NotInCaseload, SignedCapacityAboveMaximum, RemoteRefused, RemoteUnavailable)
    return (
        Route("GET", "/signed-op-cap/{prisonId}", doors.show, VIEW, problems=(SignedCapacityNotFound,)),
        Route("POST", "/signed-op-cap", doors.set, MAINTAIN, also=(201,), problems=refusals, slash=True),
    )
