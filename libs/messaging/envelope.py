"""Takes off the envelope: an SNS notification, a raw delivery, or one of our own internal bodies."""

from collections.abc import Mapping
from typing import Any

import orjson

from libs.messaging.message import Message
from libs.messaging.queue import Delivery

EVENT_TYPE = "eventType"
EVENT_ID = "eventId"
NOTIFICATION = "Notification"


class Undecodable(Exception):
    """A body that no handler could read; the text says what is wrong with it, never what it holds."""


def opened(delivery: Delivery, queue: str) -> Message:
    """Return the message inside. Raises Undecodable.

    An envelope is a JSON object with `Type` "Notification" and string `Message`, `MessageId` and `TopicArn`. Without
    one the attributes are SQS's own. The type is the `eventType` attribute, else the `Type` of the body.
    """
    content = _json(delivery.body)
    if _is_notification(content):
        attributes = {**delivery.attributes, **_envelope_attributes(content)}
        inner, message_id, kind = content["Message"], content["MessageId"], attributes.get(EVENT_TYPE)
        if kind is None:
            raise Undecodable("MessageAttributes.eventType: required in a notification")
    else:
        attributes = dict(delivery.attributes)
        kind = attributes.get(EVENT_TYPE) or _internal_type(content)
        inner, message_id = _inner(content, delivery.body), delivery.message_id
        if kind is None:
            raise Undecodable("eventType: neither an attribute nor a Type in the body")
    return Message(
        id=attributes.get(EVENT_ID) or message_id,
        type=kind,
        body=inner,
        attributes=attributes,
        attempt=delivery.receive_count,
        sent_at=delivery.sent_at,
        queue=queue,
        group=delivery.group,
    )


def _json(body: str) -> Any:
    try:
        return orjson.loads(body)
    except ValueError as broken:
        raise Undecodable("body: not JSON") from broken


def _is_notification(content: Any) -> bool:
    return (
        isinstance(content, dict)
        and content.get("Type") == NOTIFICATION
        and all(isinstance(content.get(member), str) for member in ("Message", "MessageId", "TopicArn"))
    )


def _internal_type(content: Any) -> str | None:
    kind = content.get("Type") if isinstance(content, dict) else None
    return kind if isinstance(kind, str) else None


def _inner(content: Any, body: str) -> str:
    """Upstream's internal messages carry their content as a string in `Message`; ours are the body itself."""
    if isinstance(content, dict) and _internal_type(content) and isinstance(content.get("Message"), str):
        return str(content["Message"])
    return body


def _envelope_attributes(content: Mapping[str, Any]) -> dict[str, str]:
    given = content.get("MessageAttributes")
    if not isinstance(given, dict):
        return {}
    return {
        name: value["Value"]
        for name, value in given.items()
        if isinstance(value, dict) and isinstance(value.get("Value"), str)
    }
