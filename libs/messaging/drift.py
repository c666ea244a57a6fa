"""Compares the topology with what the broker has, and says each difference; changes nothing."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from libs.messaging.aws import Aws
from libs.messaging.building import queue_arn, queue_url, subscription_arn
from libs.messaging.faults import translated
from libs.messaging.parking import RETENTION_SECONDS
from libs.messaging.queue import BrokerUnavailable, QueueGone
from libs.messaging.sqs import dead_letter_of, parked_of
from libs.messaging.topology import QueuePlan, SubscriptionPlan, Topology

MISSING = "missing"
UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Drift:
    """One difference. `actual` is "unknown" where we may not read it: no failure, but nothing was proved."""

    resource: str
    setting: str
    wanted: str
    actual: str

    def __str__(self) -> str:
        return f"{self.resource} {self.setting}: wanted {self.wanted}, is {self.actual}"


def as_diff(drifts: Sequence[Drift], wanted: str, actual: str) -> str:
    """Lay differences out as a diff: what the file wants with a minus, what the broker has with a plus."""
    if not drifts:
        return ""
    parts = [f"--- {wanted}", f"+++ {actual}"]
    for each in drifts:
        parts += [f"@@ {each.resource} @@", f"-{each.setting}: {each.wanted}", f"+{each.setting}: {each.actual}"]
    return "\n".join(parts) + "\n"


async def verify(topology: Topology, aws: Aws) -> list[Drift]:
    """Return every difference; empty when all is as the file says. Never raises for what the broker answers."""
    drifts: list[Drift] = []
    for name in topology.topics:
        drifts += await _verify_topic(aws, name)
    for name, plan in topology.queues.items():
        drifts += await _verify_queue(aws, name, plan)
        for subscription in plan.subscriptions:
            drifts += await _verify_subscription(aws, name, subscription)
    return drifts


async def _verify_topic(aws: Aws, name: str) -> list[Drift]:
    try:
        with translated(name):
            await aws.sns.get_topic_attributes(TopicArn=aws.topic_arn(name))
    except QueueGone:
        return [Drift(name, "topic", "present", MISSING)]
    except BrokerUnavailable as error:
        return [Drift(name, "topic", "present", f"{UNKNOWN} ({error})")]
    return []


async def _verify_queue(aws: Aws, name: str, plan: QueuePlan) -> list[Drift]:
    dead = dead_letter_of(name)
    try:
        source, letters = await _attributes(aws, name), await _attributes(aws, dead)
    except QueueGone as gone:
        return [Drift(str(gone), "queue", "present", MISSING)]
    except BrokerUnavailable as error:
        return [Drift(name, "queue", "present", f"{UNKNOWN} ({error})")]
    redrive = _parsed(source.get("RedrivePolicy"))
    compared = (
        (name, "VisibilityTimeout", str(plan.visibility_seconds), source.get("VisibilityTimeout")),
        (name, "MessageRetentionPeriod", str(plan.retention_seconds), source.get("MessageRetentionPeriod")),
        (name, "maxReceiveCount", str(plan.max_receive_count), redrive.get("maxReceiveCount")),
        (name, "deadLetterTargetArn", letters.get("QueueArn", MISSING), redrive.get("deadLetterTargetArn")),
        (
            dead,
            "MessageRetentionPeriod",
            str(plan.dead_letter.retention_seconds),
            letters.get("MessageRetentionPeriod"),
        ),
    )
    differing = [
        Drift(resource, setting, wanted, MISSING if actual is None else str(actual))
        for resource, setting, wanted, actual in compared
        if str(actual) != wanted
    ]
    return [*differing, *await _parked_drift(aws, name), *_policy_drift(aws, name, plan, source.get("Policy"))]


async def _parked_drift(aws: Aws, name: str) -> list[Drift]:
    aside = parked_of(name)
    try:
        found = (await _attributes(aws, aside)).get("MessageRetentionPeriod", MISSING)
    except QueueGone:
        return [Drift(aside, "queue", "present", MISSING)]
    except BrokerUnavailable as error:
        return [Drift(aside, "queue", "present", f"{UNKNOWN} ({error})")]
    wanted = str(RETENTION_SECONDS)
    return [] if found == wanted else [Drift(aside, "MessageRetentionPeriod", wanted, found)]


def _policy_drift(aws: Aws, name: str, plan: QueuePlan, policy: str | None) -> list[Drift]:
    allowed = set(_texts(_parsed(policy)))
    topics = sorted({each.topic for each in plan.subscriptions})
    return [
        Drift(name, f"Policy for {topic}", "allowed", MISSING)
        for topic in topics
        if aws.topic_arn(topic) not in allowed
    ]


async def _verify_subscription(aws: Aws, queue: str, plan: SubscriptionPlan) -> list[Drift]:
    resource = f"{plan.topic} → {queue}"
    try:
        arn = await subscription_arn(aws, plan.topic, await queue_arn(aws, queue))
        if arn is None:
            return [Drift(resource, "subscription", "present", MISSING)]
        with translated(resource):
            found = (await aws.sns.get_subscription_attributes(SubscriptionArn=arn))["Attributes"]
    except QueueGone:
        return [Drift(resource, "subscription", "present", MISSING)]
    except BrokerUnavailable as error:
        return [Drift(resource, "subscription", "present", f"{UNKNOWN} ({error})")]
    raw = found.get("RawMessageDelivery", "false").lower()
    compared = (
        ("RawMessageDelivery", json.dumps(plan.raw), raw),
        ("FilterPolicy", _sorted(plan.filter), _sorted(_parsed(found.get("FilterPolicy")))),
    )
    return [Drift(resource, setting, wanted, actual) for setting, wanted, actual in compared if wanted != actual]


async def _attributes(aws: Aws, name: str) -> Mapping[str, str]:
    url = await queue_url(aws, name)
    with translated(name):
        answer = await aws.control.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])
    return {str(attribute): value for attribute, value in answer.get("Attributes", {}).items()}


def _parsed(text: str | None) -> dict[str, Any]:
    return dict(json.loads(text)) if text else {}


def _sorted(policy: Mapping[str, Any]) -> str:
    """One text for one meaning: values of a key are alternatives, in any order."""
    return json.dumps({key: sorted(map(json.dumps, values)) for key, values in policy.items()}, sort_keys=True)


def _texts(value: object) -> Iterator[str]:
    match value:
        case str():
            yield value
        case dict():
            for each in value.values():
                yield from _texts(each)
        case list():
            for each in value:
                yield from _texts(each)
        case _:
            return
