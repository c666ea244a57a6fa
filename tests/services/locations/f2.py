"""Fixture F2 of `reference/locations-api.md` §7 (R10): a wing of cells that are full, special or uncertified."""

from libs.domain.attributes import Attribute
from libs.domain.codes import LocationType, SpecialistCellType
from tests.services.locations.prison import at, cell, row

WING, FIRST, SECOND = (at("KTI", number) for number in (50, 51, 52))
F2 = (
    row(50, "E", location_type=LocationType.WING),
    row(51, "E-1", WING),
    row(52, "E-2", WING),
    cell(53, "E-1-001", FIRST, working_capacity=1),
    cell(54, "E-1-002", FIRST),
    cell(
        55,
        "E-2-001",
        SECOND,
        working_capacity=0,
        specialist_cell_types=(SpecialistCellType.DRY,),
        attributes=(Attribute.DOUBLE_OCCUPANCY, Attribute.CAT_B),
    ),
    cell(56, "E-2-002", SECOND, certified=False),
)
# Who is where in the case.
INSIDE = ("E-1-001", "E-1-002", "E-1-002", "E-2-001")
