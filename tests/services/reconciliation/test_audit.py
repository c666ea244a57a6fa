"""Who asked for a comparison or a repair is noted for the audit; what the service decides by itself is not."""

from libs.domain.sync import Side
from services.reconciliation.records import DueLocation
from services.reconciliation.store.due import DueStore
from tests.auditing import audited
from tests.services.reconciliation.test_settle_check import Desk, desk

__all__ = ["desk"]


async def test_what_operators_ask_for_is_noted_with_their_names(desk: Desk) -> None:
    database = desk.bench.database
    cell = await desk.bench.add("1")
    await database.execute("DELETE FROM outbox")
    run = await desk.bench.runs.request("NWI", "ANN", settles=False)
    assert await desk.bench.runs.work()
    await desk.repair.run(run, "BEN")
    await desk.repair.one(DueLocation(Side.NOMIS, str(cell)), "CAT")
    acts = await audited(database)
    assert [(act["what"], act["who"], act["subjectType"], act["subjectId"]) for act in acts] == [
        ("LOCATION_RECONCILIATION_REQUESTED", "ANN", "RECONCILIATION_RUN_ID", str(run)),
        ("LOCATION_REPAIR_REQUESTED", "BEN", "RECONCILIATION_RUN_ID", str(run)),
        ("LOCATION_REPAIR_REQUESTED", "CAT", "NOMIS_LOCATION_ID", str(cell)),
    ]
    assert acts[0]["details"] == {"runId": run, "prisonId": "NWI", "settles": False}


async def test_what_is_settled_by_itself_is_nobodys_act(desk: Desk) -> None:
    database = desk.bench.database
    run = await desk.bench.runs.request(None, "ANN", settles=True)
    assert await desk.bench.runs.work()
    await database.execute("DELETE FROM outbox")
    await DueStore(database, desk.due._auditor).note_run(run, desk.bench.time)
    assert await audited(database) == []
