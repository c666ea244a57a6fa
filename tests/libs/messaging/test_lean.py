"""What we send and read without botocore is what botocore would have sent and read."""

import asyncio
from collections.abc import Mapping
from typing import cast

import pytest

from libs.messaging.aws import Aws
from libs.messaging.aws import connect as connect_broker
from libs.messaging.lean import LeanSns, Line
from libs.messaging.queue import Delivery, Parcel, QueueGone, Refusal
from libs.messaging.sqs import refusals

ODD = 'a=b&c +% é "x" \n<y/>'
ANSWER = b"""<PublishBatchResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/"><PublishBatchResult>
<Successful><member><Id>1</Id><MessageId>m</MessageId></member></Successful>
<Failed><member><Id>0</Id><Code>InvalidParameter</Code><SenderFault>true</SenderFault></member>
<member><Id>2</Id><Code>InternalError</Code><SenderFault>false</SenderFault></member></Failed>
</PublishBatchResult></PublishBatchResponse>"""


class Says:
    """A line on which somebody always says the same."""

    def __init__(self, told: bytes) -> None:
        self._told = told

    async def call(self, service: str, action: str, headers: Mapping[str, str], content: bytes) -> bytes:
        assert (service, action, bool(headers), content[:19]) == ("sns", "PublishBatch", True, b"Action=PublishBatch")
        return self._told


async def published(told: bytes) -> list[Refusal | None]:
    return refusals(3, await LeanSns(cast("Line", Says(told))).publish_batch("arn:aws:sns:x:0:t", []))


@pytest.mark.parametrize("lean", [True, False])
async def test_whatever_is_published_arrives_as_it_was(fauxqs_aws: Aws, *, lean: bool) -> None:
    settings = fauxqs_aws.settings.model_copy(update={"lean_calls": lean})
    async with connect_broker(settings) as broker:
        parcels = [Parcel(f"{ODD}{number}", {"eventType": "made", "note": ODD}, group="K-1") for number in range(2)]
        assert await broker.topic("events").publish(parcels) == [None, None]
        found: list[Delivery] = []
        async with asyncio.timeout(60):
            while len(found) < len(parcels):
                found += await broker.queue("raw").receive(10, wait_seconds=5, visibility_seconds=30)
    assert {each.body for each in found} == {parcel.body for parcel in parcels}
    assert [each.attributes for each in found] == [dict(parcel.attributes) for parcel in parcels]


@pytest.mark.parametrize("lean", [True, False])
async def test_a_topic_that_is_gone_is_told_apart(fauxqs_aws: Aws, *, lean: bool) -> None:
    async with connect_broker(fauxqs_aws.settings.model_copy(update={"lean_calls": lean})) as broker:
        with pytest.raises(QueueGone):
            await broker.topic("nowhere").publish([Parcel("one")])


async def test_each_entry_ends_as_the_broker_says_of_it() -> None:
    assert await published(ANSWER) == [
        Refusal("InvalidParameter", ours=True),
        None,
        Refusal("InternalError", ours=False),
    ]


@pytest.mark.parametrize("told", [b"", b"<html>", b"<PublishBatchResponse/>"])
async def test_an_answer_that_says_nothing_of_an_entry_proves_nothing(told: bytes) -> None:
    assert await published(told) == [Refusal("NotAnswered", ours=False)] * 3
