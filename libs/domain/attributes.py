"""The 83 residential attributes: NOMIS's profiles in DPS words (`reference/locations-api.md` §1.3)."""

from types import MappingProxyType

from libs.domain.codes import Described, SpecialistCellType


class AttributeType(Described):
    """The family of an attribute; one NOMIS profile type each."""

    USED_FOR = "USED_FOR", "Used for"
    LOCATION_ATTRIBUTE = "LOCATION_ATTRIBUTE", "Location attribute"
    SANITATION_FITTINGS = "SANITATION_FITTINGS", "Sanitation and fittings"
    NON_ASSOCIATIONS = "NON_ASSOCIATIONS", "Non-associations"
    SECURITY = "SECURITY", "Supervision and Security"


class Attribute(Described):
    """One property of a residential location."""

    ANTI_BARRICADE_DOOR = "ANTI_BARRICADE_DOOR", "Anti Barricade Door"
    AUDITABLE_CELL_BELL = "AUDITABLE_CELL_BELL", "Auditable Cell Bell"
    FIXED_BED = "FIXED_BED", "Fixed Bed"
    METAL_DOOR = "METAL_DOOR", "Metal Door"
    MOVABLE_BED = "MOVABLE_BED", "Movable Bed"
    PRIVACY_CURTAIN = "PRIVACY_CURTAIN", "Privacy Curtain"
    PRIVACY_SCREEN = "PRIVACY_SCREEN", "Privacy Screen"
    STANDARD_CELL_BELL = "STANDARD_CELL_BELL", "Standard Cell Bell"
    SEPARATE_TOILET = "SEPARATE_TOILET", "Separate Toilet"
    WOODEN_DOOR = "WOODEN_DOOR", "Wooden Door"

    CAT_A_CELL = "CAT_A_CELL", "Cat A Cell"
    DOUBLE_OCCUPANCY = "DOUBLE_OCCUPANCY", "Double Occupancy"
    E_LIST_CELL = "E_LIST_CELL", "E List Cell"
    GATED_CELL = "GATED_CELL", "Gated Cell"
    LISTENER_CELL = "LISTENER_CELL", "Listener Cell"
    LOCATE_FLAT = "LOCATE_FLAT", "Locate Flat"
    MULTIPLE_OCCUPANCY = "MULTIPLE_OCCUPANCY", "Multiple Occupancy"
    NON_SMOKER_CELL = "NON_SMOKER_CELL", "Non Smoker Cell"
    OBSERVATION_CELL = "OBSERVATION_CELL", "Observation Cell"
    SAFE_CELL = "SAFE_CELL", "Safe Cell"
    SINGLE_OCCUPANCY = "SINGLE_OCCUPANCY", "Single Occupancy"
    SPECIAL_CELL = "SPECIAL_CELL", "Special Cell"
    WHEELCHAIR_ACCESS = "WHEELCHAIR_ACCESS", "Wheelchair Access"

    UNCONVICTED_JUVENILES = "UNCONVICTED_JUVENILES", "Unconvicted Juveniles"
    SENTENCED_JUVENILES = "SENTENCED_JUVENILES", "Sentenced Juveniles"
    UNCONVICTED_18_20 = "UNCONVICTED_18_20", "Unconvicted 18 to 20 year olds"
    SENTENCED_18_20 = "SENTENCED_18_20", "Sentenced 18 to 20 year olds"
    UNCONVICTED_ADULTS = "UNCONVICTED_ADULTS", "Unconvicted Adults"
    SENTENCED_ADULTS = "SENTENCED_ADULTS", "Sentenced Adults"
    VULNERABLE_PRISONER_UNIT = "VULNERABLE_PRISONER_UNIT", "Vulnerable Prisoner Unit"
    SPECIAL_UNIT = "SPECIAL_UNIT", "Special Unit"
    RESETTLEMENT_HOSTEL = "RESETTLEMENT_HOSTEL", "Resettlement Hostel"
    HEALTHCARE_CENTRE = "HEALTHCARE_CENTRE", "Healthcare Centre"
    NATIONAL_RESOURCE_HOSPITAL = "NATIONAL_RESOURCE_HOSPITAL", "National Resource Hospital"
    OTHER_SPECIFIED = "OTHER_SPECIFIED", "Other (Please Specify)"
    REMAND_CENTRE = "REMAND_CENTRE", "Remand Centre"
    LOCAL_PRISON = "LOCAL_PRISON", "Local Prison"
    CLOSED_PRISON = "CLOSED_PRISON", "Closed Prison"
    OPEN_TRAINING = "OPEN_TRAINING", "Open Training"
    HOSTEL = "HOSTEL", "Hostel"
    CLOSED_YOUNG_OFFENDER = "CLOSED_YOUNG_OFFENDER", "Closed Young Offender Institute"
    OPEN_YOUNG_OFFENDER = "OPEN_YOUNG_OFFENDER", "Open Young Offender Institute"
    REMAND_UNDER_18 = "REMAND_UNDER_18", "Remand Institute for Under 18s"
    SENTENCED_UNDER_18 = "SENTENCED_UNDER_18", "Institution for Sentenced Under 18s"
    ECL_COMPONENT = "ECL_COMPONENT", "ECL Component Code"
    ADDITIONAL_SPECIAL_UNIT = "ADDITIONAL_SPECIAL_UNIT", "Additional Special Unit"
    SECOND_CLOSED_TRAINER = "SECOND_CLOSED_TRAINER", "Second Closed Trainer/Single LIDS Site"
    IMMIGRATION_DETAINEES = "IMMIGRATION_DETAINEES", "Immigration Detainees"

    CELL = "CELL", "Do Not Locate in Same Cell"
    LANDING = "LANDING", "Do Not Locate on Same Landing"
    WING = "WING", "Do Not Locate on Same Wing"

    CAT_A = "CAT_A", "Cat A"
    CAT_A_EX = "CAT_A_EX", "Cat A Ex"
    CAT_A_HI = "CAT_A_HI", "Cat A Hi"
    CAT_B = "CAT_B", "Cat B"
    CAT_C = "CAT_C", "Cat C"
    CAT_D = "CAT_D", "Cat D"
    ELIGIBLE = "ELIGIBLE", "Eligible"
    PAROLE_GRANTED = "PAROLE_GRANTED", "Parole Granted"
    INELIGIBLE = "INELIGIBLE", "Ineligible"
    YOI_CLOSED = "YOI_CLOSED", "YOI Closed"
    YOI_OPEN = "YOI_OPEN", "YOI Open"
    YOI_RESTRICTED = "YOI_RESTRICTED", "YOI Restricted"
    YOI_SHORT_SENTENCE = "YOI_SHORT_SENTENCE", "YOI Short Sentence"
    YOI_LONG_TERM_CLOSED = "YOI_LONG_TERM_CLOSED", "YOI Long-Term Closed"
    UNCLASSIFIED = "UNCLASSIFIED", "Un-classified"
    UNCATEGORISED_SENTENCED_MALE = "UNCATEGORISED_SENTENCED_MALE", "Un-categorised Sentenced Male"
    LOW = "LOW", "Low"
    MEDIUM = "MEDIUM", "Medium"
    HIGH = "HIGH", "High"
    NOT_APPLICABLE = "NOT_APPLICABLE", "Not Applicable"
    PROV_A = "PROV_A", "Prov A"
    PENDING = "PENDING", "Pending"
    REF_REVIEW = "REF_REVIEW", "Ref / Review - Date set for Review"
    REFUSED_NO_REVIEW = "REFUSED_NO_REVIEW", "Refused - No Review possible"
    STANDARD = "STANDARD", "Standard"
    FEMALE_RESTRICTED = "FEMALE_RESTRICTED", "Female Restricted"
    FEMALE_CLOSED = "FEMALE_CLOSED", "Female Closed"
    FEMALE_SEMI = "FEMALE_SEMI", "Female Semi"
    FEMALE_OPEN = "FEMALE_OPEN", "Female Open"
    UN_SENTENCED = "UN_SENTENCED", "Un-sentenced"
    YES = "YES", "Yes"
    NO = "NO", "No"


def _families() -> dict[Attribute, AttributeType]:
    """Follow the order of the enum: ten fittings, thirteen attributes, 25 uses, three non-associations, the rest."""
    sizes = (
        (AttributeType.SANITATION_FITTINGS, 10),
        (AttributeType.LOCATION_ATTRIBUTE, 13),
        (AttributeType.USED_FOR, 25),
        (AttributeType.NON_ASSOCIATIONS, 3),
        (AttributeType.SECURITY, 32),
    )
    members = iter(Attribute)
    return {next(members): family for family, size in sizes for _ in range(size)}


FAMILY_OF = MappingProxyType(_families())

# A cell that is created with one of these also gets the specialist cell type; an update never does (§1.3).
SPECIALIST_OF = MappingProxyType(
    {
        Attribute.CAT_A_CELL: SpecialistCellType.CAT_A,
        Attribute.E_LIST_CELL: SpecialistCellType.ESCAPE_LIST,
        Attribute.GATED_CELL: SpecialistCellType.CONSTANT_SUPERVISION,
        Attribute.OBSERVATION_CELL: SpecialistCellType.CONSTANT_SUPERVISION,
        Attribute.LISTENER_CELL: SpecialistCellType.LISTENER_CRISIS,
        Attribute.LOCATE_FLAT: SpecialistCellType.LOCATE_FLAT_CELL,
        Attribute.SAFE_CELL: SpecialistCellType.SAFE_CELL,
        Attribute.WHEELCHAIR_ACCESS: SpecialistCellType.ACCESSIBLE_CELL,
    },
)
