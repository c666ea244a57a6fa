"""The merge: no edit of a field that the other side left alone is lost, and nothing is overwritten unrecorded."""

from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from pydantic import JsonValue

from libs.domain.merge import Merged, merge, with_published
from libs.domain.shared import (
    DPS_MASTERED,
    SYNCED,
    Field,
    Kind,
    kind_in_dps,
    kind_of,
    project_dps,
    project_nomis,
    synced_part,
)
from libs.domain.sync import OwnLocation, Side
from tests.libs.domain.rows import LANDING_ID, dps_cell, nomis_cell, nomis_rows, own_locations

PARENT = str(LANDING_ID)
AGREED = synced_part(project_dps(dps_cell()), Kind.CELL)


def merged(
    base: dict[str, JsonValue] | None,
    dps: dict[Field, JsonValue],
    nomis: dict[Field, JsonValue],
    **more: Any,
) -> Merged:
    return merge(base, dps, nomis, published=more.pop("published", {}), **more)


def dps(**changed: JsonValue) -> dict[Field, JsonValue]:
    return project_dps(dps_cell()) | {Field[name]: value for name, value in changed.items()}


def nomis(**changed: JsonValue) -> dict[Field, JsonValue]:
    return project_nomis(nomis_cell(), PARENT) | {Field[name]: value for name, value in changed.items()}


def test_equal_sides_are_settled() -> None:
    result = merged(AGREED, dps(), nomis())
    assert result.settled
    assert result.base == AGREED
    assert result.conflicts == ()


def test_a_change_in_dps_goes_to_nomis_alone() -> None:
    result = merged(AGREED, dps(LOCAL_NAME="Corner"), nomis())
    assert result.to_nomis == {Field.LOCAL_NAME: "Corner"}
    assert result.to_dps == {}


def test_a_change_in_nomis_goes_to_dps_alone() -> None:
    result = merged(AGREED, dps(), nomis(MAX_CAPACITY=3))
    assert result.to_dps == {Field.MAX_CAPACITY: 3}
    assert result.to_nomis == {}


def test_edits_of_different_fields_both_survive() -> None:
    result = merged(AGREED, dps(LOCAL_NAME="Corner"), nomis(MAX_CAPACITY=3))
    assert (result.to_nomis, result.to_dps) == ({Field.LOCAL_NAME: "Corner"}, {Field.MAX_CAPACITY: 3})
    assert result.conflicts == ()


@pytest.mark.parametrize(("authority", "kept"), [(Side.DPS, "mine"), (Side.NOMIS, "theirs")])
def test_edits_of_one_field_go_to_the_authority_and_are_recorded(authority: Side, kept: str) -> None:
    result = merged(AGREED, dps(COMMENTS="mine"), nomis(COMMENTS="theirs"), authority=authority)
    assert result.base["comments"] == kept
    [conflict] = result.conflicts
    assert (conflict.field, conflict.base, conflict.dps, conflict.nomis, conflict.won) == (
        "comments",
        "Door re-hung",
        "mine",
        "theirs",
        authority,
    )


def test_our_own_late_write_is_not_taken_for_an_edit() -> None:
    result = merged(
        AGREED,
        dps(COMMENTS="second"),
        nomis(COMMENTS="first"),
        published={"comments": ["first"]},
        authority=Side.NOMIS,
    )
    assert result.to_nomis == {Field.COMMENTS: "second"}
    assert result.conflicts == ()


def test_going_back_to_the_base_while_our_write_is_under_way_still_reaches_nomis() -> None:
    result = merged(AGREED, dps(), nomis(COMMENTS="first"), published={"comments": ["first"]})
    assert result.to_nomis == {Field.COMMENTS: "Door re-hung"}
    assert result.to_dps == {}


def test_a_value_that_we_sent_before_both_agreed_is_an_edit_where_somebody_is_known_to_have_set_it() -> None:
    given: dict[str, Any] = {"published": {"active": [True, False]}, "touched": {Field.ACTIVE}}
    result = merged(None, dps(ACTIVE=False), nomis(ACTIVE=True), **given)
    assert result.to_nomis[Field.ACTIVE] is False
    assert "active" in {conflict.field for conflict in result.conflicts}
    given["touched"] = ()
    assert "active" not in {c.field for c in merged(None, dps(ACTIVE=False), nomis(ACTIVE=True), **given).conflicts}


@pytest.mark.parametrize("authority", Side)
def test_without_a_base_equal_fields_agree_and_others_go_to_the_authority(authority: Side) -> None:
    result = merged(None, dps(COMMENTS="mine"), nomis(), authority=authority)
    assert [c.field for c in result.conflicts] == ["comments"]
    assert result.conflicts[0].won is authority
    assert result.base["code"] == "017"


def test_a_base_without_a_field_lets_the_side_that_changed_the_kind_bring_it() -> None:
    room = dps(LOCATION_TYPE="INTERVIEW", HOUSING_TYPE=None, MAX_CAPACITY=0, WORKING_CAPACITY=0, CERTIFIED=False)
    base = synced_part(room, Kind.NON_RESIDENTIAL)
    result = merged(base, room, nomis(MAX_CAPACITY=2))
    assert result.kind is Kind.CELL
    assert result.to_dps[Field.MAX_CAPACITY] == 2
    assert result.conflicts == ()


def test_reactivation_drops_the_details_and_records_a_detail_changed_meanwhile() -> None:
    out: dict[str, JsonValue] = {"ACTIVE": False, "DEACTIVATED_REASON": "DAMAGED", "DEACTIVATED_DATE": "2026-01-02"}
    base = synced_part(dps(**out), Kind.CELL)
    result = merged(base, dps(), nomis(**out | {"DEACTIVATED_REASON": "MOTHBALLED"}))
    assert result.base["active"] is True
    assert result.base["deactivatedReason"] is None
    assert [c.field for c in result.conflicts] == ["deactivatedReason"]


@pytest.mark.parametrize("flag", ["converted", "archived", "one_way"])
def test_where_dps_masters_a_nomis_edit_is_put_back_and_recorded(flag: str) -> None:
    base = synced_part(dps(), Kind.CELL)
    result = merged(base, dps(), nomis(COMMENTS="theirs"), authority=Side.NOMIS, **{flag: True})
    assert result.to_nomis == {Field.COMMENTS: "Door re-hung"}
    assert result.to_dps == {}
    assert [c.won for c in result.conflicts] == [Side.DPS]


@pytest.mark.parametrize("kind", [Kind.RESIDENTIAL, Kind.NON_RESIDENTIAL])
def test_totals_of_wings_and_room_capacities_are_left_alone(kind: Kind) -> None:
    shape: dict[str, JsonValue] = {"LOCATION_TYPE": "WING"} if kind is Kind.RESIDENTIAL else {"HOUSING_TYPE": None}
    base = synced_part(dps(**shape), kind)
    result = merged(base, dps(**shape, MAX_CAPACITY=1), nomis(**shape, MAX_CAPACITY=99, CERTIFIED=False))
    assert result.kind is kind
    assert result.settled


def kind_of_own(own: OwnLocation) -> dict[str, bool]:
    return {"converted": own.converted_cell_type is not None, "archived": own.archived}


@given(own=own_locations, row=nomis_rows, authority=st.sampled_from(Side), based=st.booleans())
def test_what_is_written_makes_both_sides_equal_in_every_synced_field(
    own: OwnLocation, row: Any, authority: Side, *, based: bool
) -> None:
    mine, theirs = project_dps(own), project_nomis(row, PARENT if row.parent_location_id else None)
    base = synced_part(mine, kind_in_dps(own)) if based else None
    result = merged(base, mine, theirs, authority=authority, **kind_of_own(own))
    for field in SYNCED[result.kind]:
        assert (mine | result.to_dps)[field] == (theirs | result.to_nomis)[field] == result.base[field.value]


@given(own=own_locations, row=nomis_rows, authority=st.sampled_from(Side))
def test_a_second_merge_finds_nothing_to_do(own: OwnLocation, row: Any, authority: Side) -> None:
    mine, theirs = project_dps(own), project_nomis(row, PARENT)
    first = merged(None, mine, theirs, authority=authority, **kind_of_own(own))
    again = merged(first.base, mine | first.to_dps, theirs | first.to_nomis, authority=authority, **kind_of_own(own))
    assert again.settled
    assert again.conflicts == ()


one_value = st.sampled_from(["base", "mine", "theirs"])


@given(values=st.fixed_dictionaries(dict.fromkeys(("LOCAL_NAME", "COMMENTS", "CODE"), st.tuples(one_value, one_value))))
def test_every_one_sided_edit_is_kept(values: dict[str, tuple[str, str]]) -> None:
    base = AGREED | {Field[name].value: "base" for name in values}
    result = merged(
        base,
        dps(**{name: mine for name, (mine, _) in values.items()}),
        nomis(**{name: theirs for name, (_, theirs) in values.items()}),
    )
    for name, (mine, theirs) in values.items():
        kept = result.base[Field[name].value]
        if theirs == "base":
            assert kept == mine
        elif mine == "base":
            assert kept == theirs


@given(own=own_locations, row=nomis_rows)
def test_swapping_sides_and_authority_swaps_the_writes(own: OwnLocation, row: Any) -> None:
    mine, theirs = project_dps(own), project_nomis(row, PARENT)
    # A converted cell is DPS's whatever the authority: which side is DPS matters there.
    assume(not any(kind_of(s[Field.LOCATION_TYPE], s[Field.HOUSING_TYPE]) in DPS_MASTERED for s in (mine, theirs)))
    one = merged(None, mine, theirs, authority=Side.DPS)
    other = merged(None, theirs, mine, authority=Side.NOMIS)
    assert (one.to_dps, one.to_nomis) == (other.to_nomis, other.to_dps)


def test_each_value_sent_is_noted_once() -> None:
    noted = with_published({"comments": ["a"]}, {Field.COMMENTS: "b", Field.CODE: "1"})
    assert with_published(noted, {Field.COMMENTS: "b"}) == {"comments": ["a", "b"], "code": ["1"]}
