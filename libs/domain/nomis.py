"""The NOMIS Prisoner API's locations in models: what it answers and what it takes (`reference/nomis.md` §2)."""

from datetime import date, datetime
from typing import NamedTuple, NewType

from libs.domain.wire import Wire

NomisLocationId = NewType("NomisLocationId", int)


class ListedLocation(NamedTuple):
    """One row of the list of all ids; NOMIS as published tells neither parent nor prison."""

    id: NomisLocationId
    parent_id: NomisLocationId | None = None
    prison_id: str | None = None


class ListedPage(NamedTuple):
    """A page of the list of all ids; what is listed by key, a row deleted meanwhile cannot move out of sight."""

    rows: list[ListedLocation]
    by_key: bool


class Profile(Wire):
    """One row of AGY_INT_LOC_PROFILES; both codes are raw."""

    profile_type: str
    profile_code: str


class NomisUsage(Wire):
    """One use of a location; the type is raw (APP, MOVEMENT, OCCUR, OIC, OTHER, OTH, PROG, PROP, VISIT)."""

    internal_location_usage_type: str
    capacity: int | None = None
    sequence: int | None = None


class Amendment(Wire):
    """One row of AGY_INT_LOC_AMENDMENTS: local London time, second precision; all values are text."""

    amend_date_time: datetime
    column_name: str | None = None
    old_value: str | None = None
    new_value: str | None = None
    amended_by: str


class NomisLocation(Wire):
    """A location as NOMIS holds it; codes are raw, dates have no zone (London)."""

    location_id: NomisLocationId
    certified: bool = False
    location_type: str
    prison_id: str
    parent_location_id: NomisLocationId | None = None
    parent_key: str | None = None
    operational_capacity: int | None = None
    cna_capacity: int | None = None
    user_description: str | None = None
    description: str
    location_code: str
    capacity: int | None = None
    list_sequence: int | None = None
    comment: str | None = None
    unit_type: str | None = None
    active: bool
    deactivate_date: date | None = None
    reason_code: str | None = None
    reactivate_date: date | None = None
    profiles: tuple[Profile, ...] = ()
    usages: tuple[NomisUsage, ...] = ()
    amendments: tuple[Amendment, ...] = ()
    create_datetime: datetime
    create_username: str
    modify_username: str | None = None


class UpdateNomisLocation(Wire):
    """Body of PUT /locations/{id}: a full replace; null clears, an absent list deletes all its rows."""

    location_type: str
    location_code: str
    description: str
    parent_location_id: NomisLocationId | None = None
    user_description: str | None = None
    unit_type: str | None = None
    list_sequence: int | None = None
    comment: str | None = None
    profiles: tuple[Profile, ...] = ()
    usages: tuple[NomisUsage, ...] = ()


class CreateNomisLocation(UpdateNomisLocation):
    """Body of POST /locations; NOMIS always makes the row active."""

    prison_id: str
    certified: bool = False
    cna_capacity: int | None = None
    capacity: int | None = None
    operational_capacity: int | None = None


class CapacityWrite(Wire):
    """Body of PUT /locations/{id}/capacity; null overwrites."""

    capacity: int | None
    operational_capacity: int | None


class CertificationWrite(Wire):
    """Body of PUT /locations/{id}/certification."""

    cna_capacity: int
    certified: bool


class DeactivateWrite(Wire):
    """Body of PUT /locations/{id}/deactivate; a missing date becomes today, `force` re-stamps an inactive row."""

    deactivate_date: date | None = None
    reason_code: str | None = None
    reactivate_date: date | None = None
    force: bool = True
