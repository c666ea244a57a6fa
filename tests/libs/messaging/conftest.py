"""Queues and topics of a test's own, on the session's real broker."""

from collections.abc import AsyncIterator
from itertools import count

import pytest

from libs.messaging.aws import Aws, AwsSettings, connect
from libs.messaging.building import create
from tests.conftest import BrokerAddress
from tests.contracts.queue import TOPOLOGY

NAMESPACES = count(1)


@pytest.fixture(scope="session")
async def clients(broker: BrokerAddress) -> AsyncIterator[Aws]:
    """One set of clients for the session: making them costs more than what the tests do with them."""
    async with connect(aws_settings(broker)) as aws:
        yield aws


@pytest.fixture
async def aws(clients: Aws) -> Aws:
    """The contract's topology under names of this test's own."""
    return await namespaced(clients)


@pytest.fixture(scope="session")
async def fauxqs_clients(fauxqs: BrokerAddress) -> AsyncIterator[Aws]:
    """The same for the second broker."""
    async with connect(aws_settings(fauxqs)) as aws:
        yield aws


@pytest.fixture
async def fauxqs_aws(fauxqs_clients: Aws) -> Aws:
    """The contract's topology on the second broker."""
    return await namespaced(fauxqs_clients)


async def namespaced(clients: Aws) -> Aws:
    settings = clients.settings.model_copy(update={"prefix": f"t{next(NAMESPACES)}-"})
    aws = Aws(settings, clients.clients, clients.sns)
    await create(TOPOLOGY, aws)
    return aws


def aws_settings(broker: BrokerAddress) -> AwsSettings:
    return AwsSettings.model_validate(
        {
            "endpoint_url": broker.endpoint_url,
            "region": broker.region,
            "access_key": broker.access_key,
            "secret_key": broker.secret_key,
        }
    )
