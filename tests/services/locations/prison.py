"""Prisons for the tests of the reads: rows put into the table as they stand, by a seed or by hand."""

from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime
from random import Random
from typing import Any
from uuid import UUID

import asyncpg

from libs.domain.attributes import Attribute
from libs.domain.codes import (
    AccommodationType,
    ConvertedCellType,
    DeactivatedReason,
    LocationType,
    ResidentialHousingType,
    SpecialistCellType,
    UsedForType,
)
from services.locations.records import COLUMNS, LocationRow

MADE = datetime(2024, 3, 5, 8, 15, tzinfo=UTC).replace(tzinfo=None)
INNER = (LocationType.WING, LocationType.SPUR, LocationType.LANDING, LocationType.AREA, LocationType.CELL)
LEAVES = (LocationType.CELL, LocationType.CELL, LocationType.CELL, LocationType.STORE, LocationType.LANDING)


def at(prison_id: str, number: int) -> UUID:
    """Give the id of the nth location of a prison."""
    return UUID(f"{prison_id.encode().hex():0>8}-0000-7000-8000-{number:012x}")


def row(number: int, path: str, parent: UUID | None = None, prison_id: str = "KTI", **changed: Any) -> LocationRow:
    """Make a residential location; `changed` names columns."""
    plain: dict[str, Any] = {
        "id": at(prison_id, number),
        "prison_id": prison_id,
        "path_hierarchy": path,
        "code": path.rsplit("-", 1)[-1][:12],
        "location_type": LocationType.LANDING,
        "parent_id": parent,
        "when_created": MADE,
        "when_updated": MADE,
        "updated_by": "SEED",
        "residential_housing_type": ResidentialHousingType.NORMAL_ACCOMMODATION,
    }
    return LocationRow(**plain | changed)


def cell(number: int, path: str, parent: UUID | None, prison_id: str = "KTI", **changed: Any) -> LocationRow:
    """Make an ordinary certified cell for two."""
    ordinary: dict[str, Any] = {
        "location_type": LocationType.CELL,
        "accommodation_type": AccommodationType.NORMAL_ACCOMMODATION,
        "max_capacity": 2,
        "working_capacity": 2,
        "certified": True,
        "capacity_of_certified_cell": 2,
        "used_for": (UsedForType.STANDARD_ACCOMMODATION,),
    }
    return row(number, path, parent, prison_id, **ordinary | changed)


async def put(connection: "asyncpg.Connection[asyncpg.Record]", rows: Iterable[LocationRow]) -> None:
    """Put rows into the table."""
    records = [each.columns() for each in rows]
    await connection.copy_records_to_table("location", records=records, columns=COLUMNS)


def large(prison_id: str = "LGI", wings: int = 5, landings: int = 4, cells: int = 98) -> list[LocationRow]:
    """Make a prison of wings × landings × cells; 5 × 4 × 98 are 1,985 locations."""
    rows: list[LocationRow] = []
    for wing in range(wings):
        rows.append(row(len(rows), f"W{wing}", prison_id=prison_id, location_type=LocationType.WING))
        above_landings = rows[-1].id
        for landing in range(landings):
            path = f"W{wing}-{landing}"
            rows.append(row(len(rows), path, above_landings, prison_id))
            above = rows[-1].id
            rows += [cell(len(rows) + n, f"{path}-{n:03}", above, prison_id) for n in range(cells)]
    return rows


def random_prison(seed: int, size: int = 60) -> list[LocationRow]:
    """Make a prison of any shape: cells above cells, rooms between, closed and archived ones at every level."""
    chance = Random(seed)
    rows: list[LocationRow] = []
    for number in range(size):
        parent = chance.choice(rows) if rows and chance.random() < 0.9 else None
        path = f"{parent.path_hierarchy}-{number}" if parent else f"T{number}"
        rows.append(_any(chance, number, path, parent))
    return rows


def _any(chance: Random, number: int, path: str, parent: LocationRow | None) -> LocationRow:
    parent_id = parent.id if parent else None
    closed = chance.random() < 0.2
    state: dict[str, Any] = {"active": not closed, "archived": chance.random() < 0.08}
    if closed or state["archived"]:
        state |= {
            "deactivated_reason": _maybe(chance, DeactivatedReason),
            "deactivated_date": chance.choice([None, MADE]),
            "deactivation_reason_description": chance.choice([None, "Roof"]),
            "proposed_reactivation_date": chance.choice([None, date(2025, 1, 2)]),
        }
    if chance.random() < 0.15:
        usages = {"location_type": LocationType.VISITS, "residential_housing_type": None}
        return row(number, path, parent_id, **state | usages)
    kind = chance.choice(LEAVES if chance.random() < 0.6 else INNER)
    if kind is not LocationType.CELL:
        return row(number, path, parent_id, **state | {"location_type": kind})
    held = {
        "max_capacity": chance.choice([None, 0, 1, 3]),
        "working_capacity": chance.choice([None, 0, 1, 2]),
        "certified": chance.choice([None, True, False]),
        "capacity_of_certified_cell": chance.choice([None, 1, 2]),
        "accommodation_type": _maybe(chance, AccommodationType),
        "used_for": _some(chance, UsedForType),
        "specialist_cell_types": _some(chance, SpecialistCellType),
        "attributes": _some(chance, Attribute),
        "converted_cell_type": chance.choice([None, None, None, ConvertedCellType.OFFICE]),
    }
    return cell(number, path, parent_id, **state | held)


def _maybe(chance: Random, codes: Iterable[Any]) -> Any:
    return chance.choice([None, *codes])


def _some(chance: Random, codes: Iterable[Any]) -> tuple[Any, ...]:
    listed: Sequence[Any] = list(codes)
    return tuple(chance.sample(listed, chance.choice([0, 0, 1, 3])))
