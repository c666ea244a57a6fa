"""Queues and topics of a test's own, on the session's real broker."""

from collections.abc import AsyncIterator

import pytest

from libs.messaging.aws import Aws, connect
from libs.messaging.building import create
from tests.conftest import BrokerAddress, aws_settings, namespaced
from tests.contracts.queue import TOPOLOGY


@pytest.fixture
async def aws(clients: Aws) -> Aws:
    """The contract's topology under names of this test's own."""
    return await laid_out(clients)


@pytest.fixture(scope="session")
async def fauxqs_clients(fauxqs: BrokerAddress) -> AsyncIterator[Aws]:
    """The same for the second broker."""
    async with connect(aws_settings(fauxqs)) as aws:
        yield aws


@pytest.fixture
async def fauxqs_aws(fauxqs_clients: Aws) -> Aws:
    """The contract's topology on the second broker."""
    return await laid_out(fauxqs_clients)


async def laid_out(clients: Aws) -> Aws:
    # By the book; `test_lean.py` has the lean calls.
    aws = namespaced(clients, lean=False)
    await create(TOPOLOGY, aws)
    return aws
