"""taskiq with taskiq-aio-sqs: an asyncio task library over the same client; `make` sends one message as it would."""

import asyncio
import sys

from taskiq.receiver import Receiver
from taskiq_aio_sqs import SQSBroker

from tests.benchmarks.consumers.counting import Clock, Task


async def main() -> None:
    """Take all there is, or send one message."""
    task = Task.given()
    clock, stop = Clock(task.count), asyncio.Event()
    broker = SQSBroker(
        task.queue,
        endpoint_url=task.endpoint,
        region_name="eu-west-2",
        aws_access_key_id="local",
        aws_secret_access_key="local-only",
        wait_time_seconds=5,
        max_number_of_messages=10,
    )

    @broker.task(task_name="handle")
    async def handle(_: str) -> None:
        clock.begin()
        if task.handler_seconds:
            await asyncio.sleep(task.handler_seconds)
        clock.add()

    broker.is_worker_process = "make" not in sys.argv
    await broker.startup()
    if "make" in sys.argv:
        await handle.kiq("x" * 200)
    else:
        receiver = Receiver(broker, max_async_tasks=task.concurrency, run_startup=False)
        running = asyncio.create_task(receiver.listen(stop))
        await clock.over.wait()
        stop.set()
        # What it has in hand it still deletes.
        await asyncio.wait([running], timeout=10)
        clock.tell()
    await broker.shutdown()


if __name__ == "__main__":
    asyncio.run(main())
