"""Rows to test with: one cell as both sides hold it, and strategies for anything either side may hold."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from hypothesis import strategies as st

from libs.domain.attributes import Attribute
from libs.domain.codes import ConvertedCellType, DeactivatedReason, LocationType, ResidentialHousingType, UsageType
from libs.domain.nomis import NomisLocation, NomisLocationId, NomisUsage, Profile
from libs.domain.shared import is_holding_cell
from libs.domain.sync import OwnLocation, Usage
from libs.domain.translation import DPS_ATTRIBUTE, DPS_HOUSING, DPS_REASON, DPS_TYPE, DPS_USAGE

CELL_ID = UUID("0f3a6c1e-7b1d-4c55-9a4e-5d2b8f10a001")
LANDING_ID = UUID("0f3a6c1e-7b1d-4c55-9a4e-5d2b8f10a002")
CELL_NOMIS = NomisLocationId(771204)
LANDING_NOMIS = NomisLocationId(771100)


def nomis_cell(**changed: Any) -> NomisLocation:
    """Return `NWI-C-2-017` as NOMIS holds it."""
    row: dict[str, Any] = {
        "location_id": CELL_NOMIS,
        "certified": True,
        "location_type": "CELL",
        "prison_id": "NWI",
        "parent_location_id": LANDING_NOMIS,
        "operational_capacity": 1,
        "cna_capacity": 1,
        "description": "NWI-C-2-017",
        "location_code": "017",
        "capacity": 2,
        "list_sequence": 17,
        "comment": "Door re-hung",
        "unit_type": "NA",
        "active": True,
        "profiles": (
            Profile(profile_type="HOU_UNIT_ATT", profile_code="SO"),
            Profile(profile_type="HOU_SANI_FIT", profile_code="SCB"),
        ),
        "create_datetime": datetime(2011, 2, 3, 4, 5, 6),  # noqa: DTZ001 - NOMIS keeps London time without zone
        "create_username": "OMS_OWNER",
    }
    return NomisLocation(**row | changed)


def dps_cell(**changed: Any) -> OwnLocation:
    """Return the same cell as DPS holds it."""
    own: dict[str, Any] = {
        "id": CELL_ID,
        "prison_id": "NWI",
        "code": "017",
        "path_hierarchy": "C-2-017",
        "key": "NWI-C-2-017",
        "location_type": LocationType.CELL,
        "parent_id": LANDING_ID,
        "comments": "Door re-hung",
        "order_within_parent_location": 17,
        "residential_housing_type": ResidentialHousingType.NORMAL_ACCOMMODATION,
        "max_capacity": 2,
        "working_capacity": 1,
        "certified": True,
        "capacity_of_certified_cell": 1,
        "attributes": (Attribute.SINGLE_OCCUPANCY, Attribute.STANDARD_CELL_BELL),
    }
    return OwnLocation(**own | changed)


def made(model: type[Any], **parts: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Build a model by its own names: `st.builds` would ask for the aliases of its signature."""
    return st.fixed_dictionaries(parts).map(lambda values: model(**values))


_text = st.none() | st.text(max_size=60)
_number = st.none() | st.integers(min_value=0, max_value=99)
_date = st.none() | st.dates(min_value=date(2007, 1, 1), max_value=date(2030, 1, 1))
_day = _date.map(lambda day: datetime(day.year, day.month, day.day) if day else None)  # noqa: DTZ001 - London, no zone

profiles = st.sampled_from(
    [*DPS_ATTRIBUTE, ("NON_ASSO_TYP", "WING"), ("HOU_USED_FOR", "MB"), ("HOU_UNIT_ATT", "LISTENER")],
).map(lambda pair: Profile(profile_type=pair[0], profile_code=pair[1]))

nomis_usages = made(
    NomisUsage,
    internal_location_usage_type=st.sampled_from(sorted(DPS_USAGE)),
    capacity=_number,
    sequence=_number,
)

nomis_rows = made(
    NomisLocation,
    location_id=st.just(CELL_NOMIS),
    certified=st.booleans(),
    location_type=st.sampled_from(sorted(DPS_TYPE)),
    prison_id=st.just("NWI"),
    parent_location_id=st.sampled_from([None, LANDING_NOMIS]),
    operational_capacity=_number,
    cna_capacity=_number,
    user_description=st.none() | st.text(max_size=40),
    description=st.just("NWI-C-2-017"),
    location_code=st.text(min_size=1, max_size=12),
    capacity=_number,
    list_sequence=_number,
    comment=st.none() | st.text(max_size=240),
    unit_type=st.sampled_from([None, *sorted(DPS_HOUSING)]),
    active=st.booleans(),
    deactivate_date=_date,
    reason_code=st.sampled_from([None, *sorted(DPS_REASON)]),
    reactivate_date=_date,
    profiles=st.lists(profiles, max_size=6, unique_by=lambda p: (p.profile_type, p.profile_code)).map(tuple),
    usages=st.lists(nomis_usages, max_size=4, unique_by=lambda u: u.internal_location_usage_type).map(tuple),
    create_datetime=st.just(datetime(2011, 2, 3)),  # noqa: DTZ001 - London, no zone
    create_username=st.just("OMS_OWNER"),
)

dps_usages = made(Usage, usage_type=st.sampled_from(UsageType), capacity=_number, sequence=st.integers(0, 99))

own_locations = made(
    OwnLocation,
    id=st.just(CELL_ID),
    prison_id=st.just("NWI"),
    code=st.text(min_size=1, max_size=12),
    path_hierarchy=st.just("C-2-017"),
    key=st.just("NWI-C-2-017"),
    location_type=st.sampled_from(LocationType),
    parent_id=st.sampled_from([None, LANDING_ID]),
    local_name=_text,
    comments=st.none() | st.text(max_size=255),
    order_within_parent_location=_number,
    residential_housing_type=st.sampled_from([None, *ResidentialHousingType]),
    max_capacity=_number,
    working_capacity=_number,
    certified=st.none() | st.booleans(),
    capacity_of_certified_cell=_number,
    attributes=st.lists(st.sampled_from(Attribute), max_size=6, unique=True).map(tuple),
    usages=st.lists(dps_usages, max_size=4, unique_by=lambda u: u.usage_type).map(tuple),
    active=st.booleans(),
    archived=st.booleans(),
    converted_cell_type=st.sampled_from([None, None, ConvertedCellType.OFFICE]),
    deactivated_date=_day,
    deactivated_reason=st.sampled_from([None, *DeactivatedReason]),
    proposed_reactivation_date=_date,
    # DPS converts a holding cell as it meets it, so there is none that is not.
).filter(lambda own: own.converted_cell_type or not is_holding_cell(own.location_type, own.residential_housing_type))
