"""Which event tells of a change: one for a location and a change, of the most specific type (design §3)."""

from libs.domain.events import LocationEventType
from services.locations.records import LocationRow, differing

_CAPACITY = frozenset({"max_capacity", "working_capacity"})
_CERTIFICATION = frozenset({"certified", "capacity_of_certified_cell"})
_BOOKKEEPING = frozenset({"version", "when_updated", "updated_by"})


def event_type(before: LocationRow, after: LocationRow) -> LocationEventType | None:
    """Return the type of the event; None when nothing changed."""
    names = differing(before, after) - _BOOKKEEPING
    if not names:
        return None
    if before.active != after.active:
        return LocationEventType.REACTIVATED if after.active else LocationEventType.DEACTIVATED
    if not after.active and names <= {
        "deactivated_reason",
        "deactivated_date",
        "deactivation_reason_description",
        "proposed_reactivation_date",
        "planet_fm_reference",
    }:
        return LocationEventType.DEACTIVATED
    if names <= _CAPACITY:
        return LocationEventType.CAPACITY_CHANGED
    if names <= _CERTIFICATION:
        return LocationEventType.CERTIFICATION_CHANGED
    return LocationEventType.AMENDED
