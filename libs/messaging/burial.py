"""What goes to the dead-letter queue: the message as it came, and why it is there."""

from datetime import datetime

from libs.messaging.queue import ATTRIBUTES_MAX, Delivery, Parcel

FAILURE_REASON = "failureReason"
FAILURE_AT = "failureAt"
REASON_CHARACTERS_MAX = 500
# What may be left out when ten attributes are not enough, the least missed first.
DISPENSABLE = ("tracestate", "traceparent", "noTracing", "publishedAt")


def buried(delivery: Delivery, reason: str, at: datetime) -> Parcel:
    """Add the reason and the time; the broker takes ten attributes, so what is dispensable may go for the reason."""
    kept = {name: value for name, value in delivery.attributes.items() if name not in {FAILURE_REASON, FAILURE_AT}}
    for name in DISPENSABLE:
        if len(kept) >= ATTRIBUTES_MAX:
            kept.pop(name, None)
    for name, value in ((FAILURE_REASON, printable(reason)), (FAILURE_AT, at.isoformat())):
        if len(kept) < ATTRIBUTES_MAX:
            kept[name] = value
    return Parcel(delivery.body, kept, delivery.group)


def exhumed(delivery: Delivery) -> Parcel:
    """Return the message as it was before it was buried."""
    kept = {name: value for name, value in delivery.attributes.items() if name not in {FAILURE_REASON, FAILURE_AT}}
    return Parcel(delivery.body, kept, delivery.group)


def printable(reason: str) -> str:
    """Cut, and leave out what the broker refuses; an empty value is refused too."""
    return "".join(each if each.isprintable() else " " for each in reason[:REASON_CHARACTERS_MAX]) or "unknown"
