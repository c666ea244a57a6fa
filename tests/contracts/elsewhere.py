"""Asks a broker that somebody else started, AWS itself among them, to keep the contracts; not part of any other run.

`BROKER_ENDPOINT=http://127.0.0.1:4566 .venv/bin/pytest tests/contracts/elsewhere.py`, with `-k Moves` for what the
brokers here cannot do. Without an endpoint it is AWS in eu-west-2, by the keys in the environment; queues named
`elsewhere-…` are made there and left.
"""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count
from secrets import token_hex

import pytest

from libs.messaging.aws import Aws, AwsSettings, connect
from libs.messaging.building import create
from libs.messaging.topology import Topology
from tests.contracts.moves import MovesContract, Pause
from tests.contracts.queue import TOPOLOGY, QueueContract

RUN, NUMBERS = token_hex(3), count(1)


# Some brokers know queues only.
QUEUES = Topology(
    topics={},
    queues={name: plan.model_copy(update={"subscriptions": ()}) for name, plan in TOPOLOGY.queues.items()},
)


@asynccontextmanager
async def made(topology: Topology) -> AsyncIterator[Aws]:
    """A topology under names of its own."""
    endpoint = os.environ.get("BROKER_ENDPOINT")  # noqa: TID251 - whoever runs this says where
    given = {"endpoint_url": endpoint, "access_key": "local", "secret_key": "local-only"} if endpoint else {}
    settings = AwsSettings.model_validate({**given, "prefix": f"elsewhere-{RUN}-{next(NUMBERS)}-"})
    async with connect(settings) as aws:
        await create(topology, aws)
        yield aws


class TestQueuesElsewhere(QueueContract):
    """All that the workers rely on."""

    @pytest.fixture
    async def messaging(self) -> AsyncIterator[Aws]:
        async with made(TOPOLOGY) as aws:
            yield aws


class TestMovesElsewhere(MovesContract):
    """What only some brokers can do."""

    @pytest.fixture
    async def messaging(self) -> AsyncIterator[Aws]:
        async with made(QUEUES) as aws:
            yield aws

    @pytest.fixture
    def pause(self) -> Pause:
        return lambda: asyncio.sleep(1)
