"""Ours, with all that is always on: leases, heartbeat, lanes by key, traces, metrics, switches; logs off as for all."""

import asyncio
import json
from collections.abc import Sequence
from datetime import UTC, datetime

from prometheus_client import CollectorRegistry

from libs.messaging.aws import Aws, AwsSettings, connect
from libs.messaging.consumer import Consumer
from libs.messaging.limits import ConsumerLimits
from libs.messaging.message import Message
from libs.messaging.metrics import ConsumerMetrics
from libs.messaging.outcome import Done, Outcome
from libs.messaging.queue import Refusal
from libs.messaging.records import Handled
from libs.messaging.sqs import SqsQueue
from libs.messaging.switching import SwitchBoard
from libs.telemetry import logging
from tests.benchmarks.consumers.counting import Clock, Task


class Counted(SqsQueue):
    """Tells the clock of deletes that went through."""

    clock: Clock

    async def delete(self, receipts: Sequence[str]) -> list[Refusal | None]:
        """See `Queue`."""
        refusals = await super().delete(receipts)
        self.clock.add(refusals.count(None))
        return refusals


def counted(aws: Aws, name: str, clock: Clock) -> Counted:
    """Give the queue."""
    queue = Counted(aws.clients, name, name, name + "-dlq")
    queue.clock = clock
    return queue


def unlogged(_: Handled) -> None:
    """Logs are off."""


async def main() -> None:
    """Take all there is."""
    task = Task.given()
    clock, stop = Clock(task.count), asyncio.Event()
    logging.configure("bench", "WARNING")
    settings = AwsSettings.model_validate(
        {"endpoint_url": task.endpoint, "access_key": "local", "secret_key": "local-only"}
    )

    async def handle(_: Message) -> Outcome:
        clock.begin()
        if task.handler_seconds:
            await asyncio.sleep(task.handler_seconds)
        return Done()

    registry = CollectorRegistry()
    async with connect(settings, registry) as aws:
        queue = counted(aws, task.queue, clock)
        consumer = Consumer(
            queue,
            {"made": handle},
            ConsumerLimits(messages_in_flight_max=task.concurrency, wait_seconds=5),
            now=lambda: datetime.now(UTC),  # noqa: TID251 - as an app does
            key=lambda message: str(json.loads(message.body)["id"]),
            switches=SwitchBoard(queue),
            observe=unlogged,
            metrics=ConsumerMetrics(registry),
        )
        running = asyncio.create_task(consumer.run(stop))
        await clock.over.wait()
        stop.set()
        await running
    clock.tell()


if __name__ == "__main__":
    asyncio.run(main())
