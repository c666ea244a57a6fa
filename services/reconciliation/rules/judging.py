"""Says what is wrong with a location, given both sides as they were at one moment."""

from hashlib import blake2b
from typing import Any

import msgspec

from libs.domain.comparing import differences, is_spare
from libs.domain.identity import is_vsip_room
from libs.domain.prisons import is_ignored
from libs.domain.shared import COMPARED, kind_in_dps
from libs.domain.translation import Untranslatable
from libs.domain.writing import is_soft_deleted
from services.reconciliation.records import INSERTED_ONE_WAY, Finding, Sides, Verdict


def judged(sides: Sides) -> Verdict:
    """Return what a look found.

    An ignored agency is left alone on either side. A tombstone whose row is out of use in NOMIS is equal to it.
    """
    own, row = sides.own, sides.row
    if is_ignored(own.location.prison_id if own else row.prison_id if row else None):
        return _verdict(sides, None)
    if own is not None and row is not None:
        return _both(sides)
    if row is not None:
        return _row_only(sides)
    if own is not None:
        return _own_only(sides)
    if sides.linked:
        return _verdict(sides, Finding.STRAY_MAPPING, "both halves are gone")
    return _verdict(sides, None)


def _both(sides: Sides) -> Verdict:
    assert sides.own is not None
    assert sides.row is not None
    if not sides.linked:
        return _verdict(sides, Finding.MISSING_MAPPING, "both halves are there and are not linked")
    known = sides.own.sync.nomis_location_id
    if known not in {None, sides.nomis_id}:
        return _verdict(sides, Finding.CROSSED_MAPPING, f"linked to {sides.nomis_id}, DPS last met {known}")
    try:
        found = differences(sides.own, sides.row, sides.parent)
    except Untranslatable as unknown:
        return _verdict(sides, Finding.DIFFERENT, str(unknown), hopeless=True)
    if not found:
        return _verdict(sides, None, unconfirmed=bool(sides.own.sync.published))
    told = ", ".join(each.field for each in found)
    # What is compared only no walk moves.
    only_compared = {each.field for each in found} <= COMPARED[kind_in_dps(sides.own.location)]
    hopeless = only_compared and not sides.own.sync.published
    return _verdict(sides, Finding.DIFFERENT, told, differences=found, hopeless=hopeless)


def _row_only(sides: Sides) -> Verdict:
    assert sides.row is not None
    if not sides.linked:
        # A row whose derived id was deleted is one that came back, or whose deletion is on its way.
        if is_spare(sides.row) or (sides.buried_key is not None and is_soft_deleted(sides.row)):
            return _verdict(sides, None)
        if sides.one_way and sides.buried_key is None and not is_vsip_room(sides.row.description):
            # It is for people to say what becomes of it: sync neither copies nor deletes it.
            return _verdict(sides, Finding.MISSING_IN_DPS, INSERTED_ONE_WAY, hopeless=True)
        return _verdict(sides, Finding.MISSING_IN_DPS, "in NOMIS alone")
    if sides.buried_key is not None:
        if is_soft_deleted(sides.row):
            return _verdict(sides, None)
        return _verdict(sides, Finding.DIFFERENT, "deleted in DPS, in use in NOMIS")
    return _verdict(sides, Finding.STRAY_MAPPING, "linked to a location that DPS never had")


def _own_only(sides: Sides) -> Verdict:
    if sides.linked:
        return _verdict(sides, Finding.STRAY_MAPPING, "linked to a row that is not in NOMIS")
    return _verdict(sides, Finding.MISSING_IN_NOMIS, "in DPS alone")


def _verdict(sides: Sides, finding: Finding | None, reason: str = "", **more: Any) -> Verdict:
    own, row = sides.own, sides.row
    return Verdict(
        dps_id=sides.dps_id if own is not None or sides.linked or row is None else None,
        nomis_id=sides.nomis_id,
        prison_id=own.location.prison_id if own else row.prison_id if row else None,
        key=own.location.key if own else sides.buried_key or (row.description if row else ""),
        digest=digest(sides),
        finding=finding,
        reason=reason,
        **more,
    )


def digest(sides: Sides) -> str:
    """Digest both states: it stays the same as long as neither side, nor the link, changes."""
    own = sides.own.location if sides.own else None
    if own is not None:
        own = msgspec.structs.replace(own, last_modified_by="", last_modified_date=None)
    content = msgspec.json.encode((sides.dps_id, sides.nomis_id, sides.linked, own, sides.row, sides.parent))
    return blake2b(content, digest_size=12).hexdigest()
