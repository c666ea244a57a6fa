"""What the judges say of an estate that came to rest."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from tests.chaos.edits import Journal
from tests.chaos.equality import Both, differences, read
from tests.chaos.journal import Conflict, Lost, lost
from tests.chaos.site import Site

CONFLICTS = "SELECT location_id, field, dps, nomis FROM conflict"
HISTORY = """
SELECT amended_date, attribute_name, old_value, new_value, amended_by FROM location_history WHERE location_id = $1
 ORDER BY amended_date DESC LIMIT 30
"""
AMENDMENTS = """
SELECT amend_date, column_name, old_value, new_value, amend_user_id FROM agy_int_loc_amendments
 WHERE internal_location_id = ANY($1::bigint[]) ORDER BY amend_date DESC LIMIT 30
"""


@dataclass(frozen=True)
class Findings:
    """What is wrong, a line for each; and how many edits that did not win are on record."""

    lost: list[str]
    duplicated: list[str]
    diverged: list[str]
    conflicts: int
    locations: int


async def judged(site: Site, journal: Journal) -> Findings:
    """Compare both systems, and each edit with what they hold."""
    both = await read(site.dsns)
    async with site.locations() as connection:
        rows = await connection.fetch(CONFLICTS)
    conflicts = [
        Conflict(str(row["location_id"]), row["field"], _value(row["dps"]), _value(row["nomis"])) for row in rows
    ]
    gone = [await _evidence(site, both, one) for one in lost(journal.entries, both, conflicts)]
    return Findings(
        gone + await _lost_profiles(site, journal, both, conflicts),
        _duplicated(both),
        [str(one) for one in differences(both)],
        len(conflicts),
        len(both.dps),
    )


async def _evidence(site: Site, both: Both, one: Lost) -> str:
    """Say what was lost, and what both sides have on record of the location: the estate is gone when this is read."""
    place = one.entry.location
    dps_id = both.dps_of.get(place) if isinstance(place, int) else place
    nomis_ids = [nomis_id for nomis_id, linked in both.dps_of.items() if linked == dps_id]
    async with site.locations() as connection:
        history = await connection.fetch(HISTORY, dps_id)
    async with site.nomis() as connection:
        amendments = await connection.fetch(AMENDMENTS, nomis_ids)
    told = [
        f"{side} {tuple(map(str, row))}" for side, rows in (("DPS", history), ("NOMIS", amendments)) for row in rows
    ]
    return "\n    ".join((str(one), *told))


def _value(raw: Any) -> Any:
    return orjson.loads(raw) if isinstance(raw, str) else raw


def _duplicated(both: Both) -> list[str]:
    """Name places that two rows of one side claim: same parent, same code."""
    found = []
    for side, rows in (("NOMIS", both.nomis.values()), ("DPS", both.dps.values())):
        places = Counter((row["prison"], row["parent"], row["code"]) for row in rows)
        found += [f"{side} {place}: {count} rows" for place, count in places.items() if count > 1]
    return found


async def _lost_profiles(site: Site, journal: Journal, both: Both, conflicts: Sequence[Conflict]) -> list[str]:
    """Name profile rows that screens added and are gone, or removed and are back, with no conflict on record."""
    recorded = {conflict.dps_id for conflict in conflicts if conflict.field == "attributes"}
    async with site.nomis() as connection:
        rows = await connection.fetch(
            "SELECT internal_location_id, int_loc_profile_type, int_loc_profile_code FROM agy_int_loc_profiles"
        )
    there = {tuple(row) for row in rows}
    return [
        f"NOMIS {profile} {'is gone' if wanted else 'is back'}"
        for profile, wanted in journal.profiles.items()
        if profile[0] in both.nomis and (profile in there) != wanted and both.dps_of.get(profile[0]) not in recorded
    ]
