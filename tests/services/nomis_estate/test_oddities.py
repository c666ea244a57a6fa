"""Every oddity of `reference/nomis.md` §1.10 is there, about as often as it should be."""

from collections import Counter
from collections.abc import Callable, Sequence

import pytest

from services.nomis.estate.oddities import RATES
from tests.services.nomis_estate.rows import Everything, Row, is_cell

JUNK = {
    ("HOU_USED_FOR", "S"),
    ("HOU_USED_FOR", "BM"),
    ("HOU_USED_FOR", "MB"),
    ("HOU_USED_FOR", "0"),
    ("HOU_SANI_FIT", "ABC"),
    ("HOU_SANI_FIT", "TVP"),
    ("HOU_SANI_FIT", "ST"),
    ("HOU_UNIT_ATT", "LISTENER"),
}


def coded(everything: Everything, *codes: tuple[str, str]) -> int:
    """How many locations have all these profiles."""
    found = Counter(
        row.internal_location_id
        for row in everything.profiles
        if (row.int_loc_profile_type, row.int_loc_profile_code) in codes
    )
    return sum(count == len(codes) for count in found.values())


def share(rows: Sequence[Row], odd: Callable[[Row], object]) -> float:
    return sum(bool(odd(row)) for row in rows) / len(rows)


def test_1_some_usages_are_of_locations_that_do_not_exist(everything: Everything) -> None:
    ids = set(everything.by_id)
    orphans = share(everything.usage_locations, lambda row: row.internal_location_id not in ids)
    assert orphans == pytest.approx(RATES.orphan_usage, rel=0.3)
    assert {row.internal_location_id for row in everything.profiles} <= ids


def test_2_prisons_have_other_or_oth_or_both(everything: Everything) -> None:
    by_prison: dict[str, set[str]] = {}
    for row in everything.usages:
        by_prison.setdefault(row.agy_loc_id, set()).add(row.internal_location_usage)
    others = Counter(tuple(sorted(codes & {"OTH", "OTHER"})) for codes in by_prison.values())
    assert others[()] == 0
    assert others["OTH",] / others.total() == pytest.approx(0.4, abs=0.1)
    assert others["OTH", "OTHER"] / others.total() == pytest.approx(0.2, abs=0.1)
    assert by_prison["LEI"] & {"OTH", "OTHER"} == {"OTH"}


def test_3_wings_and_landings_have_old_types(everything: Everything) -> None:
    types = Counter(
        row.internal_location_type
        for row in everything.locations
        if row.unit_type and row.internal_location_code != "CSWAP"
    )
    wings = types["WING"] + types["BLK"] + types["HBLK"]
    assert (types["BLK"] + types["HBLK"]) / wings == pytest.approx(RATES.block_type, abs=0.015)
    landings = types["LAND"] + types["TIER"] + types["LAN"]
    assert (types["TIER"] + types["LAN"]) / landings == pytest.approx(RATES.tier_type, abs=0.015)
    assert all(types[code] for code in ("BLK", "HBLK", "TIER", "LAN"))


def test_4_some_profile_codes_are_in_no_reference_data(everything: Everything) -> None:
    found = Counter((row.int_loc_profile_type, row.int_loc_profile_code) for row in everything.profiles)
    assert all(found[code] for code in JUNK)
    assert sum(found[code] for code in JUNK) / len(everything.cells) == pytest.approx(RATES.junk_profile, rel=0.25)


def test_5_synonyms_stand_side_by_side(everything: Everything) -> None:
    cells = len(everything.cells)
    assert coded(everything, ("SUP_LVL_TYPE", "NA"), ("SUP_LVL_TYPE", "N/A")) / cells == pytest.approx(
        RATES.synonyms, rel=0.3
    )
    assert coded(everything, ("HOU_USED_FOR", "V"), ("HOU_USED_FOR", "7")) / cells == pytest.approx(
        RATES.synonyms, rel=0.4
    )


def test_6_and_7_ignored_types_and_the_word_that_dps_once_wrote(everything: Everything) -> None:
    apart = sum(row.int_loc_profile_type == "NON_ASSO_TYP" for row in everything.profiles)
    assert apart / len(everything.cells) == pytest.approx(RATES.non_association, rel=0.25)
    word = coded(everything, ("HOU_UNIT_ATT", "SAFE_CELL"))
    assert word / len(everything.cells) == pytest.approx(RATES.safe_cell_word, rel=0.3)


def test_8_capacities_are_missing_zero_or_too_high(everything: Everything) -> None:
    for field in ("capacity", "operation_capacity", "cna_no"):
        values = [getattr(row, field) for row in everything.cells]
        assert values.count(None) / len(values) > 0.005
        assert values.count(0) / len(values) > 0.02
    too_high = share(everything.cells, lambda row: (row.operation_capacity or 0) > (row.capacity or 0))
    assert too_high == pytest.approx(RATES.over_capacity, rel=0.4)


def test_9_stored_totals_are_not_always_the_sum(everything: Everything) -> None:
    sums: Counter[int] = Counter()
    for row in everything.locations:
        if row.parent_internal_location_id and (is_cell(row) or row.internal_location_type in {"SPUR", "LAND"}):
            sums[row.parent_internal_location_id] += row.capacity or 0
    landings = [row for row in everything.locations if row.internal_location_type == "LAND" and row.unit_type]
    wrong = share(landings, lambda row: row.capacity != sums[row.internal_location_id])
    assert wrong == pytest.approx(RATES.wrong_total, abs=0.03)


def test_10_what_is_residential_does_not_follow_from_the_type(everything: Everything) -> None:
    rows = everything.locations
    assert sum(row.internal_location_type == "WING" and row.unit_type is None for row in rows) > 500
    assert sum(row.internal_location_type == "AREA" and row.unit_type in {"REC", "HOLC"} for row in rows) > 500
    on_landing = [
        row
        for row in rows
        if row.internal_location_type == "ROOM"
        and row.unit_type == "OU"
        and (above := everything.by_id.get(row.parent_internal_location_id))
        and above.internal_location_type in {"LAND", "TIER", "LAN"}
    ]
    assert len(on_landing) > 50


def test_11_deactivation_details_contradict_the_flag(everything: Everything) -> None:
    cells = [row for row in everything.open_locations if is_cell(row)]
    active = [row for row in cells if row.active_flag == "Y"]
    inactive = [row for row in cells if row.active_flag == "N"]
    assert share(active, lambda row: row.deactivate_date) == pytest.approx(RATES.leftover_cell, rel=0.3)
    bare = share(inactive, lambda row: row.deactivate_date is None and row.deactivate_reason_code is None)
    assert bare == pytest.approx(0.8 * RATES.inactive_no_date_cell, rel=0.4)
    assert share(inactive, lambda row: row.reactivate_date) == pytest.approx(0.25, abs=0.03)
    below_inactive = [
        row
        for row in active
        if (above := everything.by_id.get(row.parent_internal_location_id)) and above.active_flag == "N"
    ]
    assert len(below_inactive) > 500


def test_12_hundreds_of_descriptions_are_not_parent_and_code(everything: Everything) -> None:
    odd: Counter[str] = Counter()
    for row in everything.locations:
        above = everything.by_id.get(row.parent_internal_location_id)
        if row.description != f"{above.description if above else row.agy_loc_id}-{row.internal_location_code}":
            odd[row.internal_location_type] += 1
    assert 200 <= odd.total() <= 1500
    assert odd["BOX"] > odd["CELL"] > 20
    assert odd["POSI"] + odd["TABL"] > 20


@pytest.mark.parametrize("code", ["5-A-SIDE COM", "3RD SECTOR", "HB6ASSO A", "NEW_ LEG_VIS", "PROP_BOXES"])
def test_13_codes_have_spaces_hyphens_and_underscores(everything: Everything, code: str) -> None:
    assert any(row.internal_location_code == code for row in everything.locations)


def test_14_codes_repeat_in_a_prison_and_under_a_parent(everything: Everything) -> None:
    in_prison = Counter((row.agy_loc_id, row.internal_location_code) for row in everything.locations)
    assert max(in_prison.values()) > 20
    in_parent = Counter(
        (row.agy_loc_id, row.parent_internal_location_id, row.internal_location_code) for row in everything.locations
    )
    twice = sum(count > 1 for count in in_parent.values())
    assert 3 <= twice <= 40
    assert any(code == "BROKEN" for _, code in in_prison)


def test_15_agencies_that_are_no_prisons_have_a_few_rows(everything: Everything) -> None:
    rows = Counter(row.agy_loc_id for row in everything.locations)
    assert all(1 <= rows[agency] <= 10 for agency in ("ZZGHI", "UNKNWN", "TRN", "LT3", "LT4", "OUT"))


def test_16_every_agency_has_its_establishment_as_first_row(everything: Everything) -> None:
    lowest: dict[str, Row] = {}
    for row in sorted(everything.locations, key=lambda row: row.internal_location_id):
        lowest.setdefault(row.agy_loc_id, row)
    assert {(row.internal_location_code, row.internal_location_type) for row in lowest.values()} == {("ESTAB", "ADJU")}


def test_17_visits_have_either_name_and_no_single_root_in_fei_and_iwi(everything: Everything) -> None:
    roots = [
        row
        for row in everything.open_locations
        if row.internal_location_code in {"VISIT", "VISITS"} and row.parent_internal_location_id is None
    ]
    assert share(roots, lambda row: row.internal_location_code == "VISIT") == pytest.approx(0.1, abs=0.06)
    active = Counter(row.agy_loc_id for row in roots if row.active_flag == "Y")
    assert active["FEI"] == 0
    assert active["IWI"] == 2


def test_18_comments_say_what_a_cell_is(everything: Everything) -> None:
    comments = Counter(row.comment_text for row in everything.cells if row.comment_text)
    assert comments.total() / len(everything.cells) == pytest.approx(RATES.comment_cell, rel=0.1)
    assert {"Listener cell", "LISTENER CELL", "CSU", "DDA cell", "Constant watch cell"} <= set(comments)


def test_19_some_rows_name_no_module(everything: Everything) -> None:
    assert share(everything.locations, lambda row: row.audit_module_name == "") == pytest.approx(0.01, rel=0.2)


def test_visit_rooms_made_by_the_api_and_other_late_rows_have_high_ids(everything: Everything) -> None:
    vsip = [row for row in everything.locations if row.internal_location_code == "VSIP_SOC"]
    assert len(vsip) / 125 == pytest.approx(RATES.vsip, abs=0.15)
    assert all(row.internal_location_id >= 350_000 and row.create_user_id != "OMS_OWNER" for row in vsip)


def test_some_parents_are_younger_than_their_children(everything: Everything) -> None:
    younger = [row for row in everything.locations if (row.parent_internal_location_id or 0) > row.internal_location_id]
    assert len(younger) > 50


def test_amendments_have_what_consumers_must_drop(everything: Everything) -> None:
    rows = everything.amendments
    assert share(rows, lambda row: row.column_name == "DESCRIPTION") == pytest.approx(0.001, rel=0.3)
    both_null = share(rows, lambda row: row.old_value is None and row.new_value is None)
    assert both_null >= RATES.amendment_both_null
    unchanged = share(rows, lambda row: row.old_value == row.new_value is not None)
    assert 0.015 <= unchanged <= 0.05
    assert share(rows, lambda row: row.old_value == "") == pytest.approx(RATES.amendment_empty_text, rel=0.2)


def test_about_120_amendments_are_there_twice(everything: Everything) -> None:
    same = Counter(tuple(row[1:]) for row in everything.amendments)
    assert 80 <= sum(count - 1 for count in same.values()) <= 170
