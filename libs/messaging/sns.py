"""The `Topic` port over SNS."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from libs.messaging.checking import deduplication_id
from libs.messaging.faults import translated
from libs.messaging.lean import LeanSns
from libs.messaging.queue import PUBLISH_BYTES_MAX, Parcel, Refusal, is_fifo
from libs.messaging.sqs import in_calls, wire_attributes

if TYPE_CHECKING:
    from types_aiobotocore_sns import SNSClient

# `Topology.create` writes it; the relay reads it.
GENERATION = "generation"


class SnsTopic:
    """One topic."""

    def __init__(self, client: "SNSClient", name: str, arn: str, lean: LeanSns | None = None) -> None:
        self._client = client
        self._lean = lean
        self._name = name
        self.arn = arn

    @property
    def name(self) -> str:
        """The topic's id in the topology."""
        return self._name

    async def publish(self, parcels: Sequence[Parcel]) -> list[Refusal | None]:
        """See `Topic`."""
        fifo = is_fifo(self._name)

        async def call(places: Sequence[int]) -> Mapping[str, Any]:
            entries: list[Any] = [_entry(place, parcels[place], fifo=fifo) for place in places]
            with translated(self._name):
                if self._lean is not None:
                    return await self._lean.publish_batch(self.arn, entries)
                return await self._client.publish_batch(TopicArn=self.arn, PublishBatchRequestEntries=entries)

        return await in_calls(parcels, call, bytes_max=PUBLISH_BYTES_MAX, fifo=fifo)

    async def generation(self) -> str | None:
        """See `Topic`."""
        with translated(self._name):
            answer = await self._client.list_tags_for_resource(ResourceArn=self.arn)
        return next((tag["Value"] for tag in answer.get("Tags", []) if tag["Key"] == GENERATION), None)


def _entry(place: int, parcel: Parcel, *, fifo: bool) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "Id": str(place),
        "Message": parcel.body,
        "MessageAttributes": wire_attributes(parcel.attributes),
    }
    if fifo:
        entry["MessageDeduplicationId"] = deduplication_id(parcel)
    if parcel.group:
        entry["MessageGroupId"] = parcel.group
    return entry
