"""The `Queue` port over SQS: two clients, so that long polls never hold up deletes and heartbeats."""

import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from libs.messaging import moves
from libs.messaging.batching import packed
from libs.messaging.checking import deduplication_id, fault_of
from libs.messaging.faults import translated
from libs.messaging.lean import LeanSqs
from libs.messaging.queue import FIFO, MESSAGE_BYTES_MAX, Delivery, Depth, Move, Parcel, Refusal, is_fifo, size_of

if TYPE_CHECKING:
    from types_aiobotocore_sqs import SQSClient
    from types_aiobotocore_sqs.literals import MessageSystemAttributeNameType

DEAD_LETTER = "-dlq"
PARKED = "-parked"
ASKED: "tuple[MessageSystemAttributeNameType, ...]" = (
    "ApproximateReceiveCount",
    "SentTimestamp",
    "MessageGroupId",
    "SequenceNumber",
)


def dead_letter_of(name: str) -> str:
    """Name the dead-letter queue of a queue; that of a FIFO queue is one too."""
    return _beside(name, DEAD_LETTER)


def parked_of(name: str) -> str:
    """Name the queue on which held messages of a queue are put aside."""
    return _beside(name, PARKED)


def _beside(name: str, suffix: str) -> str:
    return name.removesuffix(FIFO) + suffix + FIFO if is_fifo(name) else name + suffix


@dataclass(frozen=True, slots=True)
class Clients:
    """Two ways to SQS with connections of their own, so that long polls never take those that deletes need.

    The lean ones make the calls that a consumer repeats all day; without them the others do.
    """

    polling: "SQSClient"
    control: "SQSClient"
    lean_polling: LeanSqs | None = None
    lean_control: LeanSqs | None = None


class SqsQueue:
    """One queue and its dead-letter queue, found by name at first use."""

    def __init__(self, clients: "Clients", name: str, real_name: str, real_dead: str) -> None:
        self._polling = clients.polling
        self._control = clients.control
        self._lean_polling = clients.lean_polling
        self._lean_control = clients.lean_control
        self._name = name
        self._real_name = real_name
        self._real_dead = real_dead
        self._urls: dict[str, str] = {}
        self._arn = ""

    @property
    def name(self) -> str:
        """The queue's id in the topology."""
        return self._name

    async def receive(self, count: int, *, wait_seconds: float, visibility_seconds: int) -> list[Delivery]:
        """See `Queue`."""
        url = await self._url(self._real_name)
        parameters: Any = {
            "QueueUrl": url,
            "MaxNumberOfMessages": count,
            "WaitTimeSeconds": int(wait_seconds),
            "VisibilityTimeout": visibility_seconds,
            "MessageAttributeNames": ["All"],
            "MessageSystemAttributeNames": ASKED,
        }
        with translated(self._name):
            if self._lean_polling:
                answer: Mapping[str, Any] = await self._lean_polling.call("ReceiveMessage", parameters)
            else:
                answer = await self._polling.receive_message(**parameters)
        return [_delivery(message) for message in answer.get("Messages", [])]

    async def delete(self, receipts: Sequence[str]) -> list[Refusal | None]:
        """See `Queue`."""
        url = await self._url(self._real_name)
        entries = [{"Id": str(place), "ReceiptHandle": receipt} for place, receipt in enumerate(receipts)]
        parameters: Any = {"QueueUrl": url, "Entries": entries}
        with translated(self._name):
            if self._lean_control:
                answer: Mapping[str, Any] = await self._lean_control.call("DeleteMessageBatch", parameters)
            else:
                answer = await self._control.delete_message_batch(**parameters)
        return refusals(len(receipts), answer)

    async def change_visibility(self, seconds_by_receipt: Sequence[tuple[str, int]]) -> list[Refusal | None]:
        """See `Queue`."""
        url = await self._url(self._real_name)
        entries = [
            {"Id": str(place), "ReceiptHandle": receipt, "VisibilityTimeout": seconds}
            for place, (receipt, seconds) in enumerate(seconds_by_receipt)
        ]
        parameters: Any = {"QueueUrl": url, "Entries": entries}
        with translated(self._name):
            if self._lean_control:
                answer: Mapping[str, Any] = await self._lean_control.call("ChangeMessageVisibilityBatch", parameters)
            else:
                answer = await self._control.change_message_visibility_batch(**parameters)
        return refusals(len(seconds_by_receipt), answer)

    async def send(self, parcels: Sequence[Parcel]) -> list[Refusal | None]:
        """See `Queue`."""
        return await self._send(self._real_name, parcels)

    async def send_dead(self, parcels: Sequence[Parcel]) -> list[Refusal | None]:
        """See `Queue`."""
        return await self._send(self._real_dead, parcels)

    async def depth(self) -> Depth:
        """See `Queue`."""
        found = await self._attributes()
        return Depth(
            visible=int(found["ApproximateNumberOfMessages"]),
            in_flight=int(found["ApproximateNumberOfMessagesNotVisible"]),
            delayed=int(found["ApproximateNumberOfMessagesDelayed"]),
        )

    async def max_receives(self) -> int | None:
        """See `Queue`."""
        policy = (await self._attributes()).get("RedrivePolicy")
        return int(json.loads(policy)["maxReceiveCount"]) if policy else None

    async def made_at(self) -> str | None:
        """Tell one making of this queue from another; None where the broker does not say."""
        return (await self._attributes()).get("CreatedTimestamp")

    async def purge(self) -> None:
        """See `Queue`."""
        url = await self._url(self._real_name)
        with translated(self._name):
            await self._control.purge_queue(QueueUrl=url)

    async def start_return(self, per_second: int) -> str:
        """See `Returning`."""
        home, dead = await self._arns()
        return await moves.start(self._control, self._name, dead, home, per_second)

    async def latest_return(self) -> Move | None:
        """See `Returning`."""
        _, dead = await self._arns()
        return await moves.latest(self._control, self._name, dead)

    async def cancel_return(self) -> bool:
        """See `Returning`."""
        _, dead = await self._arns()
        return await moves.cancel(self._control, self._name, dead)

    async def tags(self) -> Mapping[str, str]:
        """See `Tagged`."""
        url = await self._url(self._real_name)
        with translated(self._name):
            return (await self._control.list_queue_tags(QueueUrl=url)).get("Tags", {})

    async def tag(self, name: str, value: str) -> None:
        """See `Tagged`."""
        url = await self._url(self._real_name)
        with translated(self._name):
            await self._control.tag_queue(QueueUrl=url, Tags={name: value})

    async def untag(self, name: str) -> None:
        """See `Tagged`."""
        url = await self._url(self._real_name)
        with translated(self._name):
            await self._control.untag_queue(QueueUrl=url, TagKeys=[name])

    async def _send(self, real_name: str, parcels: Sequence[Parcel]) -> list[Refusal | None]:
        url, fifo = await self._url(real_name), is_fifo(self._name)

        async def call(places: Sequence[int]) -> Mapping[str, Any]:
            entries: list[Any] = [_entry(place, parcels[place], fifo=fifo) for place in places]
            with translated(self._name):
                return await self._control.send_message_batch(QueueUrl=url, Entries=entries)

        return await in_calls(parcels, call, bytes_max=MESSAGE_BYTES_MAX, fifo=fifo)

    async def _attributes(self) -> Mapping[str, str]:
        url = await self._url(self._real_name)
        with translated(self._name):
            answer = await self._control.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])
        return {str(name): value for name, value in answer.get("Attributes", {}).items()}

    async def _arns(self) -> tuple[str, str]:
        """Return the queue's and its dead-letter queue's, which are of one account and region."""
        if not self._arn:
            self._arn = (await self._attributes())["QueueArn"]
        return self._arn, f"{self._arn.rpartition(':')[0]}:{self._real_dead}"

    async def _url(self, real_name: str) -> str:
        if real_name not in self._urls:
            with translated(self._name):
                self._urls[real_name] = (await self._control.get_queue_url(QueueName=real_name))["QueueUrl"]
        return self._urls[real_name]


def wire_attributes(attributes: Mapping[str, str]) -> dict[str, Any]:
    """Write attributes as SQS and SNS calls carry them."""
    return {name: {"DataType": "String", "StringValue": value} for name, value in attributes.items()}


def refusals(count: int, answer: Mapping[str, Any]) -> list[Refusal | None]:
    """Read a batch's answer entry by entry. One that is in neither list counts as failed: HTTP 200 proves nothing."""
    outcomes: list[Refusal | None] = [Refusal("NotAnswered", ours=False)] * count
    for good in answer.get("Successful", ()):
        outcomes[int(good["Id"])] = None
    for bad in answer.get("Failed", ()):
        outcomes[int(bad["Id"])] = Refusal(str(bad.get("Code", "unknown")), ours=bool(bad.get("SenderFault")))
    return outcomes


async def in_calls(
    parcels: Sequence[Parcel],
    call: Callable[[Sequence[int]], Awaitable[Mapping[str, Any]]],
    *,
    bytes_max: int,
    fifo: bool,
) -> list[Refusal | None]:
    """Send what a broker could take, in calls that it could take, by places; the rest is refused here."""
    outcomes = [fault_of(parcel, bytes_max, fifo=fifo) for parcel in parcels]
    good = [place for place, fault in enumerate(outcomes) if fault is None]
    sizes = [size_of(parcel.body, parcel.attributes) for parcel in parcels]
    for batch in packed(good, size=sizes.__getitem__, size_max=bytes_max):
        answered = refusals(len(parcels), await call(batch))
        for place in batch:
            outcomes[place] = answered[place]
    return outcomes


def _entry(place: int, parcel: Parcel, *, fifo: bool) -> dict[str, Any]:
    entry: dict[str, Any] = {"Id": str(place), "MessageBody": parcel.body}
    if fifo:
        entry["MessageDeduplicationId"] = deduplication_id(parcel)
    if parcel.attributes:
        entry["MessageAttributes"] = wire_attributes(parcel.attributes)
    if parcel.group:
        entry["MessageGroupId"] = parcel.group
    if parcel.delay_seconds:
        entry["DelaySeconds"] = parcel.delay_seconds
    return entry


def _delivery(message: Mapping[str, Any]) -> Delivery:
    system = message.get("Attributes", {})
    return Delivery(
        receipt=message["ReceiptHandle"],
        message_id=message["MessageId"],
        body=message.get("Body", ""),
        attributes={
            name: value["StringValue"]
            for name, value in message.get("MessageAttributes", {}).items()
            if "StringValue" in value
        },
        receive_count=int(system.get("ApproximateReceiveCount", "1")),
        sent_at=datetime.fromtimestamp(int(system.get("SentTimestamp", "0")) / 1000, UTC),
        group=system.get("MessageGroupId"),
        sequence=system.get("SequenceNumber"),
    )
