"""The `Topic` port over SNS."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from libs.messaging.faults import translated
from libs.messaging.queue import Parcel, Refusal
from libs.messaging.sqs import refusals, wire_attributes

if TYPE_CHECKING:
    from types_aiobotocore_sns import SNSClient

# `Topology.create` writes it; the relay reads it.
GENERATION = "generation"


class SnsTopic:
    """One topic."""

    def __init__(self, client: "SNSClient", name: str, arn: str) -> None:
        self._client = client
        self._name = name
        self.arn = arn

    @property
    def name(self) -> str:
        """The topic's id in the topology."""
        return self._name

    async def publish(self, parcels: Sequence[Parcel]) -> list[Refusal | None]:
        """See `Topic`."""
        entries: list[Any] = [_entry(place, parcel) for place, parcel in enumerate(parcels)]
        with translated(self._name):
            answer = await self._client.publish_batch(TopicArn=self.arn, PublishBatchRequestEntries=entries)
        return refusals(len(parcels), answer)

    async def generation(self) -> str | None:
        """See `Topic`."""
        with translated(self._name):
            answer = await self._client.list_tags_for_resource(ResourceArn=self.arn)
        return next((tag["Value"] for tag in answer.get("Tags", []) if tag["Key"] == GENERATION), None)


def _entry(place: int, parcel: Parcel) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "Id": str(place),
        "Message": parcel.body,
        "MessageAttributes": wire_attributes(parcel.attributes),
    }
    if parcel.group:
        entry["MessageGroupId"] = parcel.group
    return entry
