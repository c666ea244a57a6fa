"""The link between a DPS location and a NOMIS one: strictly one to one (`reference/mapping-service.md` §1)."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from libs.domain.nomis import NomisLocationId
from libs.domain.wire import Wire


class MappingType(StrEnum):
    """Which of the three flows made the link."""

    MIGRATED = "MIGRATED"
    NOMIS_CREATED = "NOMIS_CREATED"
    LOCATION_CREATED = "LOCATION_CREATED"


class LocationMapping(Wire):
    """One row of the mapping service; `label` is the migration id of a migrated pair."""

    dps_location_id: UUID
    nomis_location_id: NomisLocationId
    mapping_type: MappingType
    label: str | None = None
    when_created: datetime | None = None
