"""The sync and migrate doors of the locations API as they look on the wire (`design.md` §3 and §5).

`GET|PUT|DELETE /sync/locations/{id}` and `POST /migrate/locations/batch`. Values of shared fields travel as JSON in the
same normal form in which they are compared, stored as base and listed as published (`libs.domain.shared`).
"""

from datetime import date, datetime
from enum import IntEnum, StrEnum
from typing import Annotated, Any
from uuid import UUID

import msgspec
from pydantic import Field, JsonValue

from libs.domain.attributes import Attribute
from libs.domain.codes import (
    ConvertedCellType,
    DeactivatedReason,
    HistoryAttribute,
    LocationType,
    ResidentialHousingType,
    UsageType,
)
from libs.domain.nomis import NomisLocationId
from libs.domain.wire import Int32, Wire

MIGRATE_BATCH_MAX = 500
SYNC_WRITES_MAX = 100


class Side(StrEnum):
    """One of the two systems; also which of them masters a prison."""

    DPS = "DPS"
    NOMIS = "NOMIS"


class Usage(Wire):
    """One use of a non-residential location."""

    usage_type: UsageType
    capacity: Int32 | None = None
    sequence: Int32 = 99


class OwnLocation(Wire):
    """A location's own state: nothing derived, nothing inherited. Times are London local, without zone."""

    id: UUID
    prison_id: str
    code: str
    path_hierarchy: str
    key: str
    location_type: LocationType
    parent_id: UUID | None = None
    local_name: str | None = None
    comments: str | None = None
    order_within_parent_location: int | None = None
    residential_housing_type: ResidentialHousingType | None = None
    max_capacity: int | None = None
    working_capacity: int | None = None
    certified: bool | None = None
    capacity_of_certified_cell: int | None = None
    attributes: tuple[Attribute, ...] = ()
    usages: tuple[Usage, ...] = ()
    active: bool = True
    archived: bool = False
    converted_cell_type: ConvertedCellType | None = None
    deactivated_date: datetime | None = None
    deactivated_reason: DeactivatedReason | None = None
    proposed_reactivation_date: date | None = None
    last_modified_by: str = ""
    last_modified_date: datetime | None = None


class SyncState(Wire):
    """What both workers remember of a location between walks.

    `version` moves with every change of the location, `stateVersion` with every change of this record; the `ETag` is
    both. `base` is the last agreed value of each synced field (absent before the first agreement), `published` the
    values sent to NOMIS and not yet seen to have landed. `authority` masters the prison; with `oneWay` a NOMIS change
    is not copied.
    """

    version: int
    state_version: int
    nomis_location_id: NomisLocationId | None = None
    nomis_description: str | None = None
    base: dict[str, JsonValue] | None = None
    published: dict[str, list[JsonValue]] = Field(default_factory=dict)
    authority: Side = Side.DPS
    one_way: bool = False

    @property
    def etag(self) -> str:
        """The strong entity tag, without quotes."""
        return f"{self.version}-{self.state_version}"


class LocationMirror(Wire):
    """Answer of `GET /sync/locations/{id}` and of a write to it."""

    location: OwnLocation
    sync: SyncState


class Conflict(Wire):
    """A field that both sides changed, or an edit that DPS refused: nothing is overwritten without this record."""

    field: str
    base: JsonValue = None
    dps: JsonValue = None
    nomis: JsonValue = None
    won: Side
    reason: str


class SyncWrite(Wire):
    """Body of `PUT /sync/locations/{id}`: only what the writer means to change.

    `fields` has shared fields by name; on a create all that the location starts with. `base` and `published` replace
    the stored ones when given; `baseAsStored` makes the base what the location holds after this write, `keyAgreed` puts
    its key as it is after this write into the base (member `key`). `prisonId` and `createDate` count on a create only.
    With no `fields` the write moves the sync state alone: no version, no history, no event.
    """

    last_updated_by: str = Field(min_length=1, max_length=80)
    prison_id: str | None = None
    create_date: datetime | None = None
    fields: dict[str, JsonValue] = Field(default_factory=dict)
    base: dict[str, JsonValue] | None = None
    base_as_stored: bool = False
    key_agreed: bool = False
    published: dict[str, list[JsonValue]] | None = None
    nomis_location_id: NomisLocationId | None = None
    nomis_description: str | None = None
    conflicts: tuple[Conflict, ...] = ()


class OneWrite(Wire):
    """One of several writes, conditional on the entity tag (without quotes) that the writer has seen."""

    id: UUID
    etag: str = Field(min_length=1, max_length=80)
    write: SyncWrite


class SyncWrites(Wire):
    """Body of `POST /sync/locations/batch`: locations that are there already."""

    writes: tuple[OneWrite, ...] = Field(max_length=SYNC_WRITES_MAX)


class WriteOutcome(msgspec.Struct, frozen=True):
    """How one write of several ended: status and body as `PUT /sync/locations/{id}` has them."""

    status: int
    body: msgspec.Raw


class WriteOutcomes(msgspec.Struct, frozen=True):
    """Answer of `POST /sync/locations/batch`, in the order asked."""

    outcomes: list[WriteOutcome]


class Bulk(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True, gc=False):
    """Shapes of the bulk doors: structs, as five hundred travel at a time."""


class HistoryEntry(Bulk, frozen=True, kw_only=True):
    """One imported amendment, values kept verbatim; local London time."""

    attribute: HistoryAttribute
    old_value: str | None = None
    new_value: str | None = None
    amended_by: str
    amended_date: datetime


class MigrateLocation(Bulk, frozen=True, kw_only=True):
    """One location of a batch; `fields` as in `SyncWrite` on a create. The base is what was stored."""

    id: UUID
    nomis_location_id: NomisLocationId
    nomis_description: str
    prison_id: str
    fields: dict[str, Any]
    create_date: datetime
    last_updated_by: str
    history: tuple[HistoryEntry, ...] = ()


class MigrateBatch(Bulk, frozen=True):
    """Body of `POST /migrate/locations/batch`; parents may be in the batch, in any order."""

    locations: Annotated[tuple[MigrateLocation, ...], msgspec.Meta(max_length=MIGRATE_BATCH_MAX)]


class SyncErrorCode(IntEnum):
    """`errorCode` of a sync door's 409s that a worker tells apart; the contract's own codes end at 144."""

    ALREADY_EXISTS = 103
    SYNC_OFF = 150
    BUSY = 151


class MigrateResult(StrEnum):
    """How one location of a batch ended.

    `exists`: that id is there, nothing was changed but missing history was imported. `adopted`: an unmapped DPS
    location holds the key; the mapping goes to it and the merge walk does the rest.
    """

    CREATED = "created"
    EXISTS = "exists"
    ADOPTED = "adopted"
    NO_PARENT = "no parent"
    FAILED = "failed"


class MigrateOutcome(Bulk, frozen=True):
    """One answer of a batch, in the order asked; `id` is the location to map (another than asked when adopted)."""

    id: UUID
    nomis_location_id: NomisLocationId
    result: MigrateResult
    reason: str | None = None


class MigrateOutcomes(Bulk, frozen=True):
    """Answer of `POST /migrate/locations/batch`."""

    outcomes: tuple[MigrateOutcome, ...]
