"""PostgreSQL and the walk in memory derive the same of any prison, in both views."""

import asyncpg
import orjson
import pytest

from services.locations.changes.announce import stated
from services.locations.store import shown
from services.locations.views.derived import Forest
from services.locations.views.legacy import legacy
from services.locations.views.location import location
from tests.services.locations.prison import put, random_prison

SEEDS = 12


@pytest.mark.usefixtures("client")
@pytest.mark.parametrize("seed", range(SEEDS))
async def test_one_look_and_the_walk_agree(store: "asyncpg.Connection[asyncpg.Record]", seed: int) -> None:
    rows = random_prison(seed)
    await put(store, rows)
    forest = Forest(await shown.prison(store, "KTI"))
    in_hand = Forest(row.fields() for row in rows)
    looked = await shown.with_attributes(store, [row.id for row in rows])
    assert len(looked) == len(forest.rows)
    for row in looked:
        derived = forest.derived[str(row["id"])]
        counts = ("inactive_cells", "cell_locations")
        if row["residential_housing_type"] is not None:
            assert {name: row[name] or 0 for name in counts} == {name: derived[name] for name in counts}
        walked = forest.rows[str(row["id"])]
        assert location(row, row) == location(walked, derived)
        assert legacy(row, row) == legacy(walked, derived)
        assert location(row, row) == location(in_hand.rows[row["id"]], in_hand.derived[row["id"]])


@pytest.mark.parametrize("seed", range(SEEDS))
def test_auditors_are_told_what_the_mirror_tells(seed: int) -> None:
    for row in random_prison(seed):
        told = orjson.loads(orjson.dumps(stated(row)))
        assert told == row.own().model_dump(mode="json", by_alias=True, exclude_none=True)
