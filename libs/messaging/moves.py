"""AWS's own way to send dead letters back: a task of the broker's, which outlives whoever began it."""

from collections.abc import Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from libs.messaging.faults import moves_translated
from libs.messaging.queue import Move, MoveRunning, MovesMissing, MoveStatus

if TYPE_CHECKING:
    from types_aiobotocore_sqs import SQSClient

# What is being cancelled still moves.
STATUSES: Mapping[str, MoveStatus] = MappingProxyType(
    {
        "RUNNING": "RUNNING",
        "CANCELLING": "RUNNING",
        "COMPLETED": "COMPLETED",
        "CANCELLED": "CANCELLED",
        "FAILED": "FAILED",
    }
)


async def start(client: "SQSClient", name: str, dead_arn: str, home_arn: str, per_second: int) -> str:
    """Begin; return the task's handle. Raises MovesMissing, MoveRunning."""
    try:
        with moves_translated(name):
            begun = await client.start_message_move_task(
                SourceArn=dead_arn, DestinationArn=home_arn, MaxNumberOfMessagesPerSecond=per_second
            )
    except MovesMissing:
        # The refusal of a second task has the same code as others.
        running = await latest(client, name, dead_arn)
        if running is not None and running.status == "RUNNING":
            raise MoveRunning(name) from None
        raise
    return begun["TaskHandle"]


async def latest(client: "SQSClient", name: str, dead_arn: str) -> Move | None:
    """Return the latest task. Raises MovesMissing."""
    with moves_translated(name):
        answer = await client.list_message_move_tasks(SourceArn=dead_arn, MaxResults=1)
    found = answer.get("Results", [])
    return _move(found[0]) if found else None


async def cancel(client: "SQSClient", name: str, dead_arn: str) -> bool:
    """End the running task; false when there is none. Raises MovesMissing."""
    running = await latest(client, name, dead_arn)
    if running is None or not running.handle:
        return False
    with moves_translated(name):
        await client.cancel_message_move_task(TaskHandle=running.handle)
    return True


def _move(told: Mapping[str, Any]) -> Move:
    return Move(
        status=STATUSES.get(told.get("Status", ""), "FAILED"),
        # Unknown while the task counts them.
        found=int(told.get("ApproximateNumberOfMessagesToMove") or 0),
        moved=int(told.get("ApproximateNumberOfMessagesMoved") or 0),
        per_second=told.get("MaxNumberOfMessagesPerSecond"),
        started_at=datetime.fromtimestamp(int(told.get("StartedTimestamp") or 0) / 1000, UTC),
        handle=told.get("TaskHandle") or "",
    )
