"""The topology: readable or clearly not, made once, compared with what is there."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from libs.messaging import __main__ as main
from libs.messaging.aws import Aws
from libs.messaging.building import create, queue_arn, queue_url, subscription_arn
from libs.messaging.drift import verify
from libs.messaging.topology import Topology, TopologyUnreadable
from tests.conftest import ROOT, BrokerAddress
from tests.contracts.queue import TOPOLOGY

FILE = ROOT / "infra" / "messaging.json"
DOMAIN_EVENTS = [
    f"location.inside.prison.{kind}"
    for kind in (
        "created", "amended", "deactivated", "reactivated", "capacity.changed", "certification.changed", "deleted",
    )
]  # fmt: skip
OFFENDER_EVENTS = [
    "AGENCY_INTERNAL_LOCATIONS-UPDATED",
    "AGY_INT_LOC_PROFILES-UPDATED",
    "INT_LOC_USAGE_LOCATIONS-UPDATED",
]


def test_the_file_says_what_the_design_says() -> None:
    topology = Topology.load(FILE)
    assert set(topology.topics) == {"domain-events", "offender-events"}
    subscriptions = {
        (name, each.topic): dict(each.filter) for name, queue in topology.queues.items() for each in queue.subscriptions
    }
    assert subscriptions == {
        ("to-nomis-locations", "domain-events"): {
            "eventType": DOMAIN_EVENTS,
            "source": [{"anything-but": ["NOMIS"]}, {"exists": False}],
        },
        ("from-nomis-locations", "offender-events"): {"eventType": OFFENDER_EVENTS},
        ("reconciliation-locations", "domain-events"): {"eventType": DOMAIN_EVENTS},
        ("reconciliation-locations", "offender-events"): {"eventType": OFFENDER_EVENTS},
    }
    assert "migration-locations" in topology.queues


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"maxReceiveCount": 6}, "queues.q: Value error, maxReceiveCount: must be the number of backoffSeconds + 2"),
        ({"deadLetter": {"retentionSeconds": 60}}, "deadLetter.retentionSeconds: must not be below"),
        ({"visibilitySeconds": 50_000}, "queues.q.visibilitySeconds: "),
        ({"colour": "red"}, "queues.q.colour: Extra inputs are not permitted"),
        ({"subscriptions": [{"topic": "unheard-of"}]}, "queues.q: unknown topic unheard-of"),
    ],
)
def test_what_cannot_work_is_told_with_its_place(tmp_path: Path, change: dict[str, Any], told: str) -> None:
    queue = {
        "visibilitySeconds": 60,
        "retentionSeconds": 3600,
        "backoffSeconds": [1, 5],
        "maxReceiveCount": 4,
        "deadLetter": {"retentionSeconds": 7200},
        "subscriptions": [],
    }
    file = tmp_path / "messaging.json"
    file.write_text(json.dumps({"topics": {"t": {}}, "queues": {"q": queue | change}}))
    with pytest.raises(TopologyUnreadable) as caught:
        Topology.load(file)
    assert told in str(caught.value)
    assert str(file) in str(caught.value)


@pytest.mark.parametrize("content", [None, "", "{", "[]"])
def test_what_is_no_topology_is_told(tmp_path: Path, content: str | None) -> None:
    file = tmp_path / "messaging.json"
    if content is not None:
        file.write_text(content)
    with pytest.raises(TopologyUnreadable):
        Topology.load(file)


async def test_what_was_made_does_not_differ_and_is_not_made_twice(aws: Aws) -> None:
    assert await verify(TOPOLOGY, aws) == []
    generation = await aws.topic("events").generation()
    await create(TOPOLOGY, aws)
    assert await verify(TOPOLOGY, aws) == []
    assert await aws.topic("events").generation() == generation
    subscribed = await aws.sns.list_subscriptions_by_topic(TopicArn=aws.topic_arn("events"))
    assert len(subscribed["Subscriptions"]) == 3


async def test_what_is_missing_is_told(clients: Aws) -> None:
    settings = clients.settings.model_copy(update={"prefix": "nothing-here-"})
    drifts = await verify(TOPOLOGY, Aws(settings, clients.clients, clients.sns))
    assert {(drift.resource, drift.actual) for drift in drifts} == {
        ("events", "missing"),
        ("work", "missing"), ("strict", "missing"), ("raw", "missing"), ("ordered.fifo", "missing"),
        ("ordered-events.fifo", "missing"), ("ordered-events.fifo → ordered.fifo", "missing"),
        ("events → work", "missing"), ("events → strict", "missing"), ("events → raw", "missing"),
    }  # fmt: skip


class Secretive:
    """A client that may not look at queues of held messages."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    async def get_queue_url(self, *, QueueName: str) -> Any:  # noqa: N803 - botocore's name
        if "-parked" in QueueName:
            raise ClientError({"Error": {"Code": "AccessDenied", "Message": ""}}, "GetQueueUrl")
        return await self._client.get_queue_url(QueueName=QueueName)


async def test_what_may_not_be_read_is_unknown_and_the_rest_is_compared_all_the_same(aws: Aws) -> None:
    url = await queue_url(aws, "work")
    await aws.control.set_queue_attributes(QueueUrl=url, Attributes={"VisibilityTimeout": "7"})
    secretive: Any = Secretive(aws.control)
    clients = replace(aws.clients, control=secretive)
    drifts = await verify(TOPOLOGY, Aws(aws.settings, clients, aws.sns))
    denied = {f"{name}-parked" for name in ("work", "strict", "raw")} | {"ordered-parked.fifo"}
    assert {each.resource for each in drifts if each.actual.startswith("unknown")} == denied
    assert "work VisibilityTimeout: wanted 30, is 7" in map(str, drifts)


async def test_every_difference_is_told(aws: Aws) -> None:
    url = await queue_url(aws, "work")
    redrive = {"deadLetterTargetArn": await queue_arn(aws, "raw-dlq"), "maxReceiveCount": 9}
    await aws.control.set_queue_attributes(
        QueueUrl=url, Attributes={"VisibilityTimeout": "7", "RedrivePolicy": json.dumps(redrive)}
    )
    dead = await queue_url(aws, "work-dlq")
    await aws.control.set_queue_attributes(QueueUrl=dead, Attributes={"MessageRetentionPeriod": "600"})
    subscription = await subscription_arn(aws, "events", await queue_arn(aws, "work"))
    assert subscription
    await aws.sns.set_subscription_attributes(
        SubscriptionArn=subscription, AttributeName="FilterPolicy", AttributeValue='{"eventType": ["made"]}'
    )
    await aws.sns.set_subscription_attributes(
        SubscriptionArn=subscription, AttributeName="RawMessageDelivery", AttributeValue="true"
    )
    drifts = await verify(TOPOLOGY, aws)
    assert {(drift.resource, drift.setting) for drift in drifts} == {
        ("work", "VisibilityTimeout"),
        ("work", "maxReceiveCount"),
        ("work", "deadLetterTargetArn"),
        ("work-dlq", "MessageRetentionPeriod"),
        ("events → work", "FilterPolicy"),
        ("events → work", "RawMessageDelivery"),
    }
    assert "work VisibilityTimeout: wanted 30, is 7" in map(str, drifts)


async def test_the_order_of_alternatives_in_a_filter_is_no_difference(aws: Aws) -> None:
    subscription = await subscription_arn(aws, "events", await queue_arn(aws, "work"))
    assert subscription
    await aws.sns.set_subscription_attributes(
        SubscriptionArn=subscription, AttributeName="FilterPolicy", AttributeValue='{"eventType": ["gone", "made"]}'
    )
    assert await verify(TOPOLOGY, aws) == []


async def test_a_queue_without_the_topics_right_to_send_is_told(aws: Aws) -> None:
    await aws.control.set_queue_attributes(QueueUrl=await queue_url(aws, "work"), Attributes={"Policy": ""})
    assert [(drift.resource, drift.setting) for drift in await verify(TOPOLOGY, aws)] == [("work", "Policy for events")]


async def test_the_command_line_makes_what_is_missing_and_shows_differences_as_a_diff(
    broker: BrokerAddress, aws: Aws, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", broker.access_key)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", broker.secret_key)
    file = tmp_path / "topology.json"
    file.write_text(TOPOLOGY.model_dump_json(by_alias=True))
    where = [str(file), "--endpoint-url", broker.endpoint_url, "--prefix", f"new-{aws.settings.prefix}"]
    assert await command_line(["verify", *where]) == 1
    assert "@@ work @@\n-queue: present\n+queue: missing\n" in capsys.readouterr().out
    assert await command_line(["create", *where]) == 0
    assert capsys.readouterr().out == ""
    assert await command_line(["verify", str(tmp_path / "nowhere.json")]) == 2
    assert "nowhere.json" in capsys.readouterr().err


async def command_line(given: list[str]) -> int:
    return await main.run(main.arguments(given))
