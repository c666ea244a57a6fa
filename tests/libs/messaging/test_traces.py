"""One trace from the transaction to the handler: through outbox, topic and queue, a new span at each hop."""

import asyncio
import json
from datetime import UTC, datetime, timedelta

import pytest
from prometheus_client import CollectorRegistry

from libs.db import pool
from libs.messaging.aws import Aws
from libs.messaging.consumer import Consumer
from libs.messaging.limits import ConsumerLimits
from libs.messaging.message import Message
from libs.messaging.metrics import RelayMetrics
from libs.messaging.outbox import Outbox, Outgoing
from libs.messaging.outcome import Done, Outcome
from libs.messaging.queue import ATTRIBUTES_MAX
from libs.messaging.records import Handled
from libs.messaging.relay import Relay, RelaySettings
from libs.messaging.traces import span_for, with_trace
from libs.telemetry.tracing import TraceContext, bound, current
from tests.conftest import MakeDatabase
from tests.contracts.queue import TOPOLOGY

AT = datetime(2026, 11, 24, 10, 0, tzinfo=UTC)
QUICK = RelaySettings(poll_seconds=0.05, takeover_seconds=0)


def message(told_at: datetime, attributes: dict[str, str]) -> Message:
    return Message("m", "made", "{}", attributes | {"publishedAt": told_at.isoformat()}, 1, AT, "work")


def test_a_fresh_message_is_handled_in_a_child_of_its_trace_and_an_old_one_in_a_linked_trace() -> None:
    sent = TraceContext.new()
    fresh = span_for(message(AT - timedelta(minutes=14), {"traceparent": sent.traceparent}), AT)
    assert (fresh.trace_id, fresh.link) == (sent.trace_id, None)
    assert fresh.span_id != sent.span_id
    old = span_for(message(AT - timedelta(minutes=16), {"traceparent": sent.traceparent}), AT)
    assert old.trace_id != sent.trace_id
    assert old.link == sent.trace_id


@pytest.mark.parametrize("dead", ["redriveCount", "failureAt"])
def test_a_dead_letter_that_was_sent_back_is_handled_in_a_linked_trace_however_soon(dead: str) -> None:
    sent = TraceContext.new()
    again = span_for(message(AT, {"traceparent": sent.traceparent, dead: "1"}), AT)
    assert again.trace_id != sent.trace_id
    assert (again.link, again.link_span) == (sent.trace_id, sent.span_id)


def test_a_queue_may_begin_a_trace_for_each_message() -> None:
    sent = TraceContext.new()
    span = span_for(message(AT, {"traceparent": sent.traceparent}), AT, propagate=False)
    assert span.trace_id != sent.trace_id
    assert span.link is None
    plan = TOPOLOGY.queues["work"]
    assert ConsumerLimits.of(plan).propagate_tracing
    assert not ConsumerLimits.of(plan.model_copy(update={"propagate_tracing": False})).propagate_tracing


def test_a_message_may_be_left_out_of_its_trace() -> None:
    sent = TraceContext.new()
    span = span_for(message(AT, {"traceparent": sent.traceparent, "noTracing": "true"}), AT)
    assert span.trace_id != sent.trace_id
    assert span.link is None


@pytest.mark.parametrize(("count", "kept"), [(8, {"traceparent", "tracestate"}), (9, {"traceparent"}), (10, set())])
def test_a_trace_takes_only_the_room_that_ten_attributes_leave(count: int, kept: set[str]) -> None:
    plain = {f"a{n}": "x" for n in range(count)}
    traced = with_trace(plain, TraceContext("a" * 32, "b" * 16, state="vendor=1"))
    assert set(traced) - set(plain) == kept
    assert len(traced) <= ATTRIBUTES_MAX
    assert plain.items() <= traced.items()


async def test_a_handler_works_under_the_trace_of_the_transaction(aws: Aws, database: MakeDatabase) -> None:
    dsn = await database("libs/messaging/schema")
    spans: list[TraceContext | None] = []
    handled: list[Handled] = []
    some, stop, registry = asyncio.Event(), asyncio.Event(), CollectorRegistry()

    async def handle(_: Message) -> Outcome:
        spans.append(current())
        return Done()

    def observe(each: Handled) -> None:
        handled.append(each)
        if len(handled) == 2:
            some.set()

    crowded = {f"a{n}": "x" for n in range(6)}
    async with pool.connect(pool.DatabaseSettings.model_validate({"dsn": dsn})) as db:
        with bound(TraceContext.new()) as request:
            async with db.transaction() as tx:
                await Outbox().add(tx, Outgoing("events", "made", json.dumps({"n": 1}), "A", {"source": "DPS"}))
                await Outbox().add(tx, Outgoing("events", "made", json.dumps({"n": 2}), "A", crowded))
        topics = {"events": aws.topic("events")}
        relay = Relay(db, topics, QUICK, now=lambda: datetime.now(UTC), metrics=RelayMetrics(registry))  # noqa: TID251 - as an app does
        consumer = Consumer(
            aws.queue("work"),
            {"made": handle},
            ConsumerLimits(wait_seconds=1),
            now=lambda: datetime.now(UTC),  # noqa: TID251 - as an app does
            observe=observe,
            key=lambda message: message.group,
        )
        running = [asyncio.create_task(each.run(stop)) for each in (relay, consumer)]
        async with asyncio.timeout(60):
            await some.wait()
        stop.set()
        await asyncio.gather(*running)
    by_trace = {span.trace_id: span for span in spans if span}
    span = by_trace.pop(request.trace_id)
    assert span.span_id != request.span_id
    assert request.trace_id in {each.trace_id for each in handled}
    # The other had no room for its trace: it was published all the same.
    assert len(by_trace) == 1
    assert registry.get_sample_value("messaging_trace_dropped_total") == 1
    assert registry.get_sample_value("messaging_published_total", {"topic": "events", "outcome": "ok"}) == 2
