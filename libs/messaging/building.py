"""Makes a topology's topics, queues and subscriptions, where that is ours to do; what is there is left alone."""

import json
from collections.abc import Callable
from typing import Any
from uuid import uuid4

from libs.messaging.aws import Aws
from libs.messaging.faults import translated
from libs.messaging.parking import RETENTION_SECONDS
from libs.messaging.queue import QueueGone, is_fifo
from libs.messaging.sns import GENERATION
from libs.messaging.sqs import dead_letter_of, parked_of
from libs.messaging.topology import QueuePlan, SubscriptionPlan, Topology

Generation = Callable[[], str]


def _generation() -> str:
    return uuid4().hex


async def create(topology: Topology, aws: Aws, new_generation: Generation = _generation) -> None:
    """Create what is missing: topics, dead-letter queues, queues with their policies, subscriptions.

    A topic carries a mark of its making, so that relays notice when a broker that forgot was filled anew; it is made
    last of all, as whoever sees the mark publishes at once.
    """
    for name, plan in topology.queues.items():
        await _create_queue(topology, aws, name, plan)
    for name in topology.topics:
        fresh = await _create_topic(aws, name)
        for queue, plan in topology.queues.items():
            for subscription in plan.subscriptions:
                if subscription.topic == name:
                    await _subscribe(aws, queue, subscription)
        if fresh or await aws.topic(name).generation() is None:
            with translated(name):
                await aws.sns.tag_resource(
                    ResourceArn=aws.topic_arn(name), Tags=[{"Key": GENERATION, "Value": new_generation()}]
                )


async def _create_topic(aws: Aws, name: str) -> bool:
    """Create it; tell whether it was missing."""
    try:
        with translated(name):
            await aws.sns.get_topic_attributes(TopicArn=aws.topic_arn(name))
    except QueueGone:
        with translated(name):
            attributes = {"FifoTopic": "true"} if is_fifo(name) else {}
            await aws.sns.create_topic(Name=aws.real_name(name), Attributes=attributes)
        return True
    return False


async def _create_queue(topology: Topology, aws: Aws, name: str, plan: QueuePlan) -> None:
    dead = dead_letter_of(name)
    retention = {"MessageRetentionPeriod": str(plan.dead_letter.retention_seconds)}
    await _ensure_queue(aws, dead, fifo_queue(name) | retention)
    await _ensure_queue(aws, parked_of(name), fifo_queue(name) | {"MessageRetentionPeriod": str(RETENTION_SECONDS)})
    wanted = fifo_queue(name) | {
        "VisibilityTimeout": str(plan.visibility_seconds),
        "MessageRetentionPeriod": str(plan.retention_seconds),
        "RedrivePolicy": json.dumps(
            {"deadLetterTargetArn": await queue_arn(aws, dead), "maxReceiveCount": plan.max_receive_count}
        ),
    }
    await _ensure_queue(aws, name, wanted)
    topics = sorted({aws.topic_arn(each.topic) for each in plan.subscriptions if each.topic in topology.topics})
    if topics:
        url = await queue_url(aws, name)
        policy = access_policy(await queue_arn(aws, name), topics)
        with translated(name):
            await aws.control.set_queue_attributes(QueueUrl=url, Attributes={"Policy": json.dumps(policy)})


async def _ensure_queue(aws: Aws, name: str, attributes: Any) -> None:
    try:
        await queue_url(aws, name)
    except QueueGone:
        with translated(name):
            await aws.control.create_queue(QueueName=aws.real_name(name), Attributes=attributes)


async def _subscribe(aws: Aws, queue: str, plan: SubscriptionPlan) -> None:
    arn = await queue_arn(aws, queue)
    if await subscription_arn(aws, plan.topic, arn) is not None:
        return
    attributes = {"RawMessageDelivery": json.dumps(plan.raw)}
    if plan.filter:
        attributes["FilterPolicy"] = json.dumps(dict(plan.filter))
    with translated(plan.topic):
        await aws.sns.subscribe(TopicArn=aws.topic_arn(plan.topic), Protocol="sqs", Endpoint=arn, Attributes=attributes)


def fifo_queue(name: str) -> dict[str, str]:
    """Return what makes a queue a FIFO one; a standard one has no such attribute, not even as false."""
    return {"FifoQueue": "true"} if is_fifo(name) else {}


def access_policy(queue: str, topics: list[str]) -> dict[str, Any]:
    """Let these topics, and no other, send to the queue."""
    return {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"Service": "sns.amazonaws.com"},
                "Action": "sqs:SendMessage",
                "Resource": queue,
                "Condition": {"ArnEquals": {"aws:SourceArn": topics}},
            }
        ],
    }


async def queue_url(aws: Aws, name: str) -> str:
    """Find a queue. Raises QueueGone."""
    with translated(name):
        return (await aws.control.get_queue_url(QueueName=aws.real_name(name)))["QueueUrl"]


async def queue_arn(aws: Aws, name: str) -> str:
    """Return a queue's ARN. Raises QueueGone."""
    url = await queue_url(aws, name)
    with translated(name):
        answer = await aws.control.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
    return answer["Attributes"]["QueueArn"]


async def subscription_arn(aws: Aws, topic: str, queue: str) -> str | None:
    """Find the subscription of a queue (by ARN) to a topic. Raises QueueGone."""
    with translated(topic):
        pages = aws.sns.get_paginator("list_subscriptions_by_topic").paginate(TopicArn=aws.topic_arn(topic))
        async for page in pages:
            for each in page.get("Subscriptions", []):
                if each.get("Endpoint") == queue:
                    return each["SubscriptionArn"]
    return None
