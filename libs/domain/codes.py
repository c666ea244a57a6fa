"""The closed lists of Locations Inside Prison: the name is the wire value, the description is what people read.

Source: `reference/locations-api.md` §1.2–1.3. `sequence` orders the constants lists and the sets in answers.
"""

from enum import Enum
from types import MappingProxyType
from typing import Self


class Described(str, Enum):  # noqa: UP042 - StrEnum refuses members that carry more than their value
    """A code with the text people read and its place in lists."""

    description: str
    sequence: int

    def __new__(cls, value: str, description: str = "", sequence: int = 0) -> Self:
        """Make the member; looking one up by value needs the value alone."""
        member = str.__new__(cls, value)
        member._value_ = value
        member.description = description
        member.sequence = sequence
        return member

    def __str__(self) -> str:
        return str(self.value)

    # Equal to its text, so hashed as its text is; Enum's own hash runs in Python, and every code table pays for it.
    __hash__ = str.__hash__


class LocationType(Described):
    """What a location is; the 39 values of both systems."""

    WING = "WING", "Wing"
    SPUR = "SPUR", "Spur"
    LANDING = "LANDING", "Landing"
    CELL = "CELL", "Cell"
    ROOM = "ROOM", "Room"
    HOLDING_AREA = "HOLDING_AREA", "Holding area"
    MOVEMENT_AREA = "MOVEMENT_AREA", "Movement area"
    RESIDENTIAL_UNIT = "RESIDENTIAL_UNIT", "Residential unit"
    EXTERNAL_GROUNDS = "EXTERNAL_GROUNDS", "External grounds"
    HOLDING_CELL = "HOLDING_CELL", "Holding cell"
    MEDICAL = "MEDICAL", "Medical"
    GROUP = "GROUP", "Group"
    OFFICE = "OFFICE", "Office"
    ADMINISTRATION_AREA = "ADMINISTRATION_AREA", "Administration area"
    BOOTH = "BOOTH", "Booth"
    BOX = "BOX", "Box"
    RETURN_TO_UNIT = "RETURN_TO_UNIT", "Return to unit"
    CLASSROOM = "CLASSROOM", "Classroom"
    TRAINING_AREA = "TRAINING_AREA", "Training area"
    TRAINING_ROOM = "TRAINING_ROOM", "Training room"
    EXERCISE_AREA = "EXERCISE_AREA", "Exercise area"
    AREA = "AREA", "Area"
    SPORTS = "SPORTS", "Sports"
    WORKSHOP = "WORKSHOP", "Workshop"
    INSIDE_PARTY = "INSIDE_PARTY", "Inside party"
    OUTSIDE_PARTY = "OUTSIDE_PARTY", "Outside party"
    FAITH_AREA = "FAITH_AREA", "Faith area"
    ADJUDICATION_ROOM = "ADJUDICATION_ROOM", "Adjudication room"
    APPOINTMENTS = "APPOINTMENTS", "Appointments"
    VISITS = "VISITS", "Visits"
    VIDEO_LINK = "VIDEO_LINK", "Video link"
    ASSOCIATION = "ASSOCIATION", "Association"
    INTERNAL_GROUNDS = "INTERNAL_GROUNDS", "Internal grounds"
    INTERVIEW = "INTERVIEW", "Interview"
    LOCATION = "LOCATION", "Location"
    POSITION = "POSITION", "Position"
    SHELF = "SHELF", "Shelf"
    STORE = "STORE", "Store"
    TABLE = "TABLE", "Table"


STRUCTURAL_TYPES = frozenset({LocationType.WING, LocationType.SPUR, LocationType.LANDING})
AREA_TYPES = frozenset(
    {
        LocationType.HOLDING_AREA,
        LocationType.MOVEMENT_AREA,
        LocationType.EXTERNAL_GROUNDS,
        LocationType.AREA,
    },
)
CONVERTIBLE_TYPES = frozenset(
    {
        LocationType.ROOM,
        LocationType.RESIDENTIAL_UNIT,
        LocationType.HOLDING_CELL,
        LocationType.MEDICAL,
        LocationType.GROUP,
        LocationType.FAITH_AREA,
        LocationType.ADJUDICATION_ROOM,
        LocationType.STORE,
    },
)
RESIDENTIAL_TYPES = STRUCTURAL_TYPES | AREA_TYPES | CONVERTIBLE_TYPES | {LocationType.CELL}
# What summaries and rolls show of the residential locations.
SHOWN_TYPES = RESIDENTIAL_TYPES - AREA_TYPES
NON_RESIDENTIAL_TYPES = (
    frozenset(LocationType)
    - STRUCTURAL_TYPES
    - AREA_TYPES
    - {
        LocationType.CELL,
        LocationType.ROOM,
        LocationType.RESIDENTIAL_UNIT,
        LocationType.HOLDING_CELL,
        LocationType.MEDICAL,
    }
)


class ResidentialHousingType(Described):
    """NOMIS's unit type in DPS words; absent for non-residential locations."""

    HEALTHCARE = "HEALTHCARE", "Healthcare", 1
    HOLDING_CELL = "HOLDING_CELL", "Holding Cell", 2
    NORMAL_ACCOMMODATION = "NORMAL_ACCOMMODATION", "Normal Accommodation", 3
    RECEPTION = "RECEPTION", "Reception", 4
    SEGREGATION = "SEGREGATION", "Segregation", 5
    SPECIALIST_CELL = "SPECIALIST_CELL", "Specialist Cell", 6
    OTHER_USE = "OTHER_USE", "Other Use", 99


class AccommodationType(Described):
    """What a cell is for, in DPS."""

    CARE_AND_SEPARATION = "CARE_AND_SEPARATION", "Care and separation", 1
    HEALTHCARE_INPATIENTS = "HEALTHCARE_INPATIENTS", "Healthcare inpatients", 2
    NORMAL_ACCOMMODATION = "NORMAL_ACCOMMODATION", "Normal accommodation", 3
    OTHER_NON_RESIDENTIAL = "OTHER_NON_RESIDENTIAL", "Other", 99


ACCOMMODATION_OF_HOUSING = MappingProxyType(
    {
        ResidentialHousingType.NORMAL_ACCOMMODATION: AccommodationType.NORMAL_ACCOMMODATION,
        ResidentialHousingType.HEALTHCARE: AccommodationType.HEALTHCARE_INPATIENTS,
        ResidentialHousingType.SEGREGATION: AccommodationType.CARE_AND_SEPARATION,
        ResidentialHousingType.SPECIALIST_CELL: AccommodationType.OTHER_NON_RESIDENTIAL,
        ResidentialHousingType.HOLDING_CELL: AccommodationType.OTHER_NON_RESIDENTIAL,
        ResidentialHousingType.OTHER_USE: AccommodationType.OTHER_NON_RESIDENTIAL,
        ResidentialHousingType.RECEPTION: AccommodationType.OTHER_NON_RESIDENTIAL,
    },
)


class UsedForType(Described):
    """Who or what a cell is used for."""

    CLOSE_SUPERVISION_CENTRE = "CLOSE_SUPERVISION_CENTRE", "Close Supervision Centre (CSC)", 1
    SUB_MISUSE_DRUG_RECOVERY = (
        "SUB_MISUSE_DRUG_RECOVERY",
        "Drug recovery / Incentivised substance free living (ISFL)",
        2,
    )
    FIRST_NIGHT_CENTRE = "FIRST_NIGHT_CENTRE", "First night centre / Induction", 3
    HIGH_SECURITY = "HIGH_SECURITY", "High security unit", 4
    IPP_LONG_TERM_SENTENCES = (
        "IPP_LONG_TERM_SENTENCES",
        "Long-term sentences / Imprisonment for public protection (IPP)",
        5,
    )
    MOTHER_AND_BABY = "MOTHER_AND_BABY", "Mother and baby", 6
    OPEN_UNIT = "OPEN_UNIT", "Open unit in a closed establishment", 7
    PATHWAY_TO_PROG = "PATHWAY_TO_PROG", "Pathway to progression", 8
    PERINATAL_UNIT = "PERINATAL_UNIT", "Perinatal unit", 9
    PERSONALITY_DISORDER = "PERSONALITY_DISORDER", "Personality disorder unit", 10
    PIPE = "PIPE", "Psychologically informed planned environment (PIPE)", 11
    REMAND = "REMAND", "Remand", 12
    SEPARATION_CENTRE = "SEPARATION_CENTRE", "Separation centre", 13
    STANDARD_ACCOMMODATION = "STANDARD_ACCOMMODATION", "Standard accommodation", 14
    THERAPEUTIC_COMMUNITY = "THERAPEUTIC_COMMUNITY", "Therapeutic community", 15
    VULNERABLE_PRISONERS = "VULNERABLE_PRISONERS", "Vulnerable prisoners", 16
    YOUNG_PERSONS = "YOUNG_PERSONS", "Young persons", 17


class SpecialistCellType(Described):
    """What makes a cell special, in DPS words."""

    ACCESSIBLE_CELL = "ACCESSIBLE_CELL", "Accessible cell", 1
    BIOHAZARD_DIRTY_PROTEST = "BIOHAZARD_DIRTY_PROTEST", "Biohazard / dirty protest cell", 2
    CSU = "CSU", "Care and separation cell", 3
    CAT_A = "CAT_A", "Cat A cell", 4
    CONSTANT_SUPERVISION = "CONSTANT_SUPERVISION", "Constant supervision cell", 5
    DRY = "DRY", "Dry cell", 6
    ESCAPE_LIST = "ESCAPE_LIST", "Escape list cell", 7
    ISOLATION_DISEASES = "ISOLATION_DISEASES", "Isolation cell for communicable diseases", 8
    LISTENER_CRISIS = "LISTENER_CRISIS", "Listener / crisis cell", 9
    LOCATE_FLAT_CELL = "LOCATE_FLAT_CELL", "Locate flat", 10
    MEDICAL = "MEDICAL", "Medical cell", 11
    MOTHER_AND_BABY = "MOTHER_AND_BABY", "Mother and baby cell", 12
    SAFE_CELL = "SAFE_CELL", "Safe cell", 13
    UNFURNISHED = "UNFURNISHED", "Unfurnished cell", 14


class ConvertedCellType(Described):
    """What a cell became when it stopped holding people."""

    HOLDING_ROOM = "HOLDING_ROOM", "Holding room", 1
    INTERVIEW_ROOM = "INTERVIEW_ROOM", "Interview room", 2
    KITCHEN_SERVERY = "KITCHEN_SERVERY", "Kitchen / Servery", 3
    OFFICE = "OFFICE", "Office", 4
    SHOWER = "SHOWER", "Shower", 5
    STAFF_ROOM = "STAFF_ROOM", "Staff room", 6
    STORE = "STORE", "Store room", 7
    TREATMENT_ROOM = "TREATMENT_ROOM", "Treatment room", 8
    UTILITY_ROOM = "UTILITY_ROOM", "Utility room", 9
    OTHER = "OTHER", "Other", 99


class DeactivatedReason(Described):
    """Why a location is out of use, in DPS words."""

    DAMAGED = "DAMAGED", "Damage", 1
    DAMP = "DAMP", "Damp / mould", 2
    MAINTENANCE = "MAINTENANCE", "Maintenance", 3
    MOTHBALLED = "MOTHBALLED", "Mothballed", 4
    PEST = "PEST", "Pest control", 5
    REFURBISHMENT = "REFURBISHMENT", "Refurbishment", 6
    SECURITY_SEALED = "SECURITY_SEALED", "Security sealed", 7
    STAFF_SHORTAGE = "STAFF_SHORTAGE", "Staff shortage", 8
    OTHER = "OTHER", "Other", 99


class NomisDeactivatedReason(Described):
    """NOMIS's twelve reasons, as the legacy sync and migrate doors name them."""

    NEW_BUILDING = "NEW_BUILDING", "New Building"
    CELL_RECLAIMS = "CELL_RECLAIMS", "Cell Reclaims"
    CHANGE_OF_USE = "CHANGE_OF_USE", "Change of Use"
    REFURBISHMENT = "REFURBISHMENT", "Refurbishment"
    CLOSURE = "CLOSURE", "Closure"
    OTHER = "OTHER", "Other"
    LOCAL_WORK = "LOCAL_WORK", "Local Work"
    STAFF_SHORTAGE = "STAFF_SHORTAGE", "Staff Shortage"
    MOTHBALLED = "MOTHBALLED", "Mothballed"
    DAMAGED = "DAMAGED", "Damaged"
    OUT_OF_USE = "OUT_OF_USE", "Out of Use"
    CELLS_RETURNING_TO_USE = "CELLS_RETURNING_TO_USE", "Cells Returning to Use"


class UsageType(Described):
    """What a non-residential location is used for."""

    ADJUDICATION_HEARING = "ADJUDICATION_HEARING", "Adjudication hearing", 1
    APPOINTMENT = "APPOINTMENT", "Appointment", 2
    MOVEMENT = "MOVEMENT", "Movement", 3
    OCCURRENCE = "OCCURRENCE", "Occurrence", 4
    PROGRAMMES_ACTIVITIES = "PROGRAMMES_ACTIVITIES", "Programmes/activities", 5
    PROPERTY = "PROPERTY", "Property", 6
    VISIT = "VISIT", "Visit", 7
    OTHER = "OTHER", "Other", 99


class LocationStatus(Described):
    """The derived state of a location; ARCHIVED is history text only."""

    ACTIVE = "ACTIVE", "Active"
    INACTIVE = "INACTIVE", "Inactive"
    NON_RESIDENTIAL = "NON_RESIDENTIAL", "Non-residential"
    ARCHIVED = "ARCHIVED", "Archived"


class HistoryAttribute(Described):
    """What a history row is about; `sequence` 1 marks rows that the public view shows."""

    OPERATIONAL_CAPACITY = "OPERATIONAL_CAPACITY", "Working capacity", 1
    CAPACITY = "CAPACITY", "Max capacity", 1
    SPECIALIST_CELL_TYPE = "SPECIALIST_CELL_TYPE", "Cell type", 1
    USED_FOR = "USED_FOR", "Used for", 1
    DESCRIPTION = "DESCRIPTION", "Local name", 1
    CERTIFIED = "CERTIFIED", "Certification", 1
    STATUS = "STATUS", "Status", 1
    DEACTIVATION_REASON = "DEACTIVATION_REASON", "Deactivation reason", 1
    CONVERTED_CELL_TYPE = "CONVERTED_CELL_TYPE", "Converted cell type", 1
    USAGE = "USAGE", "Usage", 1
    NON_RESIDENTIAL_CAPACITY = "NON_RESIDENTIAL_CAPACITY", "Non residential capacity", 1
    CODE = "CODE", "Code"
    LOCATION_TYPE = "LOCATION_TYPE", "Location type"
    RESIDENTIAL_HOUSING_TYPE = "RESIDENTIAL_HOUSING_TYPE", "Residential housing type"
    PARENT_LOCATION = "PARENT_LOCATION", "Parent location"
    ORDER_WITHIN_PARENT_LOCATION = "ORDER_WITHIN_PARENT_LOCATION", "Order within parent location"
    COMMENTS = "COMMENTS", "Comments"
    ATTRIBUTES = "ATTRIBUTES", "Attributes"
    PROPOSED_REACTIVATION_DATE = "PROPOSED_REACTIVATION_DATE", "Proposed reactivation date"
    ACCOMMODATION_TYPE = "ACCOMMODATION_TYPE", "Accommodation type"
    PLANET_FM_NUMBER = "PLANET_FM_NUMBER", "Planet FM number"
    PERMANENT_DEACTIVATION = "PERMANENT_DEACTIVATION", "Permanent deactivation"
    CERTIFIED_CAPACITY = "CERTIFIED_CAPACITY", "Baseline certified capacity"
    ACTIVE = "ACTIVE", "Active"
    DEACTIVATED_DATE = "DEACTIVATED_DATE", "Deactivated date"
    DEACTIVATED_REASON = "DEACTIVATED_REASON", "Deactivated reason"
    DEACTIVATED_REASON_DESCRIPTION = "DEACTIVATED_REASON_DESCRIPTION", "Deactivated reason description"

    @property
    def shown(self) -> bool:
        """Whether the public view of a location's history has it."""
        return self.sequence == 1
