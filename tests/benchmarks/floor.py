"""The floor of a migration: what one script needs that reads NOMIS's tables, translates, and COPYs into the others.

It knows the code tables of `libs.domain` and nothing else of the services: no HTTP, no broker, no checks, no retries,
no accounts. What it writes must be what the services write, so it is their oracle as well (`suites/migration.py`).
"""

import time
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any
from uuid import UUID

from libs.db.pool import Database, Row
from libs.domain.attributes import SPECIALIST_OF
from libs.domain.codes import (
    ACCOMMODATION_OF_HOUSING,
    AccommodationType,
    ConvertedCellType,
    DeactivatedReason,
    LocationType,
    ResidentialHousingType,
    UsedForType,
)
from libs.domain.identity import dps_id_for
from libs.domain.prisons import PRISON_ID, is_ignored
from libs.domain.shared import COMMENTS_MAX, LOCAL_NAME_MAX, SYNCED, kind_of, order, text
from libs.domain.translation import (
    DPS_ATTRIBUTE,
    DPS_HOUSING,
    DPS_REASON,
    DPS_TYPE,
    DPS_USAGE,
    FOLDED_USAGES,
    HISTORY_LABEL,
    NOMIS_PROFILE,
)
from services.nomis.store.reading import BY_IDS

IDS = "SELECT internal_location_id, parent_internal_location_id FROM agency_internal_locations"
PAGE = 2_000
LOCATION = (
    *("id", "prison_id", "path_hierarchy", "code", "location_type", "parent_id", "when_created", "when_updated"),
    *("updated_by", "local_name", "comments", "order_within_parent_location", "residential_housing_type"),
    *("accommodation_type", "max_capacity", "working_capacity", "certified", "capacity_of_certified_cell"),
    *("attributes", "used_for", "specialist_cell_types", "usages", "active", "deactivated_date"),
    *("deactivated_reason", "proposed_reactivation_date", "converted_cell_type"),
)
STATE = ("location_id", "state_version", "nomis_location_id", "nomis_description", "base", "history_imported")
HISTORY = ("location_id", "attribute_name", "old_value", "new_value", "amended_by", "amended_date")
MAPPING = ("dps_location_id", "nomis_location_id", "label", "mapping_type")
NO_HOUSING = (None, None)


@dataclass
class Floor:
    """What came of it: rows, seconds, and where the seconds went.

    `contested` are the NOMIS rows that claim a path which another claims too: which of them gets it is not promised.
    """

    locations: int = 0
    left_out: int = 0
    read_seconds: float = 0.0
    translate_seconds: float = 0.0
    load_seconds: float = 0.0
    contested: set[int] = field(default_factory=set)

    @property
    def seconds(self) -> float:
        """All of it."""
        return self.read_seconds + self.translate_seconds + self.load_seconds


@dataclass
class Page:
    """Rows of the four tables, ready to be copied."""

    locations: list[tuple[Any, ...]] = field(default_factory=list)
    states: list[tuple[Any, ...]] = field(default_factory=list)
    history: list[tuple[Any, ...]] = field(default_factory=list)
    mappings: list[tuple[Any, ...]] = field(default_factory=list)


async def migrate(nomis: Database, locations: Database, mapping: Database) -> Floor:
    """Copy everything, parents first, page by page."""
    result = Floor()
    paths: dict[int, str] = {}
    taken: dict[tuple[str, str], int] = {}
    began = time.perf_counter()
    ids = by_depth(await nomis.fetch(IDS))
    for start in range(0, len(ids), PAGE):
        found = {row[0]: row for row in await nomis.fetch(BY_IDS, ids[start : start + PAGE])}
        # Parents first here too: a parent that a screen added late has a higher id than its children.
        rows = [found[each] for each in ids[start : start + PAGE]]
        read = time.perf_counter()
        page = Page()
        for row in rows:
            translate(row, page, paths, taken, result)
        translated = time.perf_counter()
        async with locations.transaction() as tx:
            await tx.copy_records_to_table("location", records=page.locations, columns=LOCATION)
            await tx.copy_records_to_table("sync_state", records=page.states, columns=STATE)
            await tx.copy_records_to_table("location_history", records=page.history, columns=HISTORY)
        async with mapping.transaction() as tx:
            await tx.copy_records_to_table("location_mapping", records=page.mappings, columns=MAPPING)
        loaded = time.perf_counter()
        result.locations += len(page.locations)
        result.read_seconds += read - began
        result.translate_seconds += translated - read
        result.load_seconds += loaded - translated
        began = loaded
    return result


def by_depth(rows: Iterable[Row]) -> list[int]:
    """Order ids so that parents stand before children."""
    children: dict[int | None, list[int]] = defaultdict(list)
    known = set()
    for location, parent in rows:
        children[parent].append(location)
        known.add(location)
    level = [each for parent, below in children.items() if parent not in known for each in below]
    ordered = []
    while level:
        ordered += sorted(level)
        level = [child for each in level for child in children[each]]
    return ordered


def translate(row: Row, page: Page, paths: dict[int, str], taken: dict[tuple[str, str], int], result: Floor) -> None:
    """Add a NOMIS row to the page, or leave it out as the services do."""
    nomis_id, prison, parent = row[0], row[3], row[4]
    if is_ignored(prison):
        result.left_out += 1
        return
    path = row[10] if parent is None else f"{paths[parent]}-{row[10]}" if parent in paths else None
    if path is not None and (prison, path) in taken:
        result.contested |= {nomis_id, taken[prison, path]}
    if path is None or (prison, path) in taken or not PRISON_ID.fullmatch(prison) or not translatable(row):
        result.left_out += 1
        return
    paths[nomis_id] = path
    taken[prison, path] = nomis_id
    dps_id = dps_id_for(nomis_id)
    location = location_of(row, dps_id, path)
    page.locations.append(tuple(location[name] for name in LOCATION))
    page.states.append((dps_id, 1, nomis_id, row[9], base_of(location, f"{prison}-{path}"), True))
    page.mappings.append((str(dps_id), nomis_id, "floor", "MIGRATED"))
    page.history += beginning_of(location, row)
    page.history += history_of(dps_id, row[21] or ())


def translatable(row: Row) -> bool:
    """Whether DPS has a word for its type, its unit, its usages and its reason."""
    return (
        row[2] in DPS_TYPE
        and (row[14] is None or row[14] in DPS_HOUSING)
        and all(usage[0] in DPS_USAGE for usage in row[20] or ())
        and (row[15] or row[17] is None or row[17] in DPS_REASON)
    )


def location_of(row: Row, dps_id: UUID, path: str) -> dict[str, Any]:
    """Return the columns of `location`."""
    kind, housing = DPS_TYPE[row[2]], DPS_HOUSING[row[14]] if row[14] else None
    is_cell = housing is not None and kind is LocationType.CELL
    holding = is_cell and housing is ResidentialHousingType.HOLDING_CELL
    attributes = attributes_of(row[19] or ()) if is_cell else []
    has_capacity = is_cell and not holding and not (row[11] is None and row[6] is None)
    reason = DeactivatedReason.OTHER if row[17] is None else DPS_REASON.get(row[17])
    accommodation, used_for = cell_uses(housing, holding=holding) if is_cell else NO_HOUSING
    return {
        "id": dps_id,
        "prison_id": row[3],
        "path_hierarchy": path,
        "code": row[10],
        "location_type": kind,
        "parent_id": None if row[4] is None else dps_id_for(row[4]),
        "when_created": datetime.fromisoformat(row[22]),
        "when_updated": datetime.fromisoformat(row[22]),
        "updated_by": row[24] or row[23],
        "local_name": blank_is_null(row[8]),
        "comments": blank_is_null(row[13]),
        "order_within_parent_location": row[12],
        "residential_housing_type": housing,
        "accommodation_type": accommodation,
        "max_capacity": row[11] or 0 if has_capacity else None,
        "working_capacity": row[6] or 0 if has_capacity else None,
        "certified": row[1] and not holding if is_cell else None,
        "capacity_of_certified_cell": row[7] or 0 if is_cell else None,
        "attributes": attributes,
        "used_for": used_for or [],
        "specialist_cell_types": [] if holding else specialist_of(attributes),
        "usages": usages_of(row[20] or ()) if housing is None else [],
        "active": row[15],
        "deactivated_date": datetime.fromisoformat(row[16]) if row[16] and not row[15] else None,
        "deactivated_reason": None if row[15] else reason,
        "proposed_reactivation_date": date.fromisoformat(row[18]) if row[18] and not row[15] else None,
        "converted_cell_type": ConvertedCellType.HOLDING_ROOM if holding else None,
    }


def beginning_of(location: Mapping[str, Any], row: Row) -> list[tuple[Any, ...]]:
    """Return what history says of a new cell: what it is used for, or what becoming a holding room took from it."""
    told: list[tuple[str, Any, Any]] = [("USED_FOR", None, use.description) for use in location["used_for"]]
    if location["converted_cell_type"] is not None:
        was = ACCOMMODATION_OF_HOUSING[location["residential_housing_type"]]
        has_capacity = row[11] is not None or row[6] is not None
        told = [
            ("CONVERTED_CELL_TYPE", None, location["converted_cell_type"].description),
            ("LOCATION_TYPE", LocationType.CELL.description, LocationType.ROOM.description),
            ("ACCOMMODATION_TYPE", was.description, location["accommodation_type"].description),
            ("CAPACITY", str(row[11] or 0) if has_capacity else None, None),
            ("OPERATIONAL_CAPACITY", str(row[6] or 0) if has_capacity else None, None),
            ("CERTIFIED", "Certified" if row[1] else "Uncertified", "Uncertified"),
            ("STATUS", "Active", "Non-residential") if row[15] else ("STATUS", None, None),
            *(("SPECIALIST_CELL_TYPE", each.description, None) for each in specialist_of(location["attributes"])),
        ]
    at, by = location["when_created"], location["updated_by"]
    return [(location["id"], what, old, new, by, at) for what, old, new in told if old != new]


def blank_is_null(value: str | None) -> str | None:
    """Return no text for blanks."""
    return value if value and value.strip() else None


def attributes_of(profiles: Iterable[Sequence[str]]) -> list[Any]:
    """Translate profiles; those without a word are NOMIS's own."""
    return sorted({DPS_ATTRIBUTE[kind, code] for kind, code in profiles if (kind, code) in DPS_ATTRIBUTE})


def specialist_of(attributes: Iterable[Any]) -> list[Any]:
    """Return what a cell's attributes make it special for."""
    return sorted({SPECIALIST_OF[a] for a in attributes if a in SPECIALIST_OF}, key=lambda each: each.sequence)


def cell_uses(housing: ResidentialHousingType | None, *, holding: bool) -> tuple[AccommodationType, list[UsedForType]]:
    """Return what a new cell is for."""
    assert housing is not None
    accommodation = ACCOMMODATION_OF_HOUSING[housing]
    if holding:
        return AccommodationType.OTHER_NON_RESIDENTIAL, []
    normal = accommodation is AccommodationType.NORMAL_ACCOMMODATION
    return accommodation, [UsedForType.STANDARD_ACCOMMODATION] if normal else []


def usages_of(usages: Iterable[Sequence[Any]]) -> list[dict[str, Any]]:
    """Translate usages, one of each type; a folded code gives way."""
    rows: dict[Any, Sequence[Any]] = {}
    for usage in usages:
        word = DPS_USAGE[usage[0]]
        if word not in rows or usage[0] not in FOLDED_USAGES:
            rows[word] = usage
    return [
        {"usageType": word, "sequence": int(row[2] or 0)} | ({} if row[1] is None else {"capacity": int(row[1])})
        for word, row in sorted(rows.items(), key=lambda each: each[0].sequence)
    ]


def base_of(location: Mapping[str, Any], key: str) -> dict[str, Any]:
    """Return what both sides agree on from the start, and the key."""
    converted = location["converted_cell_type"] is not None
    kind_word = LocationType.ROOM if converted else location["location_type"]
    kind = kind_of(location["location_type"], location["residential_housing_type"], converted=converted)
    at, proposed, parent = (location[n] for n in ("deactivated_date", "proposed_reactivation_date", "parent_id"))
    projected = {
        "code": location["code"],
        "parentId": str(parent) if parent else None,
        "locationType": kind_word,
        "residentialHousingType": location["residential_housing_type"],
        "localName": text(location["local_name"], LOCAL_NAME_MAX),
        "comments": text(location["comments"], COMMENTS_MAX),
        "orderWithinParentLocation": order(location["order_within_parent_location"]),
        "maxCapacity": location["max_capacity"] or 0,
        "workingCapacity": location["working_capacity"] or 0,
        "certified": bool(location["certified"]),
        "capacityOfCertifiedCell": location["capacity_of_certified_cell"] or 0,
        "attributes": [each for each in location["attributes"] if each in NOMIS_PROFILE],
        "usages": sorted([u["usageType"], u.get("capacity", 0), u["sequence"]] for u in location["usages"]),
        "active": location["active"],
        "deactivatedDate": at.date().isoformat() if at else None,
        "deactivatedReason": location["deactivated_reason"],
        "proposedReactivationDate": proposed.isoformat() if proposed else None,
    }
    return {name: value for name, value in projected.items() if name in SYNCED[kind]} | {"key": key}


def history_of(dps_id: UUID, amendments: Iterable[Sequence[str | None]]) -> list[tuple[Any, ...]]:
    """Translate amendments: none without a change, none twice, none whose label DPS has no word for."""
    kept: dict[tuple[Any, ...], None] = {}
    for at, label, old, new, by in amendments:
        attribute = HISTORY_LABEL.get(label)
        was, is_now = blank_is_null(old), blank_is_null(new)
        if attribute is not None and was != is_now:
            entry = (dps_id, attribute.value, was, is_now, by, datetime.fromisoformat(str(at)))
            kept.setdefault(entry)
    return [*kept]
