"""Ends a long poll early by a message that says nothing.

A poll that is cancelled may strand what the broker was about to answer until its visibility ends, with a receive
counted (ADR 0022). So whoever stops sends a wake-up to its own queue. Another replica that gets it deletes it, and more
are sent; one that nobody needs any more is deleted by whoever polls next.
"""

from uuid import uuid4

from libs.messaging.envelope import EVENT_TYPE
from libs.messaging.queue import Delivery, Parcel, is_fifo

WAKE = "consumer-wake-up"


def wake_up(queue: str) -> Parcel:
    """Make one for this queue; on a FIFO queue each has a group of its own, so that none waits behind another."""
    own = str(uuid4()) if is_fifo(queue) else None
    return Parcel("{}", {EVENT_TYPE: WAKE}, own, deduplication=own)


def is_wake_up(delivery: Delivery) -> bool:
    """Tell one from messages."""
    return delivery.attributes.get(EVENT_TYPE) == WAKE
