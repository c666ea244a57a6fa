"""The script that a migration is measured against, and whose rows a run's rows must be: it takes in a whole prison."""

from contextlib import AsyncExitStack

from services.nomis.estate.estate import Estate
from services.nomis.estate.load import load
from tests.benchmarks import floor
from tests.benchmarks.estates import database as opened
from tests.benchmarks.estates import digest
from tests.benchmarks.suites.migration import CONTENTS
from tests.conftest import MakeDatabase


async def test_the_script_accounts_for_every_row_of_nomis_and_writes_all_four_tables(database: MakeDatabase) -> None:
    async with AsyncExitStack() as stack:
        nomis, locations, mapping = [
            await stack.enter_async_context(opened(await database(*folders)))
            for folders in (
                ("services/nomis/schema",),
                ("libs/messaging/schema", "services/locations/schema"),
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
        for name, (where, what) in CONTENTS.items():
            async with (locations if where == "locations" else mapping).connection() as connection:
                counts[name] = int((await digest(connection, what))[0])
        assert counts["location"] == counts["sync state"] == counts["mapping"] == done.locations
        assert counts["history"] > 0
