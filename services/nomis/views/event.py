"""What the relay makes of a trigger's map message (reference/nomis.md §3.4–3.6); nulls are omitted."""

from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Any
from zoneinfo import ZoneInfo

import orjson

LONDON = ZoneInfo("Europe/London")
LOCATION = "AGENCY_INTERNAL_LOCATIONS-UPDATED"
PROFILE = "AGY_INT_LOC_PROFILES-UPDATED"
USAGE = "INT_LOC_USAGE_LOCATIONS-UPDATED"
# Which text entries of the map are published, by kind of event; consumers read everything else from the API.
TEXTS = MappingProxyType(
    {
        LOCATION: (
            ("prisonId", "p_agy_loc_id"),
            ("description", "p_description"),
            ("oldDescription", "p_old_description"),
        ),
        PROFILE: (),
        USAGE: (),
    },
)


class EventUnreadable(ValueError):
    """A map entry that must be a number is none; the text names the entry."""


def event_body(kind: str, entries: Mapping[str, str], enqueued_at: datetime) -> str:
    """Write the message. Raises EventUnreadable. A kind we do not know is published bare."""
    body: dict[str, Any] = {"eventType": kind}
    if kind not in TEXTS:
        return _json({**body, "eventDatetime": event_datetime(enqueued_at)})
    body["nomisEventType"] = kind
    body["eventDatetime"] = event_datetime(enqueued_at)
    body["internalLocationId"] = _number(entries, "p_internal_location_id")
    body |= {name: entries.get(entry) for name, entry in TEXTS[kind]}
    body["auditModuleName"] = entries.get("p_audit_module_name")
    body["recordDeleted"] = entries.get("p_delete_flag") == "Y"
    if kind == USAGE:
        body["usageLocationId"] = _number(entries, "p_usage_location_id")
    return _json(body)


def event_datetime(at: datetime) -> str:
    """Write an instant as London's wall clock: no zone, milliseconds, trailing zeros trimmed, seconds always shown."""
    text = at.astimezone(LONDON).replace(tzinfo=None).isoformat(timespec="milliseconds")
    return text.rstrip("0").rstrip(".")


def published_at(at: datetime) -> str:
    """Write an instant with London's offset."""
    return at.astimezone(LONDON).isoformat()


def _number(entries: Mapping[str, str], name: str) -> int | None:
    value = entries.get(name)
    if value is None:
        return None
    try:
        return int(value)
    except ValueError:
        raise EventUnreadable(f"{name} is not a number") from None


def _json(body: Mapping[str, Any]) -> str:
    return orjson.dumps({name: value for name, value in body.items() if value is not None}).decode()
