"""NOMIS codes and DPS words: one table each, read both ways.

Written DPS → NOMIS; the synonyms that fold on the way in are listed beside each table. Sources:
`reference/from-nomis.md` §1.7, `reference/to-nomis.md` §1.7. Where a code has no counterpart the caller gets None or a
named error, never a guess.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import TypeVar

from libs.domain.attributes import FAMILY_OF, Attribute, AttributeType
from libs.domain.codes import (
    DeactivatedReason,
    HistoryAttribute,
    LocationType,
    NomisDeactivatedReason,
    ResidentialHousingType,
    UsageType,
)

D = TypeVar("D")
C = TypeVar("C")


class Untranslatable(Exception):
    """A NOMIS code that DPS has no word for, where dropping it would lose the meaning of the row."""

    def __init__(self, what: str, code: str) -> None:
        super().__init__(f"{what} {code!r} has no counterpart in DPS")
        self.what = what
        self.code = code


def _both_ways(table: Mapping[D, C], folds: Mapping[C, D]) -> MappingProxyType[C, D]:
    return MappingProxyType({code: word for word, code in table.items()} | dict(folds))


NOMIS_TYPE = MappingProxyType(
    {
        LocationType.WING: "WING",
        LocationType.SPUR: "SPUR",
        LocationType.LANDING: "LAND",
        LocationType.CELL: "CELL",
        LocationType.ADJUDICATION_ROOM: "ADJU",
        LocationType.ADMINISTRATION_AREA: "ADMI",
        LocationType.APPOINTMENTS: "APP",
        LocationType.AREA: "AREA",
        LocationType.ASSOCIATION: "ASSO",
        LocationType.BOOTH: "BOOT",
        LocationType.BOX: "BOX",
        LocationType.CLASSROOM: "CLAS",
        LocationType.EXERCISE_AREA: "EXER",
        LocationType.EXTERNAL_GROUNDS: "EXTE",
        LocationType.FAITH_AREA: "FAIT",
        LocationType.GROUP: "GROU",
        LocationType.HOLDING_CELL: "HCEL",
        LocationType.HOLDING_AREA: "HOLD",
        LocationType.INTERNAL_GROUNDS: "IGRO",
        LocationType.INSIDE_PARTY: "INSI",
        LocationType.INTERVIEW: "INTE",
        LocationType.LOCATION: "LOCA",
        LocationType.MEDICAL: "MEDI",
        LocationType.MOVEMENT_AREA: "MOVE",
        LocationType.OFFICE: "OFFI",
        LocationType.OUTSIDE_PARTY: "OUTS",
        LocationType.POSITION: "POSI",
        LocationType.RESIDENTIAL_UNIT: "RESI",
        LocationType.ROOM: "ROOM",
        LocationType.RETURN_TO_UNIT: "RTU",
        LocationType.SHELF: "SHEL",
        LocationType.SPORTS: "SPOR",
        LocationType.STORE: "STOR",
        LocationType.TABLE: "TABL",
        LocationType.TRAINING_AREA: "TRAI",
        LocationType.TRAINING_ROOM: "TRRM",
        LocationType.VIDEO_LINK: "VIDE",
        LocationType.VISITS: "VISIT",
        LocationType.WORKSHOP: "WORK",
    },
)
FOLDED_TYPES = MappingProxyType(
    {
        "BLK": LocationType.WING,
        "HBLK": LocationType.WING,
        "TIER": LocationType.LANDING,
        "LAN": LocationType.LANDING,
    },
)
DPS_TYPE = _both_ways(NOMIS_TYPE, FOLDED_TYPES)

NOMIS_UNIT = MappingProxyType(
    {
        ResidentialHousingType.HEALTHCARE: "HC",
        ResidentialHousingType.HOLDING_CELL: "HOLC",
        ResidentialHousingType.NORMAL_ACCOMMODATION: "NA",
        ResidentialHousingType.OTHER_USE: "OU",
        ResidentialHousingType.RECEPTION: "REC",
        ResidentialHousingType.SEGREGATION: "SEG",
        ResidentialHousingType.SPECIALIST_CELL: "SPLC",
    },
)
DPS_HOUSING = _both_ways(NOMIS_UNIT, {})

NOMIS_USAGE = MappingProxyType(
    {
        UsageType.APPOINTMENT: "APP",
        UsageType.VISIT: "VISIT",
        UsageType.MOVEMENT: "MOVEMENT",
        UsageType.OCCURRENCE: "OCCUR",
        UsageType.ADJUDICATION_HEARING: "OIC",
        UsageType.OTHER: "OTHER",
        UsageType.PROGRAMMES_ACTIVITIES: "PROG",
        UsageType.PROPERTY: "PROP",
    },
)
FOLDED_USAGES = MappingProxyType({"OTH": UsageType.OTHER})
DPS_USAGE = _both_ways(NOMIS_USAGE, FOLDED_USAGES)

# DAMP, PEST and SECURITY_SEALED have no NOMIS reason: they go out as F and come back unchanged (design §5).
NOMIS_REASON = MappingProxyType(
    {
        DeactivatedReason.REFURBISHMENT: "D",
        DeactivatedReason.OTHER: "F",
        DeactivatedReason.MAINTENANCE: "G",
        DeactivatedReason.STAFF_SHORTAGE: "H",
        DeactivatedReason.MOTHBALLED: "I",
        DeactivatedReason.DAMAGED: "J",
    },
)
FOLDED_REASONS = MappingProxyType(dict.fromkeys("ABCEKL", DeactivatedReason.OTHER))
DPS_REASON = _both_ways(NOMIS_REASON, FOLDED_REASONS)
UNSHARED_REASONS = frozenset(DeactivatedReason) - frozenset(NOMIS_REASON)

# The legacy sync and migrate doors name NOMIS's reasons in words.
NOMIS_REASON_WORD = MappingProxyType(
    {
        "A": NomisDeactivatedReason.NEW_BUILDING,
        "B": NomisDeactivatedReason.CELL_RECLAIMS,
        "C": NomisDeactivatedReason.CHANGE_OF_USE,
        "D": NomisDeactivatedReason.REFURBISHMENT,
        "E": NomisDeactivatedReason.CLOSURE,
        "F": NomisDeactivatedReason.OTHER,
        "G": NomisDeactivatedReason.LOCAL_WORK,
        "H": NomisDeactivatedReason.STAFF_SHORTAGE,
        "I": NomisDeactivatedReason.MOTHBALLED,
        "J": NomisDeactivatedReason.DAMAGED,
        "K": NomisDeactivatedReason.OUT_OF_USE,
        "L": NomisDeactivatedReason.CELLS_RETURNING_TO_USE,
    },
)
REASON_OF_WORD = MappingProxyType({word: DPS_REASON[code] for code, word in NOMIS_REASON_WORD.items()})

PROFILE_TYPE = MappingProxyType(
    {
        AttributeType.SANITATION_FITTINGS: "HOU_SANI_FIT",
        AttributeType.LOCATION_ATTRIBUTE: "HOU_UNIT_ATT",
        AttributeType.USED_FOR: "HOU_USED_FOR",
        AttributeType.SECURITY: "SUP_LVL_TYPE",
        AttributeType.NON_ASSOCIATIONS: "NON_ASSO_TYP",
    },
)

_PROFILE_CODE = MappingProxyType(
    {
        Attribute.ANTI_BARRICADE_DOOR: "ABD",
        Attribute.AUDITABLE_CELL_BELL: "ACB",
        Attribute.FIXED_BED: "FIB",
        Attribute.METAL_DOOR: "MD",
        Attribute.MOVABLE_BED: "MOB",
        Attribute.PRIVACY_CURTAIN: "PC",
        Attribute.PRIVACY_SCREEN: "PS",
        Attribute.STANDARD_CELL_BELL: "SCB",
        Attribute.SEPARATE_TOILET: "SETO",
        Attribute.WOODEN_DOOR: "WD",
        Attribute.CAT_A_CELL: "A",
        Attribute.DOUBLE_OCCUPANCY: "DO",
        Attribute.E_LIST_CELL: "ELC",
        Attribute.GATED_CELL: "GC",
        Attribute.LISTENER_CELL: "LC",
        Attribute.LOCATE_FLAT: "LF",
        Attribute.MULTIPLE_OCCUPANCY: "MO",
        Attribute.NON_SMOKER_CELL: "NSMC",
        Attribute.OBSERVATION_CELL: "OC",
        Attribute.SAFE_CELL: "SC",
        Attribute.SINGLE_OCCUPANCY: "SO",
        Attribute.SPECIAL_CELL: "SPC",
        Attribute.WHEELCHAIR_ACCESS: "WA",
        Attribute.UNCONVICTED_JUVENILES: "1",
        Attribute.SENTENCED_JUVENILES: "2",
        Attribute.UNCONVICTED_18_20: "3",
        Attribute.SENTENCED_18_20: "4",
        Attribute.UNCONVICTED_ADULTS: "5",
        Attribute.SENTENCED_ADULTS: "6",
        Attribute.VULNERABLE_PRISONER_UNIT: "7",
        Attribute.SPECIAL_UNIT: "8",
        Attribute.RESETTLEMENT_HOSTEL: "9",
        Attribute.HEALTHCARE_CENTRE: "10",
        Attribute.NATIONAL_RESOURCE_HOSPITAL: "11",
        Attribute.OTHER_SPECIFIED: "12",
        Attribute.REMAND_CENTRE: "A",
        Attribute.LOCAL_PRISON: "B",
        Attribute.CLOSED_PRISON: "C",
        Attribute.OPEN_TRAINING: "D",
        Attribute.HOSTEL: "E",
        Attribute.CLOSED_YOUNG_OFFENDER: "I",
        Attribute.OPEN_YOUNG_OFFENDER: "J",
        Attribute.REMAND_UNDER_18: "K",
        Attribute.SENTENCED_UNDER_18: "L",
        Attribute.ECL_COMPONENT: "R",
        Attribute.ADDITIONAL_SPECIAL_UNIT: "T",
        Attribute.SECOND_CLOSED_TRAINER: "Y",
        Attribute.IMMIGRATION_DETAINEES: "Z",
        Attribute.CAT_A: "A",
        Attribute.CAT_A_EX: "E",
        Attribute.CAT_A_HI: "H",
        Attribute.CAT_B: "B",
        Attribute.CAT_C: "C",
        Attribute.CAT_D: "D",
        Attribute.PAROLE_GRANTED: "GRANTED",
        Attribute.YOI_CLOSED: "I",
        Attribute.YOI_OPEN: "J",
        Attribute.YOI_RESTRICTED: "V",
        Attribute.YOI_SHORT_SENTENCE: "K",
        Attribute.YOI_LONG_TERM_CLOSED: "L",
        Attribute.UNCLASSIFIED: "Z",
        Attribute.UNCATEGORISED_SENTENCED_MALE: "X",
        Attribute.LOW: "LOW",
        Attribute.MEDIUM: "MED",
        Attribute.HIGH: "HI",
        Attribute.NOT_APPLICABLE: "N/A",
        Attribute.PROV_A: "P",
        Attribute.PENDING: "PEND",
        Attribute.REF_REVIEW: "REF/REVIEW",
        Attribute.REFUSED_NO_REVIEW: "REFUSED",
        Attribute.STANDARD: "STANDARD",
        Attribute.FEMALE_RESTRICTED: "Q",
        Attribute.FEMALE_CLOSED: "R",
        Attribute.FEMALE_SEMI: "S",
        Attribute.FEMALE_OPEN: "T",
        Attribute.UN_SENTENCED: "U",
        Attribute.YES: "Y",
        Attribute.NO: "N",
    },
)

NOMIS_PROFILE = MappingProxyType(
    {attribute: (PROFILE_TYPE[FAMILY_OF[attribute]], code) for attribute, code in _PROFILE_CODE.items()},
)
"""(profile type, profile code) of each attribute that NOMIS can hold: 78 of the 83."""

FOLDED_PROFILES = MappingProxyType(
    {
        ("HOU_UNIT_ATT", "SAFE_CELL"): Attribute.SAFE_CELL,
        ("HOU_USED_FOR", "V"): Attribute.VULNERABLE_PRISONER_UNIT,
        ("HOU_USED_FOR", "H"): Attribute.NATIONAL_RESOURCE_HOSPITAL,
        ("SUP_LVL_TYPE", "NA"): Attribute.NOT_APPLICABLE,
    },
)
DPS_ATTRIBUTE = _both_ways(NOMIS_PROFILE, FOLDED_PROFILES)
UNSHARED_ATTRIBUTES = frozenset(Attribute) - frozenset(NOMIS_PROFILE)

HISTORY_LABEL = MappingProxyType(
    {
        "Unit Type": HistoryAttribute.RESIDENTIAL_HOUSING_TYPE,
        "Active": HistoryAttribute.ACTIVE,
        "Living Unit Id": HistoryAttribute.CODE,
        "Comments": HistoryAttribute.COMMENTS,
        "Accommodation Type": HistoryAttribute.LOCATION_TYPE,
        "Certified": HistoryAttribute.CERTIFIED,
        "Description": HistoryAttribute.DESCRIPTION,
        "Baseline CNA": HistoryAttribute.CERTIFIED_CAPACITY,
        "Operational Capacity": HistoryAttribute.OPERATIONAL_CAPACITY,
        "Maximum Capacity": HistoryAttribute.CAPACITY,
        "Deactivate Reason": HistoryAttribute.DEACTIVATED_REASON,
        "Deactivate Date": HistoryAttribute.DEACTIVATED_DATE,
        "Proposed Reactivate Date": HistoryAttribute.PROPOSED_REACTIVATION_DATE,
        "Sequence": HistoryAttribute.ORDER_WITHIN_PARENT_LOCATION,
        None: HistoryAttribute.ATTRIBUTES,
    },
)
"""NOMIS amendment labels; no label is a profile change. A label not listed here is kept out and reported."""


def dps_type(code: str) -> LocationType:
    """Translate ILOC_TYPE and its relatives; an unknown type is refused, because nothing stands in for it."""
    if code not in DPS_TYPE:
        raise Untranslatable("location type", code)
    return DPS_TYPE[code]


def dps_housing(code: str | None) -> ResidentialHousingType | None:
    """Translate HOU_UN_TYPE; none means non-residential."""
    if code is None:
        return None
    if code not in DPS_HOUSING:
        raise Untranslatable("unit type", code)
    return DPS_HOUSING[code]


def dps_usage(code: str) -> UsageType:
    """Translate ILOC_USG."""
    if code not in DPS_USAGE:
        raise Untranslatable("usage", code)
    return DPS_USAGE[code]


def dps_reason(code: str | None) -> DeactivatedReason:
    """Translate LIV_UN_RSN of an inactive row; none reads as OTHER."""
    if code is None:
        return DeactivatedReason.OTHER
    if code not in DPS_REASON:
        raise Untranslatable("deactivation reason", code)
    return DPS_REASON[code]


def nomis_reason(reason: DeactivatedReason) -> str:
    """Return the code to send for a reason; what NOMIS has no code for goes out as F."""
    return NOMIS_REASON.get(reason, NOMIS_REASON[DeactivatedReason.OTHER])
