"""Compares both systems by SQL over the three databases; shares no code with the services it judges."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import asyncpg

SQL = Path(__file__).parent / "sql"
EVERYWHERE = (
    "code",
    "parent",
    "type",
    "housing",
    "local_name",
    "comments",
    "sequence",
    "active",
    "deactivated",
    "reason",
    "proposed",
)
CAPACITY = ("max_capacity", "working_capacity", "certified", "certified_capacity")
# design.md §5, "What is shared": totals of wings, and what rooms hold, are NOMIS's own.
SHARED = MappingProxyType(
    {
        "cell": (*EVERYWHERE, *CAPACITY, "attributes"),
        "residential": EVERYWHERE,
        "non-residential": (*EVERYWHERE, "usages"),
        "converted": EVERYWHERE,
        "archived": EVERYWHERE,
    },
)
MAPPINGS = "SELECT dps_location_id AS dps, nomis_location_id AS nomis FROM location_mapping"
TOMBSTONES = "SELECT location_id AS id FROM tombstone"
SOFTLY_DELETED = MappingProxyType(
    {"active": "false", "max_capacity": "0", "working_capacity": "0", "certified": "false"},
)

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Difference:
    """One thing that is not as it should be; `field` is a column, or what is missing."""

    nomis_id: int | None
    dps_id: str | None
    field: str
    nomis: str = ""
    dps: str = ""

    def __str__(self) -> str:
        return f"NOMIS {self.nomis_id} / DPS {self.dps_id} {self.field}: NOMIS {self.nomis!r}, DPS {self.dps!r}"


@dataclass(frozen=True)
class Both:
    """All of both systems, by id, in the same words."""

    nomis: Mapping[int, Row]
    dps: Mapping[str, Row]
    dps_of: Mapping[int, str]
    tombstones: frozenset[str]


async def read(dsns: Mapping[str, str]) -> Both:
    """Read everything; `dsns` are those of the databases nomis, locations and mapping."""
    nomis = await _rows(dsns["nomis"], (SQL / "nomis.sql").read_text())
    dps = await _rows(dsns["locations"], (SQL / "dps.sql").read_text())
    links = await _rows(dsns["mapping"], MAPPINGS)
    tombstones = await _rows(dsns["locations"], TOMBSTONES)
    return Both(
        {row["id"]: row for row in nomis},
        {str(row["id"]): row for row in dps},
        {row["nomis"]: row["dps"] for row in links},
        frozenset(str(row["id"]) for row in tombstones),
    )


def differences(both: Both) -> list[Difference]:
    """List all that differs, is missing, or is linked to nothing."""
    found = [Difference(id_, both.dps_of.get(id_), "only in NOMIS") for id_ in both.nomis if not _is_linked(both, id_)]
    linked = set(both.dps_of.values())
    found += [Difference(None, id_, "only in DPS") for id_ in both.dps if id_ not in linked]
    for nomis_id, dps_id in both.dps_of.items():
        row, own = both.nomis.get(nomis_id), both.dps.get(dps_id)
        if row is None:
            found.append(Difference(nomis_id, dps_id, "mapping to no row"))
        elif own is not None:
            found += _fields(both, nomis_id, dps_id)
        elif dps_id in both.tombstones:
            found += [
                Difference(nomis_id, dps_id, f"deleted in DPS, {name}", row[name], wanted)
                for name, wanted in SOFTLY_DELETED.items()
                if row[name] != wanted
            ]
    return found


def _is_linked(both: Both, nomis_id: int) -> bool:
    dps_id = both.dps_of.get(nomis_id)
    return dps_id in both.dps or dps_id in both.tombstones


def _fields(both: Both, nomis_id: int, dps_id: str) -> list[Difference]:
    row, own = both.nomis[nomis_id], both.dps[dps_id]
    theirs = {**row, "parent": both.dps_of.get(row["parent"], "")}
    ours = {**own, "parent": str(own["parent"] or "")}
    return [
        Difference(nomis_id, dps_id, name, str(theirs[name]), str(ours[name]))
        for name in ("prison", *SHARED[own["kind"]])
        if theirs[name] != ours[name]
    ]


async def _rows(dsn: str, sql: str) -> list[Row]:
    connection = await asyncpg.connect(dsn)
    try:
        return [dict(row) for row in await connection.fetch(sql)]
    finally:
        await connection.close()
