"""The one decision both workers make: what to write where, so that no edit is lost.

Whole snapshots written both ways lose edits that no comparison can see: staff change the name, a screen changes the
capacity, and whichever walk runs first wipes the other's edit, leaving both sides *equal*. So every field is decided by
itself against the value both sides last agreed on (`design.md` §5).
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from pydantic import JsonValue

from libs.domain.shared import DETAIL_FIELDS, DPS_MASTERED, KIND_FIELDS, SYNCED, Field, Kind, Projection, kind_of
from libs.domain.sync import Conflict, Side

Published = Mapping[str, Sequence[JsonValue]]


@dataclass(frozen=True, slots=True)
class Merged:
    """What one walk does: the fields to write to each side, the base once both are seen to hold it, the overwritten."""

    to_dps: dict[Field, JsonValue]
    to_nomis: dict[Field, JsonValue]
    base: dict[str, JsonValue]
    conflicts: tuple[Conflict, ...]
    kind: Kind

    @property
    def settled(self) -> bool:
        """Whether both sides hold the result already."""
        return not self.to_dps and not self.to_nomis


@dataclass(frozen=True, slots=True)
class _Sides:
    """One location as seen by a walk."""

    base: Mapping[str, JsonValue]
    dps: Projection
    nomis: Projection
    published: Published
    authority: Side
    bringer: Side | None
    touched: Collection[Field]
    refused: Collection[Field]

    def nomis_edited(self, field: Field) -> bool:
        """Whether NOMIS holds an edit of its own: not the base, and not a late write of ours.

        What is known to have been touched counts, even if it was set back to the base, or to what we were to send.
        """
        value, sent = self.nomis[field], self.published.get(field.value, ())
        if value == self.base.get(field.value):
            return field in self.touched and bool(sent)
        return value not in sent or field in self.touched

    def dps_edited(self, field: Field) -> bool:
        return self.dps[field] != self.base.get(field.value)


def merge(
    base: Mapping[str, JsonValue] | None,
    dps: Projection,
    nomis: Projection,
    *,
    published: Published,
    authority: Side = Side.DPS,
    converted: bool = False,
    archived: bool = False,
    one_way: bool = False,
    touched: Collection[Field] = (),
    refused: Collection[Field] = (),
) -> Merged:
    """Merge two projections of one location, field by field.

    Changed on one side: that change. Changed on both to different values: the authority, and a conflict. A NOMIS value
    found in `published` is our own late write. Without a base for a field, equal values agree; differing ones go to the
    side that just changed the location's kind and thereby brought the field in, else to the authority, recorded.
    Archived, converted and holding cells are DPS's, and so is everything where sync is one way: an edit in NOMIS is
    refused and recorded. `touched` names fields that somebody is known to have edited in NOMIS since our last write,
    `refused` those whose NOMIS value DPS was asked to take and did not, by rule.
    """
    bringer = _bringer(base, dps, nomis, published)
    sides = _Sides(base or {}, dps, nomis, published, authority, bringer, touched, refused)
    dps_kind = kind_of(
        dps[Field.LOCATION_TYPE],
        dps[Field.HOUSING_TYPE],
        converted=converted,
        archived=archived,
    )
    refusing = one_way or dps_kind in DPS_MASTERED
    result: dict[Field, JsonValue] = {}
    conflicts: list[Conflict] = []
    for field in KIND_FIELDS:
        result[field] = _decide(field, sides, conflicts, refusing=refusing)
    kind = kind_of(result[Field.LOCATION_TYPE], result[Field.HOUSING_TYPE], converted=converted, archived=archived)
    for field in Field:
        if field in SYNCED[kind] and field not in result:
            result[field] = _decide(field, sides, conflicts, refusing=refusing)
    if result[Field.ACTIVE]:
        _drop_details(result, sides, conflicts)
    return Merged(
        to_dps={field: value for field, value in result.items() if dps[field] != value},
        to_nomis={field: value for field, value in result.items() if nomis[field] != value},
        base={field.value: value for field, value in result.items()},
        conflicts=tuple(conflicts),
        kind=kind,
    )


def _drop_details(result: dict[Field, JsonValue], sides: _Sides, conflicts: list[Conflict]) -> None:
    """Take the details from what is active; one that the other side edited meanwhile is recorded."""
    recorded = {conflict.field for conflict in conflicts}
    for field in DETAIL_FIELDS:
        edited = sides.nomis_edited(field) or sides.dps_edited(field)
        if result[field] is not None and edited and field.value not in recorded:
            _conflict(field, sides, conflicts, Side.DPS if sides.dps[field] is None else Side.NOMIS, "active again")
        result[field] = None


def _decide(field: Field, sides: _Sides, conflicts: list[Conflict], *, refusing: bool) -> JsonValue:
    mine, theirs = sides.dps[field], sides.nomis[field]
    if mine == theirs:
        return mine
    if field in sides.refused and (field.value not in sides.base or sides.nomis_edited(field)):
        return _conflict(field, sides, conflicts, Side.DPS, "refused: DPS cannot hold it")
    if field.value not in sides.base:
        return _without_base(field, sides, conflicts, refusing=refusing)
    if not sides.nomis_edited(field):
        return mine
    return _edited(field, sides, conflicts, refusing=refusing)


def _edited(field: Field, sides: _Sides, conflicts: list[Conflict], *, refusing: bool) -> JsonValue:
    """Decide a field that NOMIS edited."""
    if refusing:
        return _conflict(field, sides, conflicts, Side.DPS, "refused: DPS masters this location")
    if not sides.dps_edited(field):
        return sides.nomis[field]
    return _conflict(field, sides, conflicts, sides.authority, "changed on both sides")


def _without_base(field: Field, sides: _Sides, conflicts: list[Conflict], *, refusing: bool) -> JsonValue:
    if sides.nomis[field] in sides.published.get(field.value, ()) and field not in sides.touched:
        return sides.dps[field]
    if sides.bringer is not None and not refusing and field not in SYNCED[_kind_of_base(sides.base)]:
        return sides.dps[field] if sides.bringer is Side.DPS else sides.nomis[field]
    winner = Side.DPS if refusing else sides.authority
    return _conflict(field, sides, conflicts, winner, "different from the start")


def _conflict(field: Field, sides: _Sides, conflicts: list[Conflict], won: Side, reason: str) -> JsonValue:
    mine, theirs = sides.dps[field], sides.nomis[field]
    conflicts.append(
        Conflict(
            field=field.value,
            base=sides.base.get(field.value),
            dps=mine,
            nomis=theirs,
            won=won,
            reason=reason,
        ),
    )
    return mine if won is Side.DPS else theirs


def _bringer(
    base: Mapping[str, JsonValue] | None,
    dps: Projection,
    nomis: Projection,
    published: Published,
) -> Side | None:
    """Return the side that alone changed the location's kind since the base, if one did."""
    if base is None:
        return None
    by_dps = any(dps[field] != base.get(field.value) for field in KIND_FIELDS)
    by_nomis = any(
        nomis[field] != base.get(field.value) and nomis[field] not in published.get(field.value, ())
        for field in KIND_FIELDS
    )
    if by_dps == by_nomis:
        return None
    return Side.DPS if by_dps else Side.NOMIS


def _kind_of_base(base: Mapping[str, JsonValue]) -> Kind:
    """Return the kind that both sides last agreed on: what it shares was not brought in by a change of kind."""
    return kind_of(base.get(Field.LOCATION_TYPE.value), base.get(Field.HOUSING_TYPE.value))


def with_published(
    published: Published,
    sent: Projection,
) -> dict[str, list[JsonValue]]:
    """Return `published` with the values about to be sent to NOMIS added, each once."""
    added = {field: list(values) for field, values in published.items()}
    for field, value in sent.items():
        values = added.setdefault(field.value, [])
        if value not in values:
            values.append(value)
    return added
