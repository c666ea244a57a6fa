"""A quick look at a pair of a full run: says yes only of what the table of `libs.domain.shared` would call equal.

Nine pairs in ten are cells in use whose two halves hold the same words; for those the normal form need not be made. Who
gets no yes here is compared in full. A property test holds it to the table.
"""

from libs.domain.attributes import Attribute
from libs.domain.bulk import MirrorRow, NomisRow, OwnRow
from libs.domain.codes import LocationType, ResidentialHousingType
from libs.domain.shared import ORDER_MAX, attributes_of
from libs.domain.translation import DPS_HOUSING, DPS_TYPE, NOMIS_PROFILE


def surely_equal(mirror: MirrorRow, row: NomisRow, parent: str | None) -> bool:
    """Whether the two halves are equal beyond doubt; False means: compare them."""
    own = mirror.location
    housing = own.residential_housing_type
    if not (own.active and row.active) or own.archived or own.converted_cell_type is not None:
        return False
    if housing is None:
        if own.usages or row.usages or row.unit_type is not None:
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


def _of_dps(attributes: tuple[Attribute, ...]) -> set[Attribute]:
    return {attribute for attribute in attributes if attribute in NOMIS_PROFILE}
