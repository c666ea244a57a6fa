"""What holds of every merge, whatever the base, the edits on both sides and what is still on its way.

Thousands of cases are made from seeds; a failure names its seed.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import JsonValue

from libs.domain.attributes import Attribute
from libs.domain.codes import DeactivatedReason, UsageType
from libs.domain.merge import Merged, merge, with_published
from libs.domain.shared import (
    COMMENTS_MAX,
    DETAIL_FIELDS,
    KIND_FIELDS,
    LOCAL_NAME_MAX,
    ORDER_MAX,
    SYNCED,
    Field,
    Kind,
    kind_in_dps,
    kind_of,
    project_dps,
    project_nomis,
    synced_part,
)
from libs.domain.sync import Side
from libs.domain.translation import NOMIS_PROFILE, NOMIS_REASON, NOMIS_USAGE
from libs.domain.writing import dps_fields, nomis_writes
from services.locations.changes.fields import parsed
from tests.libs.domain.rows import CELL_ID, LANDING_ID, LANDING_NOMIS, nomis_rows, own_locations

CASES = 2000
PARENT = str(LANDING_ID)
Projected = dict[Field, JsonValue]
CAPACITIES = {Field.MAX_CAPACITY, Field.WORKING_CAPACITY, Field.CERTIFIED, Field.CERTIFIED_CAPACITY}


@dataclass(frozen=True)
class Case:
    """A base, what each side made of it, what is on its way, and who masters the location."""

    base: dict[str, JsonValue]
    dps: Projected
    nomis: Projected
    published: dict[str, list[JsonValue]]
    authority: Side
    flags: dict[str, Any]

    def merged(self, **changed: Any) -> Merged:
        at = replace(self, **changed)
        return merge(at.base, at.dps, at.nomis, published=at.published, authority=at.authority, **at.flags)


PALETTE: dict[Field, list[JsonValue]] = {
    Field.CODE: ["1", "2", "3"],
    Field.PARENT: [None, str(LANDING_ID), str(CELL_ID)],
    Field.LOCATION_TYPE: ["CELL", "CELL", "CELL", "WING", "VISITS", "ROOM"],
    Field.HOUSING_TYPE: ["NORMAL_ACCOMMODATION", "SEGREGATION", "HOLDING_CELL", None],
    Field.LOCAL_NAME: ["", "Corner", "n" * LOCAL_NAME_MAX],
    Field.COMMENTS: ["", "Wet", "c" * COMMENTS_MAX],
    Field.ORDER: [0, 5, ORDER_MAX],
    Field.MAX_CAPACITY: [0, 1, 2],
    Field.WORKING_CAPACITY: [0, 1, 2],
    Field.CERTIFIED: [True, False],
    Field.CERTIFIED_CAPACITY: [0, 1, 2],
    Field.ATTRIBUTES: [[], ["CAT_B"], ["CAT_B", "FIXED_BED"]],
    Field.USAGES: [[], [["VISIT", 1, 1]], [["VISIT", 2, 1]]],
    Field.ACTIVE: [True, False],
    Field.DEACTIVATED_DATE: [None, "2026-01-02", "2026-02-03"],
    Field.DEACTIVATED_REASON: ["OTHER", "DAMAGED", "MOTHBALLED"],
    Field.PROPOSED_REACTIVATION_DATE: [None, "2030-01-01"],
}
FLAGS: list[dict[str, Any]] = [{}, {}, {"one_way": True}, {"archived": True}, {"converted": True}]


def edited(chance: Random, start: Projected, *, kinds_move: bool) -> Projected:
    """Change some fields; an active location has no details, one that is not has a reason."""
    after = dict(start)
    for field, values in PALETTE.items():
        if chance.random() < 0.3 and (kinds_move or field not in KIND_FIELDS):
            after[field] = chance.choice(values)
    if after[Field.ACTIVE]:
        return after | dict.fromkeys(DETAIL_FIELDS)
    return after | {Field.DEACTIVATED_REASON: after[Field.DEACTIVATED_REASON] or "OTHER"}


def case(seed: int, *, kinds_move: bool = True) -> Case:
    """A case that the seed decides."""
    chance = Random(seed)
    start = edited(chance, {field: values[0] for field, values in PALETTE.items()}, kinds_move=True)
    kind = kind_of(start[Field.LOCATION_TYPE], start[Field.HOUSING_TYPE])
    return Case(
        base=synced_part(start, kind),
        dps=edited(chance, start, kinds_move=kinds_move),
        nomis=edited(chance, start, kinds_move=kinds_move),
        published={f.value: [chance.choice(v)] for f, v in PALETTE.items() if chance.random() < 0.2},
        authority=chance.choice([*Side]),
        flags=chance.choice(FLAGS),
    )


def applied(case: Case, result: Merged) -> tuple[Projected, Projected]:
    return case.dps | result.to_dps, case.nomis | result.to_nomis


def ends_equal(case: Case) -> None:
    """Both sides hold the same of what they share."""
    result = case.merged()
    mine, theirs = applied(case, result)
    for field in SYNCED[result.kind]:
        assert mine[field] == theirs[field] == result.base[field.value]


def is_idempotent(case: Case) -> None:
    """Merging again finds nothing to do, whether what was sent is still noted or not."""
    first = case.merged()
    mine, theirs = applied(case, first)
    for late in ({}, with_published(case.published, first.to_nomis)):
        again = case.merged(base=first.base, dps=mine, nomis=theirs, published=late)
        assert (again.settled, again.conflicts, again.base) == (True, (), first.base)


def keeps_one_sided_changes(case: Case) -> None:
    """What one side alone changed is on both sides in the end."""
    case = replace(case, published={}, flags={})
    # A change of kind decides which fields there are: that is the next property's.
    same_kind = all(case.dps[f] == case.nomis[f] == case.base[f.value] for f in KIND_FIELDS)
    if mastered(case) or not same_kind:
        return
    result = case.merged()
    for field in SYNCED[result.kind]:
        if field in DETAIL_FIELDS and result.base[Field.ACTIVE.value]:
            continue
        start, mine, theirs = case.base[field.value], case.dps[field], case.nomis[field]
        if theirs == start:
            assert result.base[field.value] == mine
        elif mine == start:
            assert result.base[field.value] == theirs


def records_what_it_overwrites(case: Case) -> None:
    """An edit that is not in the result is in a conflict."""
    result = case.merged()
    recorded = {conflict.field for conflict in result.conflicts}
    for field in SYNCED[result.kind]:
        if field.value not in case.base:
            continue  # Brought in by the side that changed the kind.
        start, final = case.base[field.value], result.base[field.value]
        late = case.published.get(field.value, [])
        if case.nomis[field] not in (start, final) and case.nomis[field] not in late:
            assert field.value in recorded
        if case.dps[field] not in (start, final):
            assert field.value in recorded


def is_symmetric_but_for_authority(case: Case) -> None:
    """Swapping the sides and who masters them swaps what is written, and who won."""
    plain = replace(case, published={}, flags={})
    other_side = Side.NOMIS if case.authority is Side.DPS else Side.DPS
    swapped = replace(plain, dps=case.nomis, nomis=case.dps, authority=other_side)
    if mastered(plain) or mastered(swapped):
        return
    one, other = plain.merged(), swapped.merged()
    assert (one.to_dps, one.to_nomis, one.base) == (other.to_nomis, other.to_dps, other.base)
    assert [(c.field, c.dps, c.nomis) for c in one.conflicts] == [(c.field, c.nomis, c.dps) for c in other.conflicts]
    assert all(a.won is not b.won for a, b in zip(one.conflicts, other.conflicts, strict=True))


def leaves_dps_alone_where_it_masters(case: Case) -> None:
    """An archived, converted or holding cell, or a prison that is one way, takes nothing from NOMIS."""
    if mastered(case):
        assert case.merged().to_dps == {}


def moves_only_what_is_synced(case: Case) -> None:
    """Wing totals and what a room can hold stay where they are."""
    result = case.merged()
    assert {*result.to_dps, *result.to_nomis} <= SYNCED[result.kind] | set(DETAIL_FIELDS)
    if result.kind is not Kind.CELL:
        assert not CAPACITIES & {*result.to_dps, *result.to_nomis}


PROPERTIES = (
    ends_equal,
    is_idempotent,
    keeps_one_sided_changes,
    records_what_it_overwrites,
    is_symmetric_but_for_authority,
    leaves_dps_alone_where_it_masters,
    moves_only_what_is_synced,
)


@pytest.mark.parametrize("holds", PROPERTIES, ids=lambda holds: holds.__name__)
def test_every_merge(holds: Callable[[Case], None]) -> None:
    for seed in range(CASES):
        try:
            holds(case(seed, kinds_move=seed % 3 > 0))
        except AssertionError as broken:
            raise AssertionError(f"seed {seed}: {broken}") from broken


def mastered(case: Case) -> bool:
    """Whether DPS takes no edit of NOMIS."""
    converted, archived = bool(case.flags.get("converted")), bool(case.flags.get("archived"))
    kind = kind_of(case.dps[Field.LOCATION_TYPE], case.dps[Field.HOUSING_TYPE], converted=converted, archived=archived)
    return bool(case.flags.get("one_way")) or kind in {Kind.CONVERTED, Kind.ARCHIVED}


@given(
    own=own_locations, row=nomis_rows, authority=st.sampled_from(Side), based=st.sampled_from(["dps", "nomis", "no"])
)
def test_no_side_is_sent_a_value_that_it_cannot_hold(own: Any, row: Any, authority: Side, based: str) -> None:
    mine, theirs = project_dps(own), project_nomis(row, PARENT if row.parent_location_id else None)
    bases = {"dps": synced_part(mine, kind_in_dps(own)), "nomis": synced_part(theirs, kind_in_dps(own)), "no": None}
    result = merge(bases[based], mine, theirs, published={}, authority=authority)
    for field, value in result.to_nomis.items():
        assert NOMIS_HOLDS.get(field, lambda _: True)(value), field
    # The very doors of both sides: what does not fit raises.
    parsed(dps_fields(result.to_dps, own))
    nomis_writes(row, result.to_nomis, parent=LANDING_NOMIS, description=row.description)


def _text(limit: int) -> Any:
    return lambda value: isinstance(value, str) and len(value) <= limit


NOMIS_HOLDS = {
    Field.LOCAL_NAME: _text(LOCAL_NAME_MAX),
    Field.COMMENTS: _text(COMMENTS_MAX),
    Field.ORDER: lambda value: -ORDER_MAX <= value <= ORDER_MAX,
    Field.ATTRIBUTES: lambda value: all(Attribute(each) in NOMIS_PROFILE for each in value),
    Field.USAGES: lambda value: all(UsageType(each[0]) in NOMIS_USAGE for each in value),
    Field.DEACTIVATED_REASON: lambda value: value is None or DeactivatedReason(value) in NOMIS_REASON,
}


@pytest.mark.parametrize("kind", Kind)
def test_the_table_says_something_of_every_field(kind: Kind) -> None:
    assert SYNCED[kind] <= frozenset(Field)
    assert {*KIND_FIELDS, Field.ACTIVE, Field.CODE, Field.PARENT} <= SYNCED[kind]
