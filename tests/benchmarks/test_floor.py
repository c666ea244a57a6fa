"""The script that a migration is measured against, and whose rows a run's rows must be: it takes in a whole prison."""

from contextlib import AsyncExitStack

import msgspec
import orjson

from libs.db.pool import Database
from libs.domain.bulk import NomisDetail
from libs.domain.identity import dps_id_for
from libs.domain.mapping import LocationMapping, MappingType
from libs.domain.nomis import NomisLocationId
from libs.domain.prisons import is_ignored
from libs.domain.sync import MigrateBatch
from services.locations.changes.migrate import MigrateChanges
from services.migration.rules.page import creation
from services.nomis.estate.estate import Estate
from services.nomis.estate.load import load
from services.nomis.store.reading import Reading
from tests.benchmarks import floor
from tests.benchmarks.estates import database as opened
from tests.benchmarks.estates import digest
from tests.benchmarks.suites.migration import contents
from tests.conftest import MakeDatabase

LOCATIONS = ("libs/messaging/schema", "services/locations/schema")
PAGE = 500


async def test_the_script_accounts_for_every_row_of_nomis_and_writes_all_four_tables(database: MakeDatabase) -> None:
    async with AsyncExitStack() as stack:
        nomis, locations, mapping = [
            await stack.enter_async_context(opened(await database(*folders)))
            for folders in (
                ("services/nomis/schema",),
                LOCATIONS,
                ("services/mapping/schema",),
            )
        ]
        async with nomis.connection() as connection:
            loaded = await load(connection, Estate(7, "tiny", ["LEI", "ZZGHI"]))
        done = await floor.migrate(nomis, locations, mapping)
        assert done.locations > 0
        assert done.left_out > 0, "an ignored agency is in it"
        assert done.locations + done.left_out == loaded.locations
        counts = {}
        for name, (where, what) in contents(done.contested).items():
            async with (locations if where == "locations" else mapping).connection() as connection:
                counts[name] = int((await digest(connection, what))[0])
        assert not done.contested
        assert counts["location"] == counts["sync state"] == counts["mapping"] == done.locations
        assert counts["history"] > 0
        again = await stack.enter_async_context(opened(await database(*LOCATIONS)))
        await by_the_batch_door(nomis, again)
        for name, (where, what) in contents(done.contested).items():
            if where == "locations":
                async with locations.connection() as theirs, again.connection() as ours:
                    assert (name, await digest(ours, what)) == (name, await digest(theirs, what))


async def by_the_batch_door(nomis: Database, locations: Database) -> None:
    """Migrate everything as the services do, without the HTTP between."""
    ids = floor.by_depth(await nomis.fetch(floor.IDS))
    links = {
        each: LocationMapping(
            dps_location_id=dps_id_for(each), nomis_location_id=each, mapping_type=MappingType.MIGRATED
        )
        for each in map(NomisLocationId, ids)
    }
    for start in range(0, len(ids), PAGE):
        told = orjson.dumps(await Reading(nomis).details(ids[start : start + PAGE]))
        rows = {row.location_id: row for row in msgspec.json.decode(told, type=list[NomisDetail])}
        wishes = [
            creation(rows[NomisLocationId(each)], links)
            for each in ids[start : start + PAGE]
            if not is_ignored(rows[NomisLocationId(each)].prison_id)
        ]
        page = msgspec.json.decode(orjson.dumps({"locations": wishes}), type=MigrateBatch)
        await MigrateChanges(locations).create(page.locations)
