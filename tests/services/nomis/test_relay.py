"""The relay over a real PostgreSQL and a real SNS and SQS: nothing is lost, and what is repeated is identical."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from typing import Any

import pytest
from aiohttp.test_utils import TestClient, TestServer
from prometheus_client import CollectorRegistry

from libs.db.pool import DatabaseSettings, connect
from libs.messaging.aws import Aws
from libs.messaging.building import create
from libs.messaging.metrics import PublishMetrics
from libs.messaging.queue import BrokerUnavailable, Parcel, Queue, Refusal, Topic
from libs.messaging.topology import Topology
from services.nomis import app
from services.nomis.relay import Relay
from services.nomis.settings import RelaySettings, Settings
from services.nomis.store.xtag import Xtag
from tests.conftest import ROOT, BrokerAddress, MakeToken, namespaced
from tests.services.nomis.conftest import Client
from tests.services.nomis.prison import Prison

NOW = datetime(2024, 7, 3, 8, 41, 18, tzinfo=UTC)
AT_ONCE = RelaySettings(retry_delay_seconds=0)
EDIT = "UPDATE agency_internal_locations SET capacity = capacity + 1 WHERE internal_location_id = 5003"
POISON = "INSERT INTO xtag_listener_tab (jms_type, payload) VALUES ('AGENCY_INTERNAL_LOCATIONS-UPDATED', $1)"
LISTENS = """
SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND state = 'idle' AND query LIKE 'LISTEN%xtag%'
"""


@pytest.fixture
async def aws(clients: Aws) -> Aws:
    aws = namespaced(clients)
    await create(Topology.load(ROOT / "infra/messaging.json"), aws)
    return aws


@pytest.fixture
async def xtag(nomis_dsn: str, prison: Prison) -> AsyncIterator[Xtag]:
    assert prison is not None
    async with connect(DatabaseSettings(dsn=nomis_dsn)) as database:
        yield Xtag(database)


class Unreliable:
    """The real topic, out of reach for the first calls."""

    def __init__(self, topic: Topic, failures: int) -> None:
        self._topic = topic
        self._failures = failures
        self.calls = 0

    @property
    def name(self) -> str:
        return self._topic.name

    async def publish(self, parcels: Sequence[Parcel]) -> list[Refusal | None]:
        self.calls += 1
        if self.calls <= self._failures:
            raise BrokerUnavailable(self.name)
        return await self._topic.publish(parcels)

    async def generation(self) -> str | None:
        return await self._topic.generation()


def relay_of(xtag: Xtag, topic: Topic, settings: RelaySettings = AT_ONCE) -> Relay:
    return Relay(xtag, topic, settings, lambda: NOW, PublishMetrics(CollectorRegistry()))


async def received(queue: Queue, expected: int) -> list[dict[str, Any]]:
    """Receive what should be there; then make sure that there is no more."""
    found: list[dict[str, Any]] = []
    while len(found) < expected:
        deliveries = await queue.receive(10, wait_seconds=20, visibility_seconds=60)
        assert deliveries, f"only {len(found)} of {expected} arrived"
        found += [json.loads(delivery.body) for delivery in deliveries]
    assert not await queue.receive(10, wait_seconds=0, visibility_seconds=60)
    return found


def bodies(envelopes: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [json.loads(envelope["Message"]) for envelope in envelopes]


async def states(prison: Prison) -> list[tuple[str, int]]:
    rows = await prison.connection.fetch("SELECT state, attempts FROM xtag_listener_tab ORDER BY id")
    return [tuple(row) for row in rows]


async def test_an_edit_arrives_with_its_attributes(prison: Prison, xtag: Xtag, aws: Aws) -> None:
    await prison.edit(EDIT)
    assert await relay_of(xtag, aws.topic("offender-events")).publish_ready() == 1
    [envelope] = await received(aws.queue("from-nomis-locations"), 1)
    told = json.loads(envelope["Message"])
    assert (told["internalLocationId"], told["auditModuleName"]) == (5003, "OIMMHOLO")
    attributes = {name: value["Value"] for name, value in envelope["MessageAttributes"].items()}
    [event_id] = await prison.column("SELECT event_id::text FROM xtag_listener_tab")
    assert attributes == {
        "eventType": "AGENCY_INTERNAL_LOCATIONS-UPDATED",
        "publishedAt": "2024-07-03T09:41:18+01:00",
        "eventId": event_id,
    }
    assert await states(prison) == [("done", 0)]


async def test_more_than_a_batch_all_arrives_once(prison: Prison, xtag: Xtag, aws: Aws) -> None:
    await prison.edit(";".join([EDIT] * 35))
    relay = relay_of(xtag, aws.topic("offender-events"), RelaySettings(batch=20))
    assert [await relay.publish_ready() for _ in range(3)] == [20, 15, 0]
    assert len(await received(aws.queue("from-nomis-locations"), 35)) == 35


async def test_n48_a_topic_out_of_reach_twice_is_tried_three_times(prison: Prison, xtag: Xtag, aws: Aws) -> None:
    await prison.edit(EDIT)
    topic = Unreliable(aws.topic("offender-events"), 2)
    relay = relay_of(xtag, topic)
    for _ in range(3):
        await relay.publish_ready()
    assert (topic.calls, await states(prison)) == (3, [("done", 2)])
    await received(aws.queue("from-nomis-locations"), 1)


async def test_n49_the_fourth_failure_is_the_last_and_housekeeping_gives_another_try(
    prison: Prison, xtag: Xtag, aws: Aws, client: Client, token: MakeToken
) -> None:
    await prison.edit(f"{EDIT}; {EDIT}")
    relay = relay_of(xtag, Unreliable(aws.topic("offender-events"), 4))
    for _ in range(4):
        await relay.publish_ready()
    assert await states(prison) == [("exception", 4)] * 2
    assert await relay.publish_ready() == 0
    admin = {"Authorization": f"Bearer {token({'ROLE_QUEUE_ADMIN'})}"}
    async with client.put("/housekeeping?pageSize=1", headers=admin) as answer:
        assert await answer.json() == {"requeued": 1}
    await relay.publish_ready()
    assert await states(prison) == [("done", 0), ("exception", 4)]
    await received(aws.queue("from-nomis-locations"), 1)


async def test_a_failure_waits_before_the_next_attempt(prison: Prison, xtag: Xtag, aws: Aws) -> None:
    await prison.edit(EDIT)
    relay = relay_of(xtag, Unreliable(aws.topic("offender-events"), 1), RelaySettings(retry_delay_seconds=3600))
    assert [await relay.publish_ready() for _ in range(2)] == [1, 0]


async def test_n50_what_cannot_be_read_ends_on_the_exception_queue_again_and_again(
    prison: Prison, xtag: Xtag, aws: Aws
) -> None:
    await prison.connection.execute(POISON, {"p_internal_location_id": "x1"})
    await prison.edit(EDIT)
    relay = relay_of(xtag, aws.topic("offender-events"))
    for _ in range(2):
        for _ in range(4):
            await relay.publish_ready()
        assert (await states(prison))[0] == ("exception", 4)
        await relay.keep_house()
    assert (await states(prison))[0] == ("ready", 0)
    await received(aws.queue("from-nomis-locations"), 1)


async def test_n51_what_was_published_before_a_crash_is_published_again_the_same(
    prison: Prison, xtag: Xtag, aws: Aws
) -> None:
    """A crash between publishing and committing leaves the row as it was: so it is put back."""
    await prison.edit(EDIT)
    relay = relay_of(xtag, aws.topic("offender-events"))
    await relay.publish_ready()
    await prison.connection.execute("UPDATE xtag_listener_tab SET state = 'ready', done_at = NULL")
    await relay.publish_ready()
    first, second = await received(aws.queue("from-nomis-locations"), 2)
    assert first["Message"] == second["Message"]
    assert first["MessageAttributes"]["eventId"] == second["MessageAttributes"]["eventId"]


async def test_n46_only_what_committed_is_published(prison: Prison, xtag: Xtag, aws: Aws) -> None:
    transaction = prison.connection.transaction()
    await transaction.start()
    await prison.connection.execute(EDIT)
    relay = relay_of(xtag, aws.topic("offender-events"))
    assert await relay.publish_ready() == 0
    await transaction.rollback()
    assert await relay.publish_ready() == 0


async def test_two_relays_share_the_work(prison: Prison, xtag: Xtag, aws: Aws) -> None:
    await prison.edit(";".join([EDIT] * 30))
    relays = [relay_of(xtag, aws.topic("offender-events"), RelaySettings(batch=5)) for _ in range(3)]

    async def drain(relay: Relay) -> None:
        while await relay.publish_ready():
            pass

    await asyncio.gather(*(drain(relay) for relay in relays))
    assert len(await received(aws.queue("from-nomis-locations"), 30)) == 30


async def test_a_message_without_type_is_dropped_and_an_unknown_type_is_not(
    prison: Prison, xtag: Xtag, aws: Aws
) -> None:
    await prison.connection.execute(
        "INSERT INTO xtag_listener_tab (jms_type, payload) VALUES (NULL, '{}'), ('X', '{}')"
    )
    await relay_of(xtag, aws.topic("offender-events")).publish_ready()
    assert await states(prison) == [("done", 0), ("done", 0)]
    assert await prison.column("SELECT reason FROM xtag_listener_tab ORDER BY id") == ["no JMS type", None]


async def test_a_topic_made_anew_gets_what_is_kept_once_more(prison: Prison, xtag: Xtag, aws: Aws) -> None:
    await prison.edit(EDIT)
    topic = aws.topic("offender-events")
    relay = relay_of(xtag, topic)
    await relay.notice_new_topic()
    await relay.publish_ready()
    await received(aws.queue("from-nomis-locations"), 1)
    await relay.notice_new_topic()
    assert await relay.publish_ready() == 0
    await aws.sns.delete_topic(TopicArn=topic.arn)
    await prison.edit(EDIT)
    for _ in range(4):
        await relay.publish_ready()
    assert [state for state, _ in await states(prison)] == ["done", "exception"]
    await create(Topology.load(ROOT / "infra/messaging.json"), aws)
    await relay.notice_new_topic()
    await relay.publish_ready()
    ids = [told["internalLocationId"] for told in bodies(await received(aws.queue("from-nomis-locations"), 2))]
    assert ids == [5003, 5003]


async def test_running_relays_notice_edits(prison: Prison, xtag: Xtag, aws: Aws) -> None:
    async with relay_of(xtag, aws.topic("offender-events"), RelaySettings(consumers=2)).running():
        for _ in range(3):
            await prison.edit(EDIT)
            await received(aws.queue("from-nomis-locations"), 1)


async def test_the_service_relays_by_itself(
    prison: Prison,
    aws: Aws,
    nomis_settings: Settings,
    broker: BrokerAddress,
    monkeypatch: pytest.MonkeyPatch,
    token: MakeToken,
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", broker.access_key)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", broker.secret_key)
    told = {
        "aws_endpoint_url": broker.endpoint_url,
        "aws_topic_prefix": aws.settings.prefix,
        "relay_enabled": True,
        "relay": RelaySettings(count_every_seconds=0.1),
    }
    scrapes = {"Authorization": f"Bearer {token({'ROLE_METRICS'})}"}
    async with (
        app.build(nomis_settings.model_copy(update=told)) as built,
        TestClient(TestServer(built), headers=scrapes) as client,
    ):
        await prison.edit(EDIT)
        await received(aws.queue("from-nomis-locations"), 1)
        wanted = {'messaging_published_total{outcome="ok",topic="offender-events"} 1.0', "messaging_outbox_pending 0.0"}
        async with asyncio.timeout(60):
            # Counted once the rows are marked, which may be after the message has arrived.
            while True:
                async with client.get("/metrics") as answer:
                    if set((await answer.text()).splitlines()) >= wanted:
                        break


async def test_an_edit_is_noticed_by_hint_and_not_only_by_the_poll(prison: Prison, xtag: Xtag, aws: Aws) -> None:
    """The poll comes after the test's time limit."""
    async with relay_of(xtag, aws.topic("offender-events"), RelaySettings(poll_seconds=3600)).running():
        while not await prison.column(LISTENS):
            await prison.connection.execute("SELECT 1")
        await prison.edit(EDIT)
        await received(aws.queue("from-nomis-locations"), 1)


async def test_what_was_published_long_ago_is_deleted(prison: Prison, xtag: Xtag, aws: Aws) -> None:
    await prison.edit(f"{EDIT}; {EDIT}")
    relay = relay_of(xtag, aws.topic("offender-events"))
    await relay.publish_ready()
    await prison.connection.execute(
        "UPDATE xtag_listener_tab SET done_at = now() - interval '2 hours'"
        " WHERE id = (SELECT min(id) FROM xtag_listener_tab)"
    )
    await relay.keep_house()
    assert await states(prison) == [("done", 0)]


async def test_an_operator_has_published_again_what_is_kept(
    prison: Prison, xtag: Xtag, aws: Aws, client: Client, token: MakeToken
) -> None:
    await prison.edit(EDIT)
    relay = relay_of(xtag, aws.topic("offender-events"))
    await relay.publish_ready()
    admin = {"Authorization": f"Bearer {token({'ROLE_QUEUE_ADMIN'})}"}
    async with client.put("/republish?since=2999-01-01T00:00:00", headers=admin) as answer:
        assert await answer.json() == {"republished": 0}
    async with client.put("/republish", headers=admin) as answer:
        assert await answer.json() == {"republished": 1}
    await relay.publish_ready()
    await received(aws.queue("from-nomis-locations"), 2)


async def test_an_operator_discards_what_cannot_be_published(prison: Prison, client: Client, token: MakeToken) -> None:
    await prison.connection.execute(
        "INSERT INTO xtag_listener_tab (payload, state, enqueued_at) VALUES ('{}', 'exception', '2024-01-01'),"
        " ('{}', 'exception', '2024-03-01'), ('{}', 'ready', '2024-01-01')"
    )
    admin = {"Authorization": f"Bearer {token({'ROLE_QUEUE_ADMIN'})}"}
    for path, discarded in (
        ("/exceptions/OTHER", 0),
        ("/exceptions/XTAG_DPS?onlyBefore=2024-02-01", 1),
        ("/exceptions/XTAG_DPS", 1),
    ):
        async with client.delete(path, headers=admin) as answer:
            assert await answer.json() == {"discarded": discarded}
    assert await states(prison) == [("ready", 0)]


async def test_health_counts_what_could_not_be_published(client: Client, prison: Prison, xtag: Xtag) -> None:
    await prison.connection.execute("INSERT INTO xtag_listener_tab (payload, state) VALUES ('{}', 'exception')")
    assert await xtag.counts() == {"exception": 1}
    async with client.get("/health") as answer:
        components = (await answer.json())["components"]
    assert components["XTAG_DPS-health"]["details"].keys() >= {"messagesOnQueue", "messagesOnDlq", "dlqName"}
