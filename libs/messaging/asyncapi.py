"""Writes topics, queues and messages down as an AsyncAPI 3 document, from the topology and the registry. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from libs.messaging.burial import FAILURE_AT, FAILURE_REASON, REDRIVES
from libs.messaging.queue import is_fifo
from libs.messaging.registry import Registry, Schema
from libs.messaging.sqs import dead_letter_of, parked_of
from libs.messaging.topology import QueuePlan, Topology

ASYNCAPI = "3.0.0"
SCHEMAS = "#/components/schemas/"
# What every published event carries beside what its publisher adds (`libs/messaging/publishing.py`).
HEADERS: Mapping[str, str] = MappingProxyType(
    {
        "eventType": "Type of the event, by which subscriptions filter",
        "eventId": "The same over all repetitions of one event",
        "source": "Who made the change: DPS or NOMIS; missing means DPS",
        "committedAt": "When the change was committed",
        "publishedAt": "When it was published",
        "traceparent": "W3C trace context, where there is room for it",
        FAILURE_REASON: "In a dead-letter queue: why it is there",
        FAILURE_AT: "In a dead-letter queue: since when",
        REDRIVES: "How often it was sent back from there",
    }
)


def document(
    title: str,
    topology: Topology,
    registry: Registry,
    topics: Mapping[str, Sequence[str]],
    queues: Mapping[str, Sequence[str]],
) -> dict[str, Any]:
    """Describe channels and messages. `topics` and `queues` say which types are sent to each directly."""
    named = {schema.event_type: schema for schema in registry.schemas}
    return {
        "asyncapi": ASYNCAPI,
        "info": {"title": title, "version": "1.0.0"},
        "defaultContentType": "application/json",
        "channels": dict(_channels(topology, topics, queues)),
        "operations": dict(_operations(topology, queues)),
        "components": {
            "messages": {_key(name): _message(schema) for name, schema in named.items()},
            "schemas": dict(_schemas(registry)),
            "messageTraits": {
                "event": {"headers": {"type": "object", "properties": {n: _text(d) for n, d in HEADERS.items()}}},
            },
        },
    }


def types_on(plan: QueuePlan, topics: Mapping[str, Sequence[str]]) -> Iterator[tuple[str, list[str]]]:
    """Say which types of each topic come to a queue."""
    for subscription in plan.subscriptions:
        wanted = subscription.filter.get("eventType")
        sent = topics.get(subscription.topic, ())
        yield subscription.topic, [each for each in sent if wanted is None or each in wanted]


def _channels(
    topology: Topology, topics: Mapping[str, Sequence[str]], queues: Mapping[str, Sequence[str]]
) -> Iterator[tuple[str, Any]]:
    for name in topology.topics:
        yield name, _channel(name, "sns", topics.get(name, ()))
    for name, plan in topology.queues.items():
        coming = [each for _, types in types_on(plan, topics) for each in types]
        types = [*coming, *queues.get(name, ())]
        yield name, _channel(name, "sqs", types)
        for aside in (dead_letter_of(name), parked_of(name)):
            yield aside, _channel(aside, "sqs", types)


def _channel(name: str, protocol: str, types: Sequence[str]) -> dict[str, Any]:
    fifo: dict[str, Any] = {"queue": {"name": name, "fifoQueue": True}}
    if protocol == "sns":
        fifo = {"ordering": {"type": "FIFO"}}
    return {
        "address": name,
        "messages": {_key(each): {"$ref": f"#/components/messages/{_key(each)}"} for each in types},
        "bindings": {protocol: fifo if is_fifo(name) else {}},
    }


def _operations(topology: Topology, queues: Mapping[str, Sequence[str]]) -> Iterator[tuple[str, Any]]:
    for name in topology.topics:
        yield f"publish-{name}", {"action": "send", "channel": {"$ref": f"#/channels/{name}"}}
    for name in topology.queues:
        yield f"consume-{name}", {"action": "receive", "channel": {"$ref": f"#/channels/{name}"}}
        if queues.get(name):
            messages = [{"$ref": f"#/channels/{name}/messages/{_key(each)}"} for each in queues[name]]
            ask = {"action": "send", "channel": {"$ref": f"#/channels/{name}"}, "messages": messages}
            yield f"ask-{name}", ask
        dead, parked = dead_letter_of(name), parked_of(name)
        yield (
            f"bury-{name}",
            _act("send", dead, "What no repetition helps or was tried too often, with why"),
        )
        yield f"redrive-{name}", _act("receive", dead, "Dead letters that an operator sends back")
        yield f"park-{name}", _act("send", parked, "What is held by a switch")
        yield f"replay-{name}", _act("receive", parked, "What is no longer held, sent back")


def _act(action: str, channel: str, summary: str) -> dict[str, Any]:
    return {"action": action, "channel": {"$ref": f"#/channels/{channel}"}, "summary": summary}


def _message(schema: Schema) -> dict[str, Any]:
    return {
        "name": schema.event_type,
        "summary": schema.summary,
        "contentType": "application/json",
        "x-majors": list(schema.majors),
        "payload": {"$ref": SCHEMAS + schema.model.__name__},
        "traits": [{"$ref": "#/components/messageTraits/event"}],
    }


def _schemas(registry: Registry) -> Iterator[tuple[str, Any]]:
    for schema in registry.schemas:
        described = schema.model.model_json_schema(by_alias=True, ref_template=SCHEMAS + "{model}")
        yield from described.pop("$defs", {}).items()
        yield schema.model.__name__, described


def _text(description: str) -> dict[str, str]:
    return {"type": "string", "description": description}


def _key(event_type: str) -> str:
    """Name a message as the document may: no dots, which some readers take for paths."""
    return event_type.replace(".", "-")
