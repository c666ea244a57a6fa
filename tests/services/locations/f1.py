"""Fixture F1 of `reference/locations-api.md` §7: fifteen locations of KTI and RDI, put into the table as they stand."""

from types import MappingProxyType
from typing import Any
from uuid import UUID

from libs.domain.attributes import Attribute
from libs.domain.codes import DeactivatedReason, LocationType, SpecialistCellType, UsageType
from libs.domain.sync import Usage
from services.locations.records import LocationRow
from tests.services.locations.prison import at, cell, row

WING, ROOM = LocationType.WING, {"residential_housing_type": None}
DOUBLE = Attribute.DOUBLE_OCCUPANCY


def _id(path: str, prison_id: str = "KTI") -> UUID:
    return at(prison_id, PATHS.index(path))


def _room(path: str, kind: LocationType, use: UsageType) -> LocationRow:
    usages = (Usage(usage_type=use, capacity=15, sequence=1),)
    return row(PATHS.index(path), path, _id("C"), location_type=kind, usages=usages, residential_housing_type=None)


def _cell(path: str, above: str, **changed: Any) -> LocationRow:
    return cell(PATHS.index(path), path, _id(above), **changed)


PATHS = (
    *("C", "C-4", "C-4-010", "C-4-011", "C-4-012", "C-4-0S1", "C-5", "C-VIS", "C-HEAR"),
    *("D", "D-E", "D-E-007", "A", "A-1", "A-1-001"),
)
F1 = (
    row(0, "C", location_type=WING),
    row(1, "C-4", _id("C")),
    _cell("C-4-010", "C-4", attributes=(DOUBLE, Attribute.CAT_B)),
    _cell("C-4-011", "C-4", attributes=(DOUBLE,), specialist_cell_types=(SpecialistCellType.DRY,)),
    _cell("C-4-012", "C-4", active=False, archived=True, archived_reason="Collapsed roof"),
    row(5, "C-4-0S1", _id("C-4"), location_type=LocationType.STORE, local_name="LINEN ROOM"),
    row(6, "C-5", _id("C")),
    _room("C-VIS", LocationType.VISITS, UsageType.VISIT),
    _room("C-HEAR", LocationType.ADJUDICATION_ROOM, UsageType.ADJUDICATION_HEARING),
    row(9, "D", location_type=WING),
    row(10, "D-E", _id("D")),
    _cell("D-E-007", "D-E", active=False, deactivated_reason=DeactivatedReason.DAMAGED),
    row(12, "A", prison_id="RDI", location_type=WING),
    row(13, "A-1", _id("A", "RDI"), prison_id="RDI"),
    cell(14, "A-1-001", _id("A-1", "RDI"), prison_id="RDI"),
)
ID = MappingProxyType({each.path_hierarchy: each.id for each in F1})
