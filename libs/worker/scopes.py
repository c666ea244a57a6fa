"""Which prison a message is about, for switches that are set for one prison only."""

from typing import Any

import orjson

from libs.messaging.message import Message


def prison_of(message: Message) -> str | None:
    """Read it from a NOMIS event, or from the key of a DPS event (`LEI-A-1`); None where neither says."""
    try:
        body = orjson.loads(message.body)
    except ValueError:
        return None
    if not isinstance(body, dict):
        return None
    about = body.get("additionalInformation")
    keys: dict[str, Any] = about if isinstance(about, dict) else {}
    for prison in (body.get("prisonId"), keys.get("key"), keys.get("locationKey"), body.get("description")):
        if isinstance(prison, str) and prison:
            # No prison's id has a dash; a description has the form of a key only in NOMIS events.
            return prison.partition("-")[0]
    return None
