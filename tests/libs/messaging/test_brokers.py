"""The same promises from the broker in memory and from a real one."""

import pytest

from libs.messaging.aws import Aws
from libs.messaging.memory import MemoryBroker
from tests.contracts.queue import TOPOLOGY, QueueContract


class TestMemory(QueueContract):
    @pytest.fixture
    def messaging(self) -> MemoryBroker:
        return MemoryBroker(TOPOLOGY)


class TestMinistack(QueueContract):
    @pytest.fixture
    def messaging(self, aws: Aws) -> Aws:
        return aws
