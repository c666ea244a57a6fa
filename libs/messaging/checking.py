"""What a broker would refuse of a single message, found before it is sent. Pure; limits as AWS documents them."""

import re
from hashlib import sha256

from libs.messaging.envelope import EVENT_ID
from libs.messaging.queue import ATTRIBUTES_MAX, GROUP_CHARACTERS_MAX, Parcel, Refusal, size_of

# Tab, line feed, carriage return and the ranges of XML 1.0; anything else is `InvalidMessageContents`.
REFUSED_CHARACTERS = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def fault_of(parcel: Parcel, bytes_max: int, *, fifo: bool) -> Refusal | None:
    """Return why this message could never be taken; None when it could."""
    texts = (parcel.body, *parcel.attributes.values())
    rules = (
        ("EmptyBody", not parcel.body),
        ("TooManyAttributes", len(parcel.attributes) > ATTRIBUTES_MAX),
        ("EmptyAttribute", not all(parcel.attributes.values())),
        ("InvalidMessageContents", any(map(REFUSED_CHARACTERS.search, texts))),
        ("MessageTooLong", size_of(parcel.body, parcel.attributes) > bytes_max),
        ("GroupTooLong", len(parcel.group or "") > GROUP_CHARACTERS_MAX),
        ("MissingGroup", fifo and not parcel.group),
        ("DelayOnFifo", fifo and parcel.delay_seconds > 0),
    )
    return next((Refusal(code, ours=True) for code, broken in rules if broken), None)


def deduplication_id(parcel: Parcel) -> str:
    """Return by what a FIFO queue knows a repetition: as given, else our `eventId`, else the content's digest."""
    return parcel.deduplication or parcel.attributes.get(EVENT_ID) or sha256(parcel.body.encode()).hexdigest()
