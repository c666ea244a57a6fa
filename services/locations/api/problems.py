"""What each error of this service looks like on the wire: status and errorCode of the contract (§2.1)."""

from types import MappingProxyType
from typing import Any

from libs.web.problems import BodyInvalid, Problem, Trouble, hmpps
from services.locations.errors import (
    FieldNotAllowed,
    HasChildren,
    LocationGone,
    LocationKeyTaken,
    LocationNotFound,
    ParentNotAllowed,
    SyncOff,
    SyncRefused,
    VersionStale,
)

PROBLEMS = MappingProxyType(
    {
        BodyInvalid: Problem(400, "Validation failure", 102, user_prefix="Validation failure: "),
        FieldNotAllowed: Problem(400, "Validation failure", 102, user_prefix="Validation failure: "),
        ParentNotAllowed: Problem(400, "Parent not allowed"),
        HasChildren: Problem(400, "Location has children"),
        LocationNotFound: Problem(404, "Location not found", 101),
        LocationKeyTaken: Problem(409, "Location already exists", 103),
        SyncRefused: Problem(409, "Location cannot be updated", 107),
        SyncOff: Problem(409, "Sync off"),
        LocationGone: Problem(410, "Location deleted"),
        VersionStale: Problem(412, "Precondition failed"),
    }
)


def style(trouble: Trouble) -> dict[str, Any]:
    """Add who holds a taken key, so that a worker can adopt it."""
    body = hmpps(trouble)
    if isinstance(trouble.error, LocationKeyTaken):
        body["moreInfo"] = str(trouble.error.holder)
    return body
