"""What each error of this service looks like on the wire: status and errorCode of the contract (§2.1)."""

from types import MappingProxyType
from typing import Any

from libs.domain.switch_over import StepRefused
from libs.domain.sync import SyncErrorCode
from libs.web.outgoing import RemoteRefused, RemoteUnavailable
from libs.web.problems import BodyInvalid, Problem, Trouble, hmpps
from services.locations.errors import (
    AlreadyInactive,
    CannotReactivate,
    CapacityNotAllowed,
    ConflictNotFound,
    CursorExpired,
    CursorUnreadable,
    FieldNotAllowed,
    HasChildren,
    HoldsPrisoners,
    LocationArchived,
    LocationBusy,
    LocationGone,
    LocationKeyTaken,
    LocationNotFound,
    LocationPrefixNotFound,
    NothingToChoose,
    NotInCaseload,
    ParentNotAllowed,
    ReasonMissing,
    SignedCapacityAboveMaximum,
    SignedCapacityNotFound,
    SyncOff,
    SyncRefused,
    UnknownElsewhere,
    VersionStale,
)

PROBLEMS = MappingProxyType(
    {
        BodyInvalid: Problem(400, "Validation failure", 102, user_prefix="Validation failure: "),
        FieldNotAllowed: Problem(400, "Validation failure", 102, user_prefix="Validation failure: "),
        ParentNotAllowed: Problem(400, "Parent not allowed"),
        StepRefused: Problem(409, "Step refused"),
        ConflictNotFound: Problem(404, "Conflict not found"),
        NothingToChoose: Problem(409, "Nothing to choose"),
        HasChildren: Problem(400, "Location has children"),
        LocationNotFound: Problem(404, "Location not found", 101),
        LocationKeyTaken: Problem(409, "Location already exists", SyncErrorCode.ALREADY_EXISTS),
        SyncRefused: Problem(409, "Location cannot be updated", 107),
        SyncOff: Problem(409, "Sync off", SyncErrorCode.SYNC_OFF),
        LocationBusy: Problem(409, "Location busy", SyncErrorCode.BUSY),
        LocationGone: Problem(410, "Location deleted"),
        VersionStale: Problem(412, "Precondition failed"),
        CapacityNotAllowed: Problem(400, "Capacity not allowed"),
        CannotReactivate: Problem(400, "Location cannot be reactivated", 104),
        LocationArchived: Problem(409, "Location permanently deactivated", 107),
        AlreadyInactive: Problem(400, "Location deactivated already"),
        ReasonMissing: Problem(400, "Deactivation reason missing", 118),
        HoldsPrisoners: Problem(409, "Location holds prisoners", 109),
        LocationPrefixNotFound: Problem(404, "Location prefix not found", 111),
        CursorUnreadable: Problem(400, "Cursor unreadable"),
        CursorExpired: Problem(410, "Cursor expired"),
        UnknownElsewhere: Problem(404, "Prison not known elsewhere"),
        SignedCapacityNotFound: Problem(404, "Signed operational capacity not found", 110),
        SignedCapacityAboveMaximum: Problem(400, "Signed operational capacity above maximum", 116),
        RemoteRefused: Problem(502, "Service we depend on refused"),
        RemoteUnavailable: Problem(503, "Service we depend on unavailable"),
        NotInCaseload: Problem(403, "Prison not in caseload"),
    }
)

CAPACITY_CODE = MappingProxyType(
    {
        "WORKING_ZERO": 106,
        "WORKING_LIMIT": 112,
        "MAX_LIMIT": 113,
        "WORKING_ABOVE_MAX": 114,
        "MAX_ZERO": 115,
        "BELOW_OCCUPANCY": 117,
    }
)


def style(trouble: Trouble) -> dict[str, Any]:
    """Add who holds a taken key, so that a worker can adopt it, and the code of a capacity rule."""
    body = hmpps(trouble)
    if isinstance(trouble.error, CapacityNotAllowed):
        body["errorCode"] = CAPACITY_CODE[trouble.error.rule]
    if isinstance(trouble.error, LocationKeyTaken):
        body["moreInfo"] = str(trouble.error.holder)
    return body
