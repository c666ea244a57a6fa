"""A quick look at a pair of a full run: says yes only of what the table of `libs.domain.shared` would call equal.

The two halves of nearly every pair hold the same words; for those the normal form need not be made. Who gets no yes
here is compared in full. A property test holds it to the table.
"""

from libs.domain.attributes import Attribute
from libs.domain.bulk import MirrorRow, NomisRow, OwnRow
from libs.domain.codes import DeactivatedReason, LocationType, ResidentialHousingType
from libs.domain.shared import ORDER_MAX, attributes_of
from libs.domain.translation import (
    DPS_HOUSING,
    DPS_REASON,
    DPS_TYPE,
    DPS_USAGE,
    FOLDED_USAGES,
    NOMIS_PROFILE,
    NOMIS_REASON,
    UNSHARED_REASONS,
)

OTHER_REASON = NOMIS_REASON[DeactivatedReason.OTHER]


def surely_equal(mirror: MirrorRow, row: NomisRow, parent: str | None) -> bool:
    """Whether the two halves are equal beyond doubt; False means: compare them."""
    own = mirror.location
    housing = own.residential_housing_type
    if own.archived or own.converted_cell_type is not None or own.active is not row.active:
        return False
    if not own.active and not _same_closure(own, row):
        return False
    if housing is None:
        if row.unit_type is not None or not _same_usages(own, row):
            return False
    elif housing is ResidentialHousingType.HOLDING_CELL or DPS_HOUSING.get(row.unit_type or "") is not housing:
        return False
    return (
        own.code == row.location_code
        and own.key == row.description
        and own.parent_id == parent
        and own.prison_id == row.prison_id
        and DPS_TYPE.get(row.location_type) is own.location_type
        and (own.local_name or "") == (row.user_description or "")
        and (own.comments or "") == (row.comment or "")
        and (own.order_within_parent_location or 0) == (row.list_sequence or 0)
        and -ORDER_MAX <= (row.list_sequence or 0) <= ORDER_MAX
        and (housing is None or own.location_type is not LocationType.CELL or _same_cell(own, row))
    )


def _same_cell(own: OwnRow, row: NomisRow) -> bool:
    return (
        (own.max_capacity or 0) == (row.capacity or 0)
        and (own.working_capacity or 0) == (row.operational_capacity or 0)
        and (own.capacity_of_certified_cell or 0) == (row.cna_capacity or 0)
        and bool(own.certified) is row.certified
        and _of_dps(own.attributes) == attributes_of(row.profiles)
    )


def _same_closure(own: OwnRow, row: NomisRow) -> bool:
    reason = own.deactivated_reason or DeactivatedReason.OTHER
    date = own.deactivated_date.date() if own.deactivated_date else None
    return (
        date == row.deactivate_date
        and own.proposed_reactivation_date == row.reactivate_date
        and DPS_REASON.get(row.reason_code or OTHER_REASON)
        is (DeactivatedReason.OTHER if reason in UNSHARED_REASONS else reason)
    )


def _same_usages(own: OwnRow, row: NomisRow) -> bool:
    """Whether the uses are the same one by one; a folded code is left to the table."""
    if not own.usages and not row.usages:
        return True
    mine = {(use.usage_type, use.capacity or 0, use.sequence) for use in own.usages}
    theirs = {
        (DPS_USAGE.get(use.internal_location_usage_type), use.capacity or 0, use.sequence or 0)
        for use in row.usages
        if use.internal_location_usage_type not in FOLDED_USAGES
    }
    return mine == theirs and len(mine) == len(own.usages) == len(row.usages)


def _of_dps(attributes: tuple[Attribute, ...]) -> set[Attribute]:
    return {attribute for attribute in attributes if attribute in NOMIS_PROFILE}
