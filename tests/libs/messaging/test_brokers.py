"""The same promises from the broker in memory and from two real ones; where a real one differs from AWS is listed."""

import asyncio

import pytest

from libs.messaging.aws import Aws
from libs.messaging.memory import MemoryBroker
from libs.messaging.queue import MovesMissing
from tests.conftest import ROOT
from tests.contracts.broker_points import ASKED, BROKERS, POINTS, answers, expected
from tests.contracts.moves import MovesContract, Pause
from tests.contracts.queue import TOPOLOGY, QueueContract

# aiohttp would rather have large bodies as files; these are large on purpose.
LARGE = pytest.mark.filterwarnings("ignore:Sending a large body:ResourceWarning")


class TestMemory(QueueContract):
    @pytest.fixture
    def messaging(self) -> MemoryBroker:
        return MemoryBroker(TOPOLOGY)


class TestMemoryMoves(MovesContract):
    @pytest.fixture
    def messaging(self) -> MemoryBroker:
        return MemoryBroker(TOPOLOGY, moves=True)

    @pytest.fixture
    def pause(self) -> Pause:
        return lambda: asyncio.sleep(0.1)


class TestMinistack(QueueContract):
    @pytest.fixture
    def messaging(self, aws: Aws) -> Aws:
        return aws


class TestFauxqs(QueueContract):
    @pytest.fixture
    def messaging(self, fauxqs_aws: Aws) -> Aws:
        return fauxqs_aws


@LARGE
async def test_ministack_does_as_aws_does_or_as_the_list_says(aws: Aws) -> None:
    assert await answers(aws) == {point: expected(point, "ministack") for point in POINTS}


@LARGE
async def test_fauxqs_does_as_aws_does_or_as_the_list_says(fauxqs_aws: Aws) -> None:
    assert await answers(fauxqs_aws) == {point: expected(point, "fauxqs") for point in POINTS}


async def test_a_broker_that_sends_no_dead_letters_back_says_so(aws: Aws, fauxqs_aws: Aws) -> None:
    for queue in (aws.queue("work"), fauxqs_aws.queue("work"), MemoryBroker(TOPOLOGY).queue("work")):
        for ask in (queue.start_return(1), queue.latest_return(), queue.cancel_return()):
            with pytest.raises(MovesMissing):
                await ask


def test_every_listed_point_is_asked() -> None:
    assert set(ASKED) == set(POINTS)


def test_the_page_on_brokers_has_the_list() -> None:
    page = (ROOT / "docs" / "brokers.md").read_text()
    rows = [
        f"| {point['question']} | {point['aws']} | " + " | ".join(point.get(each, "as AWS") for each in BROKERS) + " |"
        for point in POINTS.values()
    ]
    assert "\n".join(rows) in page
