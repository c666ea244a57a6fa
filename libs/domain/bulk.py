"""What the bulk reads carry: structs, because whole estates go through them and each row is read once.

The shapes are those of `libs.domain.sync` and `libs.domain.nomis` with the same names, less what no reader of a whole
estate asks for. `libs.domain.shared` projects both.
"""

from datetime import date, datetime
from typing import Annotated, Any
from uuid import UUID

import msgspec

from libs.domain.attributes import Attribute
from libs.domain.codes import ConvertedCellType, DeactivatedReason, LocationType, ResidentialHousingType, UsageType
from libs.domain.nomis import NomisLocationId
from libs.domain.sync import Side

MIRRORS_MAX = 1000
IDS_MAX = 10_000


class _Row(msgspec.Struct, frozen=True, gc=False, rename="camel", omit_defaults=True):
    """CamelCase names; what is absent has its default, unknown members are ignored."""


class ProfileRow(_Row, frozen=True, gc=False):
    """One profile of a NOMIS row, as `Profile`."""

    profile_type: str
    profile_code: str


class NomisUsageRow(_Row, frozen=True, gc=False):
    """One use of a NOMIS row, as `NomisUsage`."""

    internal_location_usage_type: str
    capacity: int | None = None
    sequence: int | None = None


class NomisRow(_Row, frozen=True, gc=False):
    """A NOMIS location, as `NomisLocation`, without how it came about."""

    location_id: int
    location_type: str
    prison_id: str
    description: str
    location_code: str
    active: bool
    certified: bool = False
    parent_location_id: int | None = None
    operational_capacity: int | None = None
    cna_capacity: int | None = None
    user_description: str | None = None
    capacity: int | None = None
    list_sequence: int | None = None
    comment: str | None = None
    unit_type: str | None = None
    deactivate_date: date | None = None
    reason_code: str | None = None
    reactivate_date: date | None = None
    profiles: tuple[ProfileRow, ...] = ()
    usages: tuple[NomisUsageRow, ...] = ()
    create_username: str = ""


class AmendmentRow(_Row, frozen=True, gc=False):
    """One change of a NOMIS row, as `Amendment`."""

    amend_date_time: datetime
    amended_by: str
    column_name: str | None = None
    old_value: str | None = None
    new_value: str | None = None


class NomisDetail(NomisRow, frozen=True, gc=False, kw_only=True):
    """A NOMIS location with how it came about, as `NomisLocation`."""

    location_id: NomisLocationId
    parent_location_id: NomisLocationId | None = None
    create_datetime: datetime
    modify_username: str | None = None
    amendments: tuple[AmendmentRow, ...] = ()


class PairRow(_Row, frozen=True, gc=False):
    """The two ids of a mapping."""

    dps_location_id: str
    nomis_location_id: int


class UsageRow(_Row, frozen=True, gc=False):
    """One use of a non-residential location."""

    usage_type: UsageType
    capacity: int | None = None
    sequence: int = 99


class OwnRow(_Row, frozen=True, gc=False):
    """A DPS location's own state, as `OwnLocation`; ids are text."""

    id: str
    prison_id: str
    code: str
    path_hierarchy: str
    key: str
    location_type: LocationType
    parent_id: str | None = None
    local_name: str | None = None
    comments: str | None = None
    order_within_parent_location: int | None = None
    residential_housing_type: ResidentialHousingType | None = None
    max_capacity: int | None = None
    working_capacity: int | None = None
    certified: bool | None = None
    capacity_of_certified_cell: int | None = None
    attributes: tuple[Attribute, ...] = ()
    usages: tuple[UsageRow, ...] = ()
    active: bool = True
    archived: bool = False
    converted_cell_type: ConvertedCellType | None = None
    deactivated_date: datetime | None = None
    deactivated_reason: DeactivatedReason | None = None
    proposed_reactivation_date: date | None = None
    last_modified_by: str = ""
    last_modified_date: datetime | None = None


class SyncRow(_Row, frozen=True, gc=False):
    """What sync remembers, as `SyncState`; `base` only where it was asked for, `published` also where it is not empty.

    `agreed_key` is the key in the base: the location's when both sides last agreed.
    """

    version: int
    state_version: int
    nomis_location_id: int | None = None
    nomis_description: str | None = None
    agreed_key: str | None = None
    base: dict[str, Any] | None = None
    published: dict[str, list[Any]] | None = None
    authority: Side = Side.DPS
    one_way: bool = False


class MirrorRow(_Row, frozen=True, gc=False):
    """A location and what sync remembers of it."""

    location: OwnRow
    sync: SyncRow


class BuriedRow(_Row, frozen=True, gc=False):
    """A tombstone: the location was deleted."""

    id: str
    key: str
    nomis_location_id: int | None = None


class Mirrors(_Row, frozen=True, gc=False):
    """Answer of the bulk reads of the locations API; `last` when nothing follows this page."""

    content: list[MirrorRow]
    buried: list[BuriedRow] = []
    last: bool = True


class Ids(_Row, frozen=True):
    """Answer of `GET /sync/locations/ids`."""

    ids: list[str]
    last: bool


class FindMirrors(_Row, frozen=True):
    """Body of `POST /sync/locations/find`."""

    ids: Annotated[list[UUID], msgspec.Meta(max_length=MIRRORS_MAX)]
    with_base: bool = False
