"""The sync and migrate doors as existing clients and the record call them (`locations-api.md` §2.3, ADR 0002)."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from types import MappingProxyType
from typing import Annotated, Any
from uuid import UUID

from pydantic import Field, JsonValue

from libs.domain.attributes import Attribute
from libs.domain.codes import HistoryAttribute, LocationType, NomisDeactivatedReason, ResidentialHousingType
from libs.domain.sync import HistoryEntry, Usage
from libs.domain.translation import REASON_OF_WORD
from libs.domain.wire import Day, Moment, Wire
from libs.web.auth import Caller
from libs.web.routing import Reply, Route
from services.locations.api.migrate_doors import MIGRATE
from services.locations.api.reads import VIEW, Prison
from services.locations.api.requests import Code, Maybe, Number
from services.locations.api.sync_doors import SYNC
from services.locations.changes.sync import SyncChanges, Wanted
from services.locations.changes.upsert import LegacyChanges, Snapshot
from services.locations.errors import (
    FieldNotAllowed,
    HasChildren,
    LocationArchived,
    LocationBusy,
    LocationKeyTaken,
    LocationNotFound,
    ParentNotAllowed,
    SyncOff,
    SyncRefused,
)
from services.locations.reading.locations import Reading

# RFC 9745: the GET aliases exist because the record names them; nobody should begin to use them.
DEPRECATED = MappingProxyType({"Cache-Control": "no-store", "Deprecation": "@1727654400"})


class LegacyCapacity(Wire):
    """Numbers as NOMIS holds them; no rule is applied."""

    max_capacity: Number = 0
    working_capacity: Number = 0


class LegacyCertification(Wire):
    """Whether a cell is certified, and for how many."""

    certified: bool = False
    capacity_of_certified_cell: Number = 0


class NomisLocation(Wire):
    """One location as NOMIS has it, in DPS words."""

    prison_id: Prison
    code: Code
    location_type: LocationType
    local_name: Maybe[Annotated[str, Field(max_length=80)]] = None
    comments: Maybe[Annotated[str, Field(max_length=255)]] = None
    order_within_parent_location: Maybe[Number] = None
    residential_housing_type: Maybe[ResidentialHousingType] = None
    deactivation_reason: Maybe[NomisDeactivatedReason] = None
    proposed_reactivation_date: Maybe[Day] = None
    deactivated_date: Maybe[Day] = None
    parent_location_path: Maybe[str] = None
    parent_id: Maybe[UUID] = None
    capacity: LegacyCapacity | None = None
    certification: LegacyCertification | None = None
    attributes: frozenset[Attribute] | None = None
    usage: tuple[Usage, ...] | None = None
    create_date: Maybe[Moment] = None
    last_updated_by: Annotated[str, Field(min_length=1, max_length=80)]

    def snapshot(self) -> Snapshot:
        """Return it in the words of the change; what a null keeps is left out."""
        fields: dict[str, JsonValue] = {
            "code": self.code,
            "locationType": self.location_type.value,
            "residentialHousingType": self.residential_housing_type.value if self.residential_housing_type else None,
            "localName": self.local_name,
            "comments": self.comments,
            "orderWithinParentLocation": self.order_within_parent_location,
        }
        if self.capacity is not None:
            fields["maxCapacity"] = self.capacity.max_capacity
            fields["workingCapacity"] = self.capacity.working_capacity
        if self.certification is not None:
            fields["certified"] = self.certification.certified
            fields["capacityOfCertifiedCell"] = self.certification.capacity_of_certified_cell
        if self.attributes is not None:
            fields["attributes"] = [*sorted(attribute.value for attribute in self.attributes)]
        if self.usage is not None:
            fields["usages"] = [[u.usage_type.value, u.capacity, u.sequence] for u in self.usage]
        day = self.deactivated_date
        return Snapshot(
            prison_id=self.prison_id,
            by=self.last_updated_by,
            fields=fields,
            parent_id=self.parent_id,
            parent_path=self.parent_location_path,
            reason=REASON_OF_WORD[self.deactivation_reason] if self.deactivation_reason else None,
            deactivated_date=datetime(day.year, day.month, day.day) if day else None,  # noqa: DTZ001 - London, no zone
            proposed_reactivation_date=self.proposed_reactivation_date,
            create_date=self.create_date,
            comments=self.comments,
        )


class NomisSyncLocation(NomisLocation):
    """What NOMIS has now; with the id of the location it is, if it is one already."""

    id: Maybe[UUID] = None

    def snapshot(self) -> Snapshot:
        """Return it in the words of the change."""
        return replace(super().snapshot(), location_id=self.id)


class NomisAmendment(Wire):
    """One change of a location in NOMIS, values kept verbatim; local London time."""

    attribute: HistoryAttribute
    old_value: str | None = None
    new_value: str | None = None
    amended_by: str
    amended_date: datetime


class NomisMigrateLocation(NomisLocation):
    """What NOMIS has, with all that was changed of it."""

    history: tuple[NomisAmendment, ...] | None = None

    def snapshot(self) -> Snapshot:
        """Return it in the words of the change."""
        told = tuple(HistoryEntry(**dict(amendment)) for amendment in self.history or ())
        return replace(super().snapshot(), history=told)


class DeleteQuery(Wire):
    """The record's delete names the location in the query."""

    id: UUID


class HistoryQuery(Wire):
    """Whether the whole history is shown too."""

    include_history: bool = False


class LegacyDoors:
    """The handlers."""

    def __init__(self, changes: LegacyChanges, sync: SyncChanges, reading: Reading) -> None:
        self._changes = changes
        self._sync = sync
        self._reading = reading

    async def upsert(self, body: NomisSyncLocation) -> Reply[dict[str, Any]]:
        """Create a location without an id, update it with one."""
        location_id, created = await self._changes.upsert(body.snapshot())
        return Reply(await self._reading.legacy(location_id), status=201 if created else 200)

    async def migrate(self, body: NomisMigrateLocation) -> dict[str, Any]:
        """Create one location with its history; nobody is told."""
        return await self._reading.legacy(await self._changes.migrate(body.snapshot()))

    async def delete(self, location_id: UUID, caller: Caller) -> None:
        """Delete a location without children."""
        await self._reading.legacy(location_id)
        await self._sync.delete(location_id, caller.username, Wanted())

    async def delete_by_query(self, query: DeleteQuery, caller: Caller) -> None:
        """Do the same with the id in the query, as the record has it."""
        await self.delete(query.id, caller)

    async def show(self, location_id: UUID, query: HistoryQuery) -> dict[str, Any]:
        """Show a location as NOMIS's workers read it."""
        return await self._reading.legacy(location_id, history=query.include_history)


def routes(doors: LegacyDoors) -> Sequence[Route]:
    """List the doors."""
    refusals = (
        LocationNotFound,
        LocationArchived,
        SyncRefused,
        LocationKeyTaken,
        ParentNotAllowed,
        FieldNotAllowed,
        SyncOff,
        LocationBusy,
    )
    migrating = (LocationNotFound, LocationKeyTaken, ParentNotAllowed, FieldNotAllowed, SyncOff, LocationBusy)
    gone = (LocationNotFound, HasChildren, SyncOff, LocationBusy)
    record = "/locations/sync"
    return (
        Route("POST", "/sync/upsert", doors.upsert, SYNC, also=(201,), problems=refusals),
        Route("POST", f"{record}/upsert", doors.upsert, SYNC, also=(201,), problems=refusals),
        Route(
            "GET",
            f"{record}/upsert",
            doors.upsert,
            SYNC,
            also=(201,),
            problems=refusals,
            deprecated=True,
            headers=DEPRECATED,
        ),
        Route("DELETE", "/sync/delete/{locationId}", doors.delete, SYNC, status=204, problems=gone),
        Route("DELETE", f"{record}/delete", doors.delete_by_query, SYNC, status=204, problems=gone),
        Route("POST", f"{record}/delete", doors.delete_by_query, SYNC, status=204, problems=gone),
        Route(
            "GET",
            f"{record}/delete",
            doors.delete_by_query,
            SYNC,
            status=204,
            problems=gone,
            deprecated=True,
            headers=DEPRECATED,
        ),
        Route("POST", "/migrate/location", doors.migrate, MIGRATE, status=201, problems=migrating),
        Route("POST", "/locations/migrate", doors.migrate, MIGRATE, status=201, problems=migrating),
        Route("GET", "/sync/id/{locationId}", doors.show, VIEW, problems=(LocationNotFound,)),
    )
