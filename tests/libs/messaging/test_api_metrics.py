"""Every call to the broker is counted, whichever way it goes."""

from dataclasses import replace

import aiohttp
import pytest
from prometheus_client import CollectorRegistry

from libs.messaging.aws import connect
from libs.messaging.building import create
from libs.messaging.queue import BrokerUnavailable, Parcel, QueueGone
from tests.conftest import NOBODY, BrokerAddress, aws_settings
from tests.contracts.queue import TOPOLOGY


def calls(registry: CollectorRegistry, operation: str, code: str = "ok") -> float | None:
    return registry.get_sample_value("messaging_api_requests_total", {"operation": operation, "code": code})


def timed(registry: CollectorRegistry, operation: str) -> float | None:
    return registry.get_sample_value("messaging_api_seconds_count", {"operation": operation})


@pytest.mark.parametrize("lean", [True, False])
async def test_calls_are_counted_by_operation_and_answer(broker: BrokerAddress, *, lean: bool) -> None:
    registry = CollectorRegistry()
    settings = aws_settings(broker).model_copy(update={"prefix": f"counted-{lean}-", "lean_calls": lean})
    async with connect(settings) as uncounted:
        await create(TOPOLOGY, uncounted)
    async with connect(settings, registry) as aws:
        queue = aws.queue("work")
        await queue.send([Parcel("{}")])
        [delivery] = await queue.receive(1, wait_seconds=1, visibility_seconds=30)
        await queue.receive(1, wait_seconds=0, visibility_seconds=30)
        await queue.change_visibility([(delivery.receipt, 30)])
        await queue.delete([delivery.receipt])
        await aws.topic("events").publish([Parcel("{}", {"eventType": "made"})])
        with pytest.raises(QueueGone):
            await aws.queue("nowhere").depth()
    wanted = {
        "GetQueueUrl": 1,
        "SendMessageBatch": 1,
        "ReceiveMessage": 2,
        "ChangeMessageVisibilityBatch": 1,
        "DeleteMessageBatch": 1,
        "PublishBatch": 1,
    }
    assert {operation: calls(registry, operation) for operation in wanted} == wanted
    assert timed(registry, "ReceiveMessage") == 2
    assert calls(registry, "GetQueueUrl", "AWS.SimpleQueueService.NonExistentQueue") == 1


async def test_a_call_without_an_answer_is_counted_too(broker: BrokerAddress) -> None:
    registry = CollectorRegistry()
    nobody = replace(broker, endpoint_url=NOBODY)
    settings = aws_settings(nobody).model_copy(update={"control_retries": 0})
    async with connect(settings, registry) as aws:
        with pytest.raises(BrokerUnavailable):
            await aws.queue("work").depth()
        assert aws.clients.lean_control
        with pytest.raises(aiohttp.ClientConnectorError):
            await aws.clients.lean_control.call("DeleteMessageBatch", {})
    assert calls(registry, "GetQueueUrl", "EndpointConnectionError") == 1
    assert calls(registry, "DeleteMessageBatch", "ClientConnectorError") == 1
