"""How many statements a reading request costs: a bound for each, and the same in a small prison and in a large one."""

from collections.abc import Mapping

import asyncpg
import pytest

from libs.db.pool import speak_json
from tests.conftest import MakeToken
from tests.services.locations.asking import ROLES
from tests.services.locations.conftest import Client
from tests.services.locations.prison import at
from tests.services.locations.test_statements import LARGE, PRISON, SMALL, Counter, cost, counted, counter, fill

__all__ = ["counted", "counter"]

WING, CELL = at(PRISON, 0), at(PRISON, 2)
LIST = f"/locations/prison/{PRISON}"

# With BEGIN and COMMIT where two statements must look at the same moment.
READS = {
    f"/locations/{WING}": 1,
    f"/locations/{CELL}": 1,
    f"/locations/{WING}?includeChildren=true": 1,
    f"/locations/{WING}?includeHistory=true": 4,
    f"/locations/{WING}?includeChildren=true&includeHistory=true": 4,
    f"/locations/key/{PRISON}-W0": 1,
    f"/locations/key/{PRISON}-W0?includeChildren=true": 4,
    f"/locations/key/{PRISON}-W0?includeChildren=true&includeHistory=true": 5,
    f"/sync/id/{WING}": 1,
    f"/sync/id/{WING}?includeHistory=true": 4,
    "/locations?size=200": 4,
    LIST: 1,
    f"{LIST}/tree": 1,
    f"{LIST}/archived": 1,
    f"{LIST}/inactive-cells": 1,
    f"{LIST}/inactive-cells?parentLocationId={WING}": 1,
    f"{LIST}/groups": 1,
    f"{LIST}/location-type/CELL": 1,
    f"{LIST}/non-residential-usage-type/VISIT": 1,
    f"/locations/groups/{PRISON}/W0": 1,
    f"/locations/residential-summary/{PRISON}": 4,
    f"/locations/residential-summary/{PRISON}?parentPathHierarchy=W0": 6,
    f"/locations/residential-summary/{PRISON}?parentLocationId={WING}": 6,
    f"/location-occupancy/cells-with-capacity/{PRISON}": 1,
    f"/location-occupancy/cells-with-capacity/{PRISON}?locationId={WING}": 1,
    f"/prisoner-locations/id/{WING}": 1,
    f"/prisoner-locations/key/{PRISON}-W0": 2,
    f"/prisoner-locations/prison/{PRISON}": 1,
    f"/prison/roll-count/{PRISON}": 1,
    f"/prison/roll-count/{PRISON}/cells-only/{WING}": 1,
    "/locations/changes": 1,
    "/constants/location-type": 0,
    f"/constants/used-for-type/{PRISON}": 0,
}


@pytest.fixture(scope="module")
async def costs(
    counted: Client, counter: Counter, locations_dsn: str, token: MakeToken
) -> Mapping[str, list[list[str]]]:
    """The statements of each read, in a small prison and in a large one; reads change nothing, so one filling does."""
    everything = token({role for roles in ROLES.values() for role in roles})
    counted.session.headers["Authorization"] = f"Bearer {everything}"
    found: dict[str, list[list[str]]] = {path: [] for path in READS}
    store = await asyncpg.connect(locations_dsn)
    await speak_json(store)
    for shape in (SMALL, LARGE):
        await fill(store, shape)
        for path, told in found.items():
            told.append(await cost(counted, counter, (0, "GET", path, None)))
    await store.close()
    return found


@pytest.mark.parametrize("path", READS)
async def test_a_read_costs_what_it_may_whatever_the_size_of_the_prison(
    costs: Mapping[str, list[list[str]]], path: str
) -> None:
    assert [len(each) for each in costs[path]] == [READS[path]] * 2, costs[path]
