"""How fast a queue is emptied: ours beside the bare client loop and beside what people use, on the same broker.

Each contestant is a process of its own that takes everything from a queue filled beforehand, on a broker of its own
(fauxqs, the fastest we know). The clock runs from the first message handled to the last one deleted; celery and taskiq
do not tell of deletes, so theirs stops at the last one handled, which is in their favour.
"""

import asyncio
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from types import MappingProxyType

import orjson

from infra.local.broker import ACCESS_KEY, NODE_ROOM, SECRET_KEY, Broker, BrokerPlan, node
from infra.local.ports import free_port
from infra.local.settings import ROOT
from libs.messaging.aws import Aws, AwsSettings, connect
from libs.messaging.building import create
from libs.messaging.queue import Delivery, Parcel
from libs.messaging.topology import Topology
from tests.benchmarks.consumers.counting import Task
from tests.benchmarks.measuring import Benchmark, Contestant, DoesNotCount, Figures, Goal, Ratio, Round
from tests.benchmarks.processes import watched

QUEUE = "bench"
RATE = "messages/s"
COUNT = 10_000
# celery takes some hundreds a second, and what is measured is a rate.
SLOW_COUNT = 2_000
QUICK_DIVISOR = 10
PATIENCE_SECONDS = 240.0
SENDERS = 4
FILLER = "x" * 200
TOPOLOGY = Topology.model_validate_json(
    orjson.dumps(
        {
            "topics": {},
            "queues": {
                QUEUE: {
                    "visibilitySeconds": 120,
                    "retentionSeconds": 3600,
                    "backoffSeconds": [1],
                    "maxReceiveCount": 3,
                    "deadLetter": {"retentionSeconds": 7200},
                    "subscriptions": [],
                }
            },
        }
    )
)
PYTHON = (sys.executable, "-m")
RAW = (*PYTHON, "tests.benchmarks.consumers.raw")
OURS = (*PYTHON, "tests.benchmarks.consumers.ours")
TASKIQ = (*PYTHON, "tests.benchmarks.consumers.taskiq_peer")
CELERY = (*PYTHON, "tests.benchmarks.consumers.celery_peer")
SQS_CONSUMER = ("node", str(NODE_ROOM / "sqs-consumer-bench.mjs"))
# Keys for the clients of libraries that take them from nowhere else.
KEYS = MappingProxyType(
    {"AWS_ACCESS_KEY_ID": ACCESS_KEY, "AWS_SECRET_ACCESS_KEY": SECRET_KEY, "AWS_REGION": "eu-west-2"}
)


def contestant(
    command: Sequence[str], *, concurrency: int, count: int = COUNT, seconds: float = 0, makes_its_own: bool = False
) -> Contestant:
    """Make a contestant from its command; `makes_its_own`: its messages have a form that only it can write."""

    async def run(this: Round) -> Figures:
        wanted = count // QUICK_DIVISOR if this.options.quick else count
        broker = Broker(BrokerPlan(this.directory / "broker", free_port(), kind="fauxqs"))
        await broker.start()
        try:
            settings = AwsSettings.model_validate(
                {"endpoint_url": broker.endpoint, "access_key": ACCESS_KEY, "secret_key": SECRET_KEY}
            )
            async with connect(settings) as aws:
                await create(TOPOLOGY, aws)
                task = Task(broker.endpoint, QUEUE, wanted, concurrency, seconds)
                await fill(aws, wanted, await sample(aws, command, task) if makes_its_own else None)
                async with watched({"broker": broker.pid}) as watch:
                    told = await outcome(command, task)
                await check(aws, told, wanted)
        finally:
            await broker.stop()
        return {
            RATE: told["handled"] / told["seconds"],
            "CPU µs/message": told["cpu"] / told["handled"] * 1e6,
            "broker CPU µs/message": watch.cpu["broker"] / told["handled"] * 1e6,
            "MB": told["MB"],
        }

    return run


async def sample(aws: Aws, command: Sequence[str], task: Task) -> Delivery:
    """Have the library write one message, and take it off the queue to be copied."""
    await output((*command, orjson.dumps(asdict(task)).decode(), "make"))
    [written] = await aws.queue(QUEUE).receive(1, wait_seconds=5, visibility_seconds=30)
    await aws.queue(QUEUE).delete([written.receipt])
    return written


async def fill(aws: Aws, count: int, like: Delivery | None) -> None:
    """Send so many messages, each with an id of its own unless they are copies."""
    queue = aws.queue(QUEUE)

    def parcel(number: int) -> Parcel:
        if like is not None:
            return Parcel(like.body, like.attributes)
        body = orjson.dumps({"id": number, "filler": FILLER}).decode()
        return Parcel(body, {"eventType": "made", "eventId": f"e-{number}", "source": "DPS"})

    async def send(starts: Sequence[int]) -> None:
        for start in starts:
            refusals = await queue.send([parcel(number) for number in range(start, min(start + 10, count))])
            assert not any(refusals), refusals

    await asyncio.gather(*(send(range(first * 10, count, SENDERS * 10)) for first in range(SENDERS)))


async def outcome(command: Sequence[str], task: Task) -> Mapping[str, float]:
    """Run a contestant; return what its last line tells."""
    argument = orjson.dumps(asdict(task)).decode()
    options = command[2:] if command[0] == "node" else ()
    program = (str(node()), command[1]) if command[0] == "node" else tuple(command)
    lines = (await output((*program, argument, *options))).splitlines()
    told: Mapping[str, float] = orjson.loads(lines[-1])
    return told


async def output(argv: Sequence[str]) -> str:
    """Run a program to its end. Raises DoesNotCount when it fails or takes too long."""
    process = await asyncio.create_subprocess_exec(
        *argv,
        cwd=ROOT,
        env={"PATH": os.defpath, "PYTHONPATH": str(ROOT), **KEYS},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            out, err = await process.communicate()
    except TimeoutError as error:
        process.kill()
        await process.wait()
        raise DoesNotCount(f"{argv[2]}: not done after {PATIENCE_SECONDS:g} s") from error
    if process.returncode:
        raise DoesNotCount(f"{argv[1:3]}: ended with {process.returncode}: {err.decode()[-1000:]}")
    return out.decode()


async def check(aws: Aws, told: Mapping[str, float], wanted: int) -> None:
    """Raise DoesNotCount unless all was handled and deleted."""
    left = await aws.queue(QUEUE).depth()
    if told["handled"] < wanted or left.visible or left.delayed:
        raise DoesNotCount(f"handled {told['handled']:g} of {wanted}, left {left}")


SLOW = 0.005
BENCHMARK = Benchmark(
    title="Consumer",
    setting=(
        f"fauxqs, fresh for each contestant; {COUNT} messages of 200 bytes ({SLOW_COUNT} for taskiq and celery), "
        "concurrency 50 for handlers that do nothing, 10 for handlers of 5 ms; logs off; every message handled and "
        "deleted, or the round does not count"
    ),
    contestants={
        "raw loop": contestant(RAW, concurrency=1),
        "raw loop ×5": contestant(RAW, concurrency=5),
        "ours": contestant(OURS, concurrency=50),
        "sqs-consumer batch": contestant((*SQS_CONSUMER, "batch"), concurrency=50),
        "sqs-consumer single": contestant(SQS_CONSUMER, concurrency=50),
        "taskiq": contestant(TASKIQ, concurrency=50, makes_its_own=True, count=SLOW_COUNT),
        "celery": contestant(CELERY, concurrency=50, makes_its_own=True, count=SLOW_COUNT),
        "ours, 5 ms": contestant(OURS, concurrency=10, seconds=SLOW, count=SLOW_COUNT * 2),
        "sqs-consumer batch, 5 ms": contestant(
            (*SQS_CONSUMER, "batch"), concurrency=10, seconds=SLOW, count=SLOW_COUNT * 2
        ),
        "taskiq, 5 ms": contestant(TASKIQ, concurrency=10, seconds=SLOW, makes_its_own=True, count=SLOW_COUNT),
        "celery, 5 ms": contestant(CELERY, concurrency=10, seconds=SLOW, makes_its_own=True, count=SLOW_COUNT),
    },
    ratios=[
        Ratio("ours / raw loop", ("ours", RATE), ("raw loop", RATE)),
        Ratio("ours / raw loop ×5", ("ours", RATE), ("raw loop ×5", RATE)),
        Ratio("ours / sqs-consumer batch", ("ours", RATE), ("sqs-consumer batch", RATE)),
        Ratio("ours / sqs-consumer single", ("ours", RATE), ("sqs-consumer single", RATE)),
        Ratio("ours / taskiq", ("ours", RATE), ("taskiq", RATE)),
        Ratio("ours / celery", ("ours", RATE), ("celery", RATE)),
    ],
    goals=[
        Goal("", "ours / raw loop ×5", "at least", 0.85),
        Goal("", "ours / sqs-consumer batch", "at least", 1.0),
        Goal("", "ours / sqs-consumer single", "at least", 1.0),
        Goal("", "ours / taskiq", "at least", 1.0),
        Goal("", "ours / celery", "at least", 1.0),
    ],
)
