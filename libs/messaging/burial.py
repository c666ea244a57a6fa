"""What goes to the dead-letter queue: the message as it came, and why it is there."""

from collections.abc import Mapping
from datetime import datetime

from libs.messaging.queue import ATTRIBUTES_MAX, DELAY_SECONDS_MAX, Delivery, Parcel

FAILURE_REASON = "failureReason"
FAILURE_AT = "failureAt"
# How often it went back from the dead letters; without room for it a message is retried without end.
REDRIVES = "redriveCount"
REASON_CHARACTERS_MAX = 500
# What may be left out when ten attributes are not enough, the least missed first.
DISPENSABLE = ("tracestate", "traceparent", "noTracing", "publishedAt")


def buried(delivery: Delivery, reason: str, at: datetime) -> Parcel:
    """Add the reason and the time; the broker takes ten attributes, so what is dispensable may go for the reason."""
    kept = {name: value for name, value in delivery.attributes.items() if name not in {FAILURE_REASON, FAILURE_AT}}
    if FAILURE_AT in delivery.attributes:
        # The broker's own task sent it back as it lay there, and counted nothing.
        kept[REDRIVES] = str(redrives_of(delivery) + 1)
    _make_room(kept)
    for name, value in ((FAILURE_REASON, printable(reason)), (FAILURE_AT, at.isoformat())):
        if len(kept) < ATTRIBUTES_MAX:
            kept[name] = value
    # A FIFO queue would drop a second death of the same event within five minutes for a repetition of the first.
    return Parcel(delivery.body, kept, delivery.group, deduplication=f"dead-{delivery.message_id}")


def exhumed(delivery: Delivery) -> Parcel:
    """Return the message as it was before it was buried, with one retry more to its count.

    A FIFO queue would take it for a repetition of its first sending and drop it, hence a deduplication id of its own:
    that of this copy, so that a retry cut short between send and delete still sends it once.
    """
    kept = {name: value for name, value in delivery.attributes.items() if name not in {FAILURE_REASON, FAILURE_AT}}
    if REDRIVES not in kept:
        _make_room(kept)
    if REDRIVES in kept or len(kept) < ATTRIBUTES_MAX:
        kept[REDRIVES] = str(redrives_of(delivery) + 1)
    return Parcel(delivery.body, kept, delivery.group, deduplication=f"retry-{delivery.message_id}")


def renewed(delivery: Delivery, delay_seconds: int) -> Parcel:
    """Copy it as it came, when its receives are used up through no fault of its own; for standard queues only."""
    return Parcel(delivery.body, delivery.attributes, delivery.group, min(delay_seconds, DELAY_SECONDS_MAX))


def has_died(attributes: Mapping[str, str]) -> bool:
    """Tell whether a message was in the dead-letter queue and came back, by our loop or by the broker's own task."""
    return REDRIVES in attributes or FAILURE_AT in attributes


def redrives_of(delivery: Delivery) -> int:
    """Tell how often it went back already; what somebody else wrote there says nothing."""
    told = delivery.attributes.get(REDRIVES, "")
    return int(told) if told.isdecimal() else 0


def _make_room(attributes: dict[str, str]) -> None:
    for name in DISPENSABLE:
        if len(attributes) >= ATTRIBUTES_MAX:
            attributes.pop(name, None)


def printable(reason: str) -> str:
    """Cut, and leave out what the broker refuses; an empty value is refused too."""
    return "".join(each if each.isprintable() else " " for each in reason[:REASON_CHARACTERS_MAX]) or "unknown"
