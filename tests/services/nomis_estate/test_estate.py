"""What is generated: the same from the same seed, valid, and of the size that real NOMIS has."""

from collections import Counter

import pytest

from libs.domain.translation import DPS_HOUSING, DPS_TYPE
from services.nomis.estate.estate import Estate
from services.nomis.estate.prisons import PrisonUnknown, Standing, register
from tests.services.nomis_estate.rows import Everything, locations

KINDS_OF_PROFILE = {"HOU_SANI_FIT", "HOU_UNIT_ATT", "HOU_USED_FOR", "SUP_LVL_TYPE", "NON_ASSO_TYP"}
LABELS = {
    "Unit Type",
    "Active",
    "Living Unit Id",
    "Comments",
    "Accommodation Type",
    "Certified",
    "Description",
    "Baseline CNA",
    "Operational Capacity",
    "Deactivate Reason",
    "Proposed Reactivate Date",
    "Sequence",
    "Deactivate Date",
    "Maximum Capacity",
    None,
}


def test_the_register_has_every_agency_once() -> None:
    standing = Counter(prison.standing for prison in register())
    # ZZGHI, the forty-sixth that closed, is no prison.
    assert standing == {Standing.OPEN: 125, Standing.CLOSED: 45, Standing.PSEUDO: 6}
    assert len({prison.id for prison in register()}) == 176
    assert sum(prison.capacity for prison in register()) == 91_535


def test_the_same_seed_gives_the_same_rows() -> None:
    once, again = (list(Estate(3, "tiny", ["LEI", "HEI"])) for _ in range(2))
    assert once == again


def test_another_seed_gives_other_rows() -> None:
    assert list(Estate(3, "tiny", ["LEI"])) != list(Estate(4, "tiny", ["LEI"]))


def test_a_prison_is_the_same_whichever_others_are_made() -> None:
    alone = list(Estate(3, "tiny", ["MDI"]))
    among = [rows for rows in Estate(3, "tiny", ["WYI", "MDI", "ACI"]) if rows.prison.id == "MDI"]
    assert alone == among


def test_an_unknown_prison_is_named() -> None:
    with pytest.raises(PrisonUnknown, match="XXI"):
        Estate(3, "tiny", ["LEI", "XXI"])


@pytest.mark.parametrize("preset", ["tiny", "stress"])
def test_every_range_of_ids_is_long_enough(preset: str) -> None:
    # The largest, the smallest, one with rooms only, and what lies next to them.
    for _ in Estate(11, preset, ["OWI", "PYI", "BWI", "AKI", "OUT"]):
        pass


def test_the_national_estate_has_the_size_of_the_real_one(everything: Everything) -> None:
    assert len(everything.locations) == pytest.approx(220_000, rel=0.05)
    assert len(everything.profiles) == pytest.approx(246_000, rel=0.05)
    assert len(everything.usage_locations) == pytest.approx(185_000, rel=0.05)
    assert len(everything.amendments) == pytest.approx(355_000, rel=0.05)
    types = Counter(row.internal_location_type for row in everything.locations)
    assert 75_000 <= types["CELL"] <= 86_000
    assert 100_000 <= types["BOX"] + types["SHEL"] + types["POSI"] + types["TABL"] <= 130_000


def test_tiny_prisons_are_tiny() -> None:
    sizes = [len(rows.locations) for rows in Estate(5, "tiny", ["LEI", "MDI", "BCI", "EYI"])]
    assert all(150 <= size <= 400 for size in sizes)


def test_places_in_use_are_those_of_the_country(everything: Everything) -> None:
    in_use = [
        row
        for row in everything.open_locations
        if row.internal_location_type == "CELL" and row.active_flag == row.certified_flag == "Y"
    ]
    operational = sum(row.operation_capacity or 0 for row in in_use)
    assert operational == pytest.approx(0.97 * 91_535, rel=0.02)
    assert sum(row.cna_no or 0 for row in in_use) == pytest.approx(0.86 * operational, rel=0.04)


def test_keys_are_unique_and_what_is_referred_to_exists(everything: Everything) -> None:
    rows = everything.locations
    ids = {row.internal_location_id for row in rows}
    assert len(ids) == len(rows)
    assert len({(row.agy_loc_id, row.description) for row in rows}) == len(rows)
    assert {row.parent_internal_location_id for row in rows} - {None} <= ids
    assert {row.internal_location_id for row in everything.profiles} <= ids
    assert {row.internal_location_id for row in everything.amendments} <= ids
    definitions = {row.internal_location_usage_id for row in everything.usages}
    used = everything.usage_locations
    assert {row.internal_location_usage_id for row in used} <= definitions
    assert {row.parent_usage_location_id for row in used} - {None} <= {row.usage_location_id for row in used}


def test_a_parent_is_of_the_same_prison_and_there_are_no_cycles(everything: Everything) -> None:
    rows = everything.by_id
    for row in rows.values():
        above, depth = row, 0
        while (parent := above.parent_internal_location_id) is not None:
            above, depth = rows[parent], depth + 1
            assert above.agy_loc_id == row.agy_loc_id
            assert depth <= 4


def test_no_value_is_there_that_consumers_cannot_read(everything: Everything) -> None:
    rows = everything.locations
    assert {row.internal_location_type for row in rows} <= set(DPS_TYPE)
    assert {row.unit_type for row in rows} - {None} <= set(DPS_HOUSING)
    assert {row.deactivate_reason_code for row in rows} - {None} <= set("ABCDEFGHIJKL")
    assert {row.int_loc_profile_type for row in everything.profiles} <= KINDS_OF_PROFILE
    assert {row.column_name for row in everything.amendments} <= LABELS | {"DESCRIPTION"}


def test_texts_and_numbers_fit_their_columns(everything: Everything) -> None:
    for row in everything.locations:
        assert 1 <= len(row.internal_location_code) <= 12
        assert len(row.user_desc or "") <= 40
        assert len(row.description) <= 240


def test_profiles_are_as_frequent_as_in_real_data(everything: Everything) -> None:
    cells = {row.internal_location_id for row in everything.locations if row.internal_location_type == "CELL"}
    of_cell = Counter(row.internal_location_id for row in everything.profiles if row.internal_location_id in cells)
    assert len(of_cell) / len(cells) == pytest.approx(0.80, abs=0.02)
    assert of_cell.total() / len(cells) == pytest.approx(3.0, abs=0.15)
    assert max(of_cell.values()) <= 12


def test_known_prisons_follow_their_known_patterns() -> None:
    def keys(prison: str) -> set[str]:
        return {row.description for row in locations(Estate(7, "national", [prison]))}

    assert "MDI-1-2-001" in keys("MDI") or "MDI-1-1-001" in keys("MDI")
    assert "HEI-1-1-B-001" in keys("HEI")
    assert "RNI-HB1-1N-001" in keys("RNI")
    assert "NHI-A-001" in keys("NHI") or "NHI-A-1" in keys("NHI") or "NHI-A-01" in keys("NHI")
    assert {"LEI-ESTAB", "LEI-RES-AWING-AWING", "LEI-PROP_BOXES"} <= keys("LEI")


def test_the_levels_of_a_prison_are_named_as_its_tree_is() -> None:
    (hewell,) = Estate(7, "tiny", ["HEI"])
    assert hewell.levels == ("WING", "LAND", "SPUR", "CELL")
