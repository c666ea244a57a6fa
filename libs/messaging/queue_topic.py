"""Lets a relay send to a queue: the `Topic` port over SQS."""

from collections.abc import Sequence

from libs.messaging.queue import Parcel, Refusal
from libs.messaging.sqs import SqsQueue


class QueueTopic:
    """A queue that is published to, as the audit queue is; what a relay hands over has one reader."""

    def __init__(self, queue: SqsQueue) -> None:
        self._queue = queue

    @property
    def name(self) -> str:
        """The queue's id in the topology."""
        return self._queue.name

    async def publish(self, parcels: Sequence[Parcel]) -> list[Refusal | None]:
        """See `Topic`."""
        return await self._queue.send(parcels)

    async def generation(self) -> str | None:
        """See `Topic`: when it was made, which SQS keeps."""
        return await self._queue.made_at()
