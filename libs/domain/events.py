"""The events of both sides as consumers read them: tolerant of what upstream really sends, silent on the rest."""

from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Annotated, Any
from uuid import UUID

from pydantic import AliasChoices, Field

from libs.domain.nomis import NomisLocationId
from libs.domain.wire import Wire


class Source(StrEnum):
    """Who made a change."""

    DPS = "DPS"
    NOMIS = "NOMIS"


class LocationEventType(StrEnum):
    """The seven domain events of a location (`design.md` §3)."""

    CREATED = "location.inside.prison.created"
    AMENDED = "location.inside.prison.amended"
    DEACTIVATED = "location.inside.prison.deactivated"
    REACTIVATED = "location.inside.prison.reactivated"
    CAPACITY_CHANGED = "location.inside.prison.capacity.changed"
    CERTIFICATION_CHANGED = "location.inside.prison.certification.changed"
    DELETED = "location.inside.prison.deleted"


SIGNED_CAPACITY_AMENDED = "location.inside.prison.signed-op-cap.amended"
"""Told of a prison, not of a location; no worker of ours reads it."""

EPOCH_TYPE = MappingProxyType(
    {
        LocationEventType.CAPACITY_CHANGED: LocationEventType.AMENDED,
        LocationEventType.CERTIFICATION_CHANGED: LocationEventType.AMENDED,
    },
)
"""What a consumer that knows no finer types is sent instead (setting `EVENTS_AS_EPOCH`); absent means unchanged."""


class OffenderEventType(StrEnum):
    """The three NOMIS trigger events; insert, update and delete all end in -UPDATED."""

    LOCATION = "AGENCY_INTERNAL_LOCATIONS-UPDATED"
    PROFILE = "AGY_INT_LOC_PROFILES-UPDATED"
    USAGE = "INT_LOC_USAGE_LOCATIONS-UPDATED"


# No id that a database could not hold: one such would spoil every batch that it is looked up in.
NomisIdRead = Annotated[NomisLocationId, Field(ge=-(2**63), lt=2**63)]


class LocationReference(Wire):
    """`additionalInformation` of a domain event: ids only; state is read afresh."""

    location_id: UUID = Field(validation_alias=AliasChoices("id", "locationId"))
    location_key: str = Field(validation_alias=AliasChoices("key", "locationKey"))
    source: str = Source.DPS

    @property
    def made_by_nomis(self) -> bool:
        """Exactly `NOMIS`; a missing or unknown source counts as DPS."""
        return self.source == Source.NOMIS


class LocationEvent(Wire):
    """A domain event as read; `occurredAt` and `description` are for people."""

    event_type: str
    version: str = "1.0"
    additional_information: LocationReference


class OffenderEvent(Wire):
    """A NOMIS trigger event as read; ids and flags may come as strings, nulls are left out."""

    internal_location_id: NomisIdRead
    prison_id: str | None = None
    description: str | None = None
    old_description: str | None = None
    audit_module_name: str | None = None
    record_deleted: bool = False
    usage_location_id: int | None = None


class SettleRequest(Wire):
    """Reconciliation's wish that a worker runs the merge walk for one location; at least one id is given."""

    dps_location_id: UUID | None = None
    nomis_location_id: NomisIdRead | None = None
    reason: str = "settle check"


SETTLE = "settle"
"""Message type (`Type` of the body) of a `SettleRequest` on a worker's queue."""


def signed_capacity_event(prison_id: str, capacity: int, occurred_at: datetime) -> dict[str, Any]:
    """Return the body of the event that a prison's signed operational capacity was set; it has no location id."""
    return {
        "eventType": SIGNED_CAPACITY_AMENDED,
        "version": "1.0",
        "description": f"Signed operational capacity of {prison_id} set to {capacity}",
        "occurredAt": occurred_at.isoformat(),
        "additionalInformation": {"key": prison_id, "source": str(Source.DPS)},
    }


def location_event(
    event_type: LocationEventType,
    location_id: UUID,
    key: str,
    source: Source,
    occurred_at: datetime,
) -> dict[str, Any]:
    """Return the body of a domain event.

    `occurred_at` must carry the London offset. Both the record's names (`locationId`, `locationKey`) and the names
    existing consumers read (`id`, `key`) are sent.
    """
    happened = event_type.removeprefix("location.inside.prison.").replace(".", " ")
    return {
        "eventType": str(event_type),
        "version": "1.0",
        "description": f"Location {key} {happened}",
        "occurredAt": occurred_at.isoformat(),
        "additionalInformation": {
            "id": str(location_id),
            "key": key,
            "locationId": str(location_id),
            "locationKey": key,
            "source": str(source),
        },
    }
