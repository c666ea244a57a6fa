"""The runbook's procedures, played command by command as they stand on the page: what does not work is found here."""

import pytest

from infra.local.demo.scenario import Scenario, a_cell, migrate
from libs.domain.events import LocationEventType
from libs.messaging.queue import Parcel, Queue
from tests.journeys.conftest import House
from tests.journeys.test_operators import QUEUE
from tests.runbook import lip, played

# Minutes of typing; `make test-long`.
pytestmark = pytest.mark.long


async def test_a_migration_is_rehearsed_started_watched_and_verified(house: House) -> None:
    said = await played(house, "Start and watch a migration", PRISON="LEI")
    assert "COMPLETED" in said[0].out


async def test_a_migration_is_cancelled(house: House) -> None:
    said = await played(house, "Cancel a migration")
    assert "operator" in said[-1].out


async def emptied(dead: Queue) -> None:
    """Take away what earlier tests let die."""
    while came := await dead.receive(10, wait_seconds=0, visibility_seconds=60):
        assert set(await dead.delete([each.receipt for each in came])) == {None}


async def test_a_dead_letter_queue_is_drained(house: House) -> None:
    await migrate(house.desk)
    dps_id, _ = await a_cell(house.desk)
    kind = LocationEventType.AMENDED.value
    good = f'{{"eventType": "{kind}", "additionalInformation": {{"id": "{dps_id}", "key": "LEI-A"}}}}'
    dead = house.desk.broker.queue(f"{QUEUE}-dlq")
    await emptied(dead)
    bad = Parcel('{"eventType": "x"}', {"eventType": kind, "failureReason": "no id"})
    assert await dead.send([bad]) == [None]
    [letter] = (await lip(house, "queues", "peek", QUEUE, "--json")).json()["messages"]
    assert await dead.send([Parcel(good, {"eventType": kind, "failureReason": "NOMIS away"})]) == [None]
    await played(house, "Drain a dead-letter queue", NAME=QUEUE, MESSAGE=letter["messageId"])
    assert (await house.desk.depths())[f"{QUEUE}-dlq"] == 0


async def test_a_prison_leaves_nomis_and_comes_back(house: House) -> None:
    await migrate(house.desk)
    said = await played(house, "Take a prison off NOMIS, and back", PRISON="MDI")
    assert "BOTH_WAYS" in said[-1].out


async def test_what_differs_is_repaired(house: House) -> None:
    ran = await lip(house, "reconcile", "run", "--no-settle", "--watch", "--json")
    await played(house, "Find and repair what differs", RUN=str(ran.json()["runId"]))


async def test_the_sign_in_server_s_key_is_changed_while_all_goes_on(house: House) -> None:
    await migrate(house.desk)
    scenario = Scenario(house.desk, *await a_cell(house.desk))
    (house.estate.settings.data_dir / "sign-in" / "key.pem").unlink()
    house.estate.kill("sign_in")
    await house.estate.wait_ready("sign_in")
    await played(house, "Rotate the sign-in server's key")
    # Workers, whose tokens were signed by the old key, bring a change over.
    await scenario.capacity()
