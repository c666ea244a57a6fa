"""One table, read both ways: every code goes there and back, and what folds is known by name."""

import pytest

from libs.domain import translation
from libs.domain.attributes import FAMILY_OF, Attribute, AttributeType
from libs.domain.codes import (
    NON_RESIDENTIAL_TYPES,
    RESIDENTIAL_TYPES,
    DeactivatedReason,
    HistoryAttribute,
    LocationType,
    ResidentialHousingType,
    UsageType,
)
from libs.domain.translation import Untranslatable


@pytest.mark.parametrize("word", LocationType)
def test_every_location_type_comes_back_as_it_went(word: LocationType) -> None:
    assert translation.dps_type(translation.NOMIS_TYPE[word]) is word


@pytest.mark.parametrize("word", ResidentialHousingType)
def test_every_housing_type_comes_back_as_it_went(word: ResidentialHousingType) -> None:
    assert translation.dps_housing(translation.NOMIS_UNIT[word]) is word


@pytest.mark.parametrize("word", UsageType)
def test_every_usage_comes_back_as_it_went(word: UsageType) -> None:
    assert translation.dps_usage(translation.NOMIS_USAGE[word]) is word


@pytest.mark.parametrize("word", sorted(set(Attribute) - translation.UNSHARED_ATTRIBUTES))
def test_every_attribute_nomis_can_hold_comes_back_as_it_went(word: Attribute) -> None:
    assert translation.DPS_ATTRIBUTE[translation.NOMIS_PROFILE[word]] is word


@pytest.mark.parametrize("word", sorted(set(DeactivatedReason) - translation.UNSHARED_REASONS))
def test_every_reason_nomis_knows_comes_back_as_it_went(word: DeactivatedReason) -> None:
    assert translation.dps_reason(translation.nomis_reason(word)) is word


def test_the_words_without_a_code_are_these() -> None:
    assert {a.value for a in translation.UNSHARED_ATTRIBUTES} == {"ELIGIBLE", "INELIGIBLE", "CELL", "LANDING", "WING"}
    assert {r.value for r in translation.UNSHARED_REASONS} == {"DAMP", "PEST", "SECURITY_SEALED"}
    assert all(translation.nomis_reason(reason) == "F" for reason in translation.UNSHARED_REASONS)


@pytest.mark.parametrize(
    ("code", "word"),
    [("BLK", "WING"), ("HBLK", "WING"), ("TIER", "LANDING"), ("LAN", "LANDING")],
)
def test_the_codes_that_fold_into_a_type_are_these(code: str, word: str) -> None:
    assert translation.dps_type(code).value == word
    assert code not in translation.NOMIS_TYPE.values()


@pytest.mark.parametrize("code", [*"ABCEFKL", None])
def test_reasons_without_a_word_of_their_own_read_as_other(code: str | None) -> None:
    assert translation.dps_reason(code) is DeactivatedReason.OTHER


@pytest.mark.parametrize(
    ("pair", "word"),
    [
        (("HOU_UNIT_ATT", "SC"), "SAFE_CELL"),
        (("HOU_UNIT_ATT", "SAFE_CELL"), "SAFE_CELL"),
        (("HOU_USED_FOR", "V"), "VULNERABLE_PRISONER_UNIT"),
        (("HOU_USED_FOR", "H"), "NATIONAL_RESOURCE_HOSPITAL"),
        (("SUP_LVL_TYPE", "NA"), "NOT_APPLICABLE"),
        (("SUP_LVL_TYPE", "N/A"), "NOT_APPLICABLE"),
    ],
)
def test_profiles_that_fold_are_these(pair: tuple[str, str], word: str) -> None:
    assert translation.DPS_ATTRIBUTE[pair].value == word


def test_a_safe_cell_is_written_with_the_code_nomis_itself_uses() -> None:
    assert translation.NOMIS_PROFILE[Attribute.SAFE_CELL] == ("HOU_UNIT_ATT", "SC")


@pytest.mark.parametrize(
    ("translate", "code", "what"),
    [
        (translation.dps_type, "CASTLE", "location type"),
        (translation.dps_housing, "ZZ", "unit type"),
        (translation.dps_usage, "PARTY", "usage"),
        (translation.dps_reason, "Z", "deactivation reason"),
    ],
)
def test_an_unknown_code_is_refused_by_name(translate: object, code: str, what: str) -> None:
    assert callable(translate)
    with pytest.raises(Untranslatable, match=what) as refused:
        translate(code)
    assert refused.value.code == code


def test_the_lists_have_the_sizes_of_the_contract() -> None:
    assert (len(LocationType), len(RESIDENTIAL_TYPES), len(NON_RESIDENTIAL_TYPES)) == (39, 16, 27)
    families = [FAMILY_OF[attribute] for attribute in Attribute]
    assert {family: families.count(family) for family in AttributeType} == {
        AttributeType.SANITATION_FITTINGS: 10,
        AttributeType.LOCATION_ATTRIBUTE: 13,
        AttributeType.USED_FOR: 25,
        AttributeType.NON_ASSOCIATIONS: 3,
        AttributeType.SECURITY: 32,
    }
    assert FAMILY_OF[Attribute.CAT_A] is AttributeType.SECURITY
    assert FAMILY_OF[Attribute.WING] is AttributeType.NON_ASSOCIATIONS


def test_every_amendment_label_has_a_history_attribute_of_its_own() -> None:
    assert len(set(translation.HISTORY_LABEL.values())) == len(translation.HISTORY_LABEL) == 15
    assert translation.HISTORY_LABEL[None] is HistoryAttribute.ATTRIBUTES
