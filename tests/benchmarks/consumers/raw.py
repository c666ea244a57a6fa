"""The limit: aiobotocore, receive ten, delete ten, nothing else. Concurrency is the number of such loops."""

import asyncio
from typing import Any

from aiobotocore.config import AioConfig
from aiobotocore.session import get_session

from tests.benchmarks.consumers.counting import Clock, Task


async def main() -> None:
    """Take all there is."""
    task = Task.given()
    clock = Clock(task.count)
    config = AioConfig(max_pool_connections=50, parameter_validation=False)
    async with get_session().create_client("sqs", config=config, **task.client) as client:
        url = (await client.get_queue_url(QueueName=task.queue))["QueueUrl"]
        loops = [asyncio.create_task(take(client, url, clock)) for _ in range(task.concurrency)]
        await clock.over.wait()
        for each in loops:
            each.cancel()
        await asyncio.wait(loops)
    clock.tell()


async def take(client: Any, url: str, clock: Clock) -> None:
    """Receive and delete for ever. The attributes asked for are those that a consumer needs."""
    while True:
        answer = await client.receive_message(
            QueueUrl=url,
            MaxNumberOfMessages=10,
            WaitTimeSeconds=5,
            MessageAttributeNames=["All"],
            MessageSystemAttributeNames=[
                "ApproximateReceiveCount",
                "SentTimestamp",
                "MessageGroupId",
                "SequenceNumber",
            ],
        )
        if not (messages := answer.get("Messages")):
            continue
        clock.begin()
        entries = [{"Id": str(n), "ReceiptHandle": each["ReceiptHandle"]} for n, each in enumerate(messages)]
        deleted = await client.delete_message_batch(QueueUrl=url, Entries=entries)
        clock.add(len(deleted["Successful"]))


if __name__ == "__main__":
    asyncio.run(main())
