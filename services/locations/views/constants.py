"""The lists of codes that screens offer, as `/constants` shows them (`reference/locations-api.md` §2.4)."""

from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Any

from libs.domain.attributes import FAMILY_OF, Attribute, AttributeType
from libs.domain.codes import (
    AccommodationType,
    ConvertedCellType,
    DeactivatedReason,
    Described,
    LocationType,
    ResidentialHousingType,
    SpecialistCellType,
    UsageType,
    UsedForType,
)

Json = dict[str, Any]

# Only where a prison holds women, or is of the long-term and high-security estate.
FEMALE_USES = frozenset({UsedForType.MOTHER_AND_BABY, UsedForType.PERINATAL_UNIT})
SECURE_USES = frozenset(
    {
        UsedForType.CLOSE_SUPERVISION_CENTRE,
        UsedForType.HIGH_SECURITY,
        UsedForType.PATHWAY_TO_PROG,
        UsedForType.SEPARATION_CENTRE,
    }
)
MORE_ABOUT: Mapping[Described, str] = MappingProxyType(
    {
        SpecialistCellType.ACCESSIBLE_CELL: "Also known as wheelchair accessible or DDA compliant",
        SpecialistCellType.BIOHAZARD_DIRTY_PROTEST: "Previously known as a dirty protest cell",
    }
)


def used_for(*, female: bool, secure: bool) -> Json:
    """Return the uses that a prison of this kind may have."""
    kept = (use for use in UsedForType if (female or use not in FEMALE_USES) and (secure or use not in SECURE_USES))
    return {"usedForTypes": _by_sequence(kept)}


def _listed(codes: Iterable[Described], order: Callable[[Described], Any]) -> list[Json]:
    return [_item(code) for code in sorted(codes, key=order)]


def _item(code: Described) -> Json:
    item = {"key": code.value, "description": code.description}
    return item | ({"additionalInformation": MORE_ABOUT[code]} if code in MORE_ABOUT else {})


def _by_sequence(codes: Iterable[Described]) -> list[Json]:
    return _listed(codes, lambda code: code.sequence)


def _by_description(codes: Iterable[Described]) -> list[Json]:
    return _listed(codes, lambda code: code.description)


def _attributes() -> list[Json]:
    return [
        _item(family)
        | {"values": _by_description(attribute for attribute in Attribute if FAMILY_OF[attribute] is family)}
        for family in sorted(AttributeType, key=lambda family: family.description)
    ]


# What stands under `/constants`, the name of the list in the answer, and the list.
CONSTANTS: Mapping[str, Json] = MappingProxyType(
    {
        "location-type": {"locationTypes": _by_description(LocationType)},
        "deactivated-reason": {"deactivatedReasons": _by_sequence(DeactivatedReason)},
        "residential-housing-type": {"residentialHousingTypes": _by_sequence(ResidentialHousingType)},
        "non-residential-usage-type": {"nonResidentialUsageTypes": _by_sequence(UsageType)},
        "residential-attribute-type": {"residentialAttributeTypes": _attributes()},
        "accommodation-type": {"accommodationTypes": _by_sequence(AccommodationType)},
        "specialist-cell-type": {"specialistCellTypes": _by_sequence(SpecialistCellType)},
        "used-for-type": used_for(female=True, secure=True),
        "converted-cell-type": {"convertedCellTypes": _by_sequence(ConvertedCellType)},
    }
)
