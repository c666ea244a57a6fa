"""Where brokers may differ from AWS: each point is asked of the wire, past our adapters, and told in words."""

import json
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, cast

from botocore.exceptions import ClientError

from libs.messaging.aws import Aws
from libs.messaging.building import queue_arn, queue_url
from libs.messaging.queue import Parcel
from tests.contracts.queue import only

Point = Callable[[Aws], Awaitable[str]]
FILE = Path(__file__).with_suffix(".json")
POINTS: Mapping[str, Mapping[str, str]] = MappingProxyType(json.loads(FILE.read_text()))
BROKERS = ("ministack", "fauxqs")


def expected(point: str, broker: str) -> str:
    """As AWS answers, unless the list says otherwise of this broker."""
    return POINTS[point].get(broker, POINTS[point]["aws"])


async def answers(aws: Aws) -> dict[str, str]:
    """Ask every point, each of empty queues."""
    found: dict[str, str] = {}
    for point, ask in ASKED.items():
        for queue in ("work", "work-dlq", "ordered.fifo"):
            await aws.control.purge_queue(QueueUrl=await queue_url(aws, queue))
        found[point] = await ask(aws)
    return found


async def told(call: Awaitable[Any], *, code: bool = False) -> str:
    """`taken`, or `refused` whether as a whole or by entry, with the code where it matters."""
    try:
        answer = cast("Mapping[str, Any]", await call)
    except ClientError as error:
        failed = error.response["Error"]["Code"]
    else:
        if not answer.get("Failed"):
            return "taken"
        failed = answer["Failed"][0]["Code"]
    return f"refused: {failed.removeprefix('AWS.SimpleQueueService.')}" if code else "refused"


async def sent(aws: Aws, *bodies: str, queue: str = "work", **entry: Any) -> Any:
    entries: list[Any] = [{"Id": str(n), "MessageBody": body, **entry} for n, body in enumerate(bodies)]
    return await aws.control.send_message_batch(QueueUrl=await queue_url(aws, queue), Entries=entries)


async def published(aws: Aws, *bodies: str) -> Any:
    entries: list[Any] = [{"Id": str(n), "Message": body} for n, body in enumerate(bodies)]
    return await aws.sns.publish_batch(TopicArn=aws.topic_arn("events"), PublishBatchRequestEntries=entries)


def text(count: int, value: str = "x") -> dict[str, Any]:
    return {f"a{n}": {"DataType": "String", "StringValue": value} for n in range(count)}


async def unknown_receipt(aws: Aws) -> str:
    url = await queue_url(aws, "work")
    entries: Any = [{"Id": "0", "ReceiptHandle": "never was"}]
    return await told(aws.control.delete_message_batch(QueueUrl=url, Entries=entries), code=True)


async def old_receipt(aws: Aws) -> str:
    queue = aws.queue("work")
    await queue.send([Parcel("one")])
    first = await only(queue, visibility=0)
    second = await only(queue)
    [refusal] = await queue.delete([first.receipt])
    [still] = await queue.change_visibility([(second.receipt, 0)])
    return f"{'refused' if refusal else 'taken'}, message {'gone' if still else 'kept'}"


async def move_task(aws: Aws) -> str:
    return await told(aws.control.start_message_move_task(SourceArn=await queue_arn(aws, "work-dlq")), code=True)


async def dead_letter_sources(aws: Aws) -> str:
    url = await queue_url(aws, "work-dlq")
    return await told(aws.control.list_dead_letter_source_queues(QueueUrl=url), code=True)


async def dead_letter_source_attribute(aws: Aws) -> str:
    queue = aws.queue("work")
    await queue.send([Parcel("one")])
    for _ in range(3):
        await only(queue, visibility=0)
    await queue.receive(1, wait_seconds=0, visibility_seconds=0)
    return await system_attribute(aws, "work-dlq", "DeadLetterQueueSourceArn")


async def trace_header(aws: Aws) -> str:
    header = {"DataType": "String", "StringValue": "Root=1-5759e988-bd862e3fe1be46a994272793"}
    await sent(aws, "one", MessageSystemAttributes={"AWSTraceHeader": header})
    return await system_attribute(aws, "work", "AWSTraceHeader")


async def system_attribute(aws: Aws, queue: str, name: str) -> str:
    url = await queue_url(aws, queue)
    answer = await aws.control.receive_message(QueueUrl=url, MessageSystemAttributeNames=["All"], WaitTimeSeconds=2)
    [message] = answer["Messages"]
    return "given" if name in message["Attributes"] else "missing"


async def second_purge(aws: Aws) -> str:
    url = await queue_url(aws, "work")
    await aws.control.purge_queue(QueueUrl=url)
    return await told(aws.control.purge_queue(QueueUrl=url), code=True)


async def beyond_twelve_hours(aws: Aws) -> str:
    queue = aws.queue("work")
    await queue.send([Parcel("one")])
    receipt = (await only(queue)).receipt
    entries: Any = [{"Id": "0", "ReceiptHandle": receipt, "VisibilityTimeout": 43_201}]
    url = await queue_url(aws, "work")
    return await told(aws.control.change_message_visibility_batch(QueueUrl=url, Entries=entries))


async def short_retention(aws: Aws) -> str:
    url = await queue_url(aws, "work")
    return await told(aws.control.set_queue_attributes(QueueUrl=url, Attributes={"MessageRetentionPeriod": "10"}))


async def fifo_batch(aws: Aws) -> str:
    queue = aws.queue("ordered.fifo")
    await queue.send([Parcel(f"{n}", group="A") for n in range(3)])
    return {1: "one", 3: "three"}[len(await queue.receive(10, wait_seconds=2, visibility_seconds=30))]


ASKED: Mapping[str, Point] = MappingProxyType(
    {
        "unknown-receipt": unknown_receipt,
        "old-receipt": old_receipt,
        "eleven-attributes": lambda aws: told(sent(aws, "one", MessageAttributes=text(11))),
        "empty-attribute": lambda aws: told(sent(aws, "one", MessageAttributes=text(1, ""))),
        "empty-body": lambda aws: told(sent(aws, "")),
        "control-character": lambda aws: told(sent(aws, "\x01"), code=True),
        "large-message": lambda aws: told(sent(aws, "x" * 1_048_577)),
        "large-batch": lambda aws: told(sent(aws, *["x" * 600_000] * 2)),
        "large-event": lambda aws: told(published(aws, "x" * 262_145)),
        "large-publish": lambda aws: told(published(aws, *["x" * 200_000] * 2)),
        "second-purge": second_purge,
        "move-task": move_task,
        "dead-letter-sources": dead_letter_sources,
        "dead-letter-source-attribute": dead_letter_source_attribute,
        "trace-header": trace_header,
        "beyond-twelve-hours": beyond_twelve_hours,
        "short-retention": short_retention,
        "fifo-without-group": lambda aws: told(sent(aws, "one", queue="ordered.fifo", MessageDeduplicationId="d")),
        "fifo-batch": fifo_batch,
    }
)
