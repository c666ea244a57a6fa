"""Who did what to a run is noted for the audit, in the transaction that did it, and reaches the audit queue."""

import orjson
import pytest

from libs.messaging.audit import QUEUE
from libs.messaging.aws import AwsSettings, connect
from libs.messaging.queue import Delivery
from services.migration.errors import MigrationActive
from services.migration.records import Kind, MigrationFilter, RetryWish, RunWish
from tests.auditing import audited
from tests.services.migration.office import Office
from tests.services.migration.town import Town, seen

EVERYTHING = MigrationFilter()


async def test_what_operators_do_to_a_run_is_noted_with_their_names(office: Office) -> None:
    await office.database.execute("DELETE FROM outbox")
    office.add("O", location_type="CASTLE")
    run = (await office.control.start(MigrationFilter(prison_ids=("NWI",)), "ANN")).migration_id
    await office.control.pause(run, "BEN")
    await office.control.resume(run, "CAT")
    await office.finish(run)
    await office.control.retry(run, RetryWish(all=True), "DAN")
    await office.control.cancel(run, "EVE")
    await office.finish(run)
    await office.runs.wipe("FAY")
    acts = await audited(office.database)
    assert [(act["what"], act["who"], act["subjectId"]) for act in acts] == [
        ("MIGRATION_STARTED", "ANN", run),
        ("MIGRATION_PAUSED", "BEN", run),
        ("MIGRATION_RESUMED", "CAT", run),
        ("MIGRATION_RETRIED", "DAN", run),
        ("MIGRATION_CANCEL_REQUESTED", "EVE", run),
        ("MIGRATION_HISTORY_DELETED", "FAY", run),
    ]
    assert acts[0]["details"] == {
        "migrationId": run, "migrationType": "LOCATIONS", "filter": {"prisonIds": ["NWI"]},
    }  # fmt: skip
    assert acts[3]["details"]["retried"] == 1


async def test_what_was_refused_or_had_nothing_to_do_is_not_noted(office: Office) -> None:
    run = (await office.control.start(EVERYTHING, "ANN")).migration_id
    await office.database.execute("DELETE FROM outbox")
    with pytest.raises(MigrationActive):
        await office.runs.start(office.time, "2026-01-01T00:00:00", "BEN", RunWish(Kind.MIGRATION, "{}", (), 0))
    await office.finish(run)
    assert await office.control.retry(run, RetryWish(all=True), "ANN") == 0
    assert await audited(office.database) == []


async def test_it_reaches_the_audit_queue_in_the_shape_that_auditors_read(town: Town) -> None:
    await town.prison("AUI", landings=1, cells=1)
    run = await town.run(prisonIds=["AUI"])
    settings = AwsSettings(endpoint_url=town.broker.endpoint_url, region=town.broker.region)
    async with connect(settings) as aws:
        queue = aws.queue(QUEUE)

        async def mine() -> Delivery | None:
            for delivery in await queue.receive(10, wait_seconds=0, visibility_seconds=1):
                if run["id"] in delivery.body:
                    return delivery
            return None

        found: Delivery = await seen(mine, "the act")
    event = orjson.loads(found.body)
    assert found.attributes["eventType"] == "hmpps-audit-event"
    assert (event["what"], event["who"]) == ("MIGRATION_STARTED", "BOSS")
    assert event["service"] == "hmpps-prisoner-from-nomis-migration"
    assert orjson.loads(event["details"])["filter"] == {"prisonIds": ["AUI"]}
