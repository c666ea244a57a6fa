"""Sends one round of outbox rows, at most one of each key, in as few calls as the topic allows."""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from libs.messaging.batching import packed
from libs.messaging.envelope import EVENT_ID, EVENT_TYPE
from libs.messaging.message import COMMITTED_AT, PUBLISHED_AT
from libs.messaging.outbox_store import OutboxRow
from libs.messaging.queue import (
    GROUP_CHARACTERS_MAX,
    PUBLISH_BYTES_MAX,
    BrokerUnavailable,
    Parcel,
    QueueGone,
    Refusal,
    Topic,
    size_of,
)
from libs.messaging.traces import trace_of, with_trace
from libs.telemetry import spans
from libs.telemetry.tracing import TRACEPARENT


@dataclass(frozen=True, slots=True)
class Published:
    """What the topic said to a row; no refusal: it has it."""

    row: OutboxRow
    refusal: Refusal | None
    untraced: bool = False


async def publish_round(
    rows: Sequence[OutboxRow], topics: Mapping[str, Topic], calls_max: int, now: Callable[[], datetime]
) -> list[Published]:
    """Publish rows of different keys, some calls at a time; an answer for each row."""
    assert len({row.lane for row in rows}) == len(rows), "one row per key, or their order is lost"
    free = asyncio.Semaphore(calls_max)
    at = now().isoformat()

    async def call(topic: str, batch: list[tuple[OutboxRow, Parcel]]) -> list[Published]:
        async with free:
            started = time.perf_counter()
            refusals = await _publish(topics.get(topic), [parcel for _, parcel in batch])
        if spans.wanted():
            _tell(topic, batch, refusals, time.perf_counter() - started)
        return [
            Published(row, refusal, trace_dropped(row, parcel))
            for (row, parcel), refusal in zip(batch, refusals, strict=True)
        ]

    calls = [
        call(topic, batch)
        for topic in sorted({row.topic for row in rows})
        for batch in packed(
            [(row, parcel_of(row, at)) for row in rows if row.topic == topic],
            size=lambda pair: size_of(pair[1].body, pair[1].attributes),
            size_max=PUBLISH_BYTES_MAX,
        )
    ]
    return [published for answers in await asyncio.gather(*calls) for published in answers]


def parcel_of(row: OutboxRow, published_at: str) -> Parcel:
    """Add what every message of ours carries; the key spreads the load of consumers fairly, it promises no order."""
    own = {
        EVENT_TYPE: row.type,
        EVENT_ID: str(row.event_id),
        COMMITTED_AT: row.created_at.isoformat(),
        PUBLISHED_AT: published_at,
    }
    trace = trace_of(row.attributes)
    # Each hop has a span of its own.
    attributes = with_trace({**row.attributes, **own}, trace.child() if trace else None)
    return Parcel(row.body, attributes, group=row.key[:GROUP_CHARACTERS_MAX], deduplication=str(row.event_id))


def _tell(
    topic: str, batch: Sequence[tuple[OutboxRow, Parcel]], refusals: Sequence[Refusal | None], seconds: float
) -> None:
    for (row, parcel), refusal in zip(batch, refusals, strict=True):
        sent, written = trace_of(parcel.attributes), trace_of(row.attributes)
        if sent is None or written is None:
            continue
        spans.ended(
            f"publish {topic}",
            "PRODUCER",
            replace(sent, parent_id=written.span_id),
            seconds,
            {"messaging.destination.name": topic, "messaging.operation.type": "send", "event_type": row.type},
            failed=refusal is not None,
        )


def trace_dropped(row: OutboxRow, parcel: Parcel) -> bool:
    """Tell whether there was no room for the row's trace."""
    return TRACEPARENT in row.attributes and TRACEPARENT not in parcel.attributes


async def _publish(topic: Topic | None, parcels: list[Parcel]) -> list[Refusal | None]:
    if topic is None:
        return [Refusal("UnknownTopic", ours=True)] * len(parcels)
    try:
        return await topic.publish(parcels)
    except (BrokerUnavailable, QueueGone) as error:
        return [Refusal(type(error).__name__, ours=False)] * len(parcels)
