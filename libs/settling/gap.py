"""Screen edits that a read of a NOMIS row cannot show: overwritten before they were seen, or set back to the old value.

A NOMIS without conditional writes can take a screen edit between our last look and our PUT, which replaces the whole
row. And in any NOMIS a screen can undo what we wrote before we saw it land: the row then looks as if our write had
never come. The amendments tell both. Up to where they were known at the last decision is noted beside the values sent
to NOMIS (`published`), so that also a walk that takes over from a dead one can tell. Local name, parent, profiles and
uses leave no amendment that names them: that part of the gap cannot be seen (`docs/adr/0007-merge-walk.md`).

Profiles and uses are rows of their own. Who last wrote the location's row did not necessarily write those; an amendment
without a label tells of profiles at least who changed them, and of uses nothing does.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date, datetime
from hashlib import sha256
from types import MappingProxyType

from pydantic import JsonValue

from libs.domain.merge import Merged, Published
from libs.domain.nomis import Amendment, NomisLocation
from libs.domain.shared import DETAIL_FIELDS, Field, Projection, project_nomis
from libs.domain.sync import Conflict, Side
from libs.domain.translation import Untranslatable
from libs.settling.amendments import SET_BACK_MAX, by_time, last_written, latest
from libs.settling.keys import aside_code

IN_ROW = (Field.LOCAL_NAME, Field.PARENT)
BESIDE = (Field.ATTRIBUTES, Field.USAGES)
EARLIER = "earlier"
"""Member of the base: values that agreements replaced, or that were sent and then taken back."""
SENT = "sent"
"""Member of the base: values of what lies beside the row that were sent to NOMIS, whatever became of them."""
_EARLIER_MAX = 3
KNOWN = "amendments"
"""Member of `published`: a time before which all amendments are known, then the marks of those known since."""

_FIELD_OF_LABEL = MappingProxyType(
    {
        "Unit Type": Field.HOUSING_TYPE,
        "Active": Field.ACTIVE,
        "Living Unit Id": Field.CODE,
        "Comments": Field.COMMENTS,
        "Accommodation Type": Field.LOCATION_TYPE,
        "Certified": Field.CERTIFIED,
        "Baseline CNA": Field.CERTIFIED_CAPACITY,
        "Operational Capacity": Field.WORKING_CAPACITY,
        "Maximum Capacity": Field.MAX_CAPACITY,
        "Deactivate Reason": Field.DEACTIVATED_REASON,
        "Deactivate Date": Field.DEACTIVATED_DATE,
        "Proposed Reactivate Date": Field.PROPOSED_REACTIVATION_DATE,
        "Sequence": Field.ORDER,
    },
)
_FLAGS = frozenset({Field.ACTIVE, Field.CERTIFIED})
_DATES = frozenset({Field.DEACTIVATED_DATE, Field.PROPOSED_REACTIVATION_DATE})
_COLUMN = MappingProxyType(
    {
        Field.HOUSING_TYPE: "unit_type",
        Field.ACTIVE: "active",
        Field.CODE: "location_code",
        Field.COMMENTS: "comment",
        Field.LOCATION_TYPE: "location_type",
        Field.CERTIFIED: "certified",
        Field.CERTIFIED_CAPACITY: "cna_capacity",
        Field.WORKING_CAPACITY: "operational_capacity",
        Field.MAX_CAPACITY: "capacity",
        Field.DEACTIVATED_REASON: "reason_code",
        Field.DEACTIVATED_DATE: "deactivate_date",
        Field.PROPOSED_REACTIVATION_DATE: "reactivate_date",
        Field.ORDER: "list_sequence",
    },
)
_MARK_LENGTH = 12
_CLOCK = "written twice while NOMIS's clock was set back: which came last cannot be told"
_UNTOLD = "sent from DPS before: whether it is that or a screen's edit cannot be told"


def known_amendments(row: NomisLocation) -> list[JsonValue]:
    """Return up to where a row's amendments are known.

    They may come in any order, many in one second, and NOMIS's clock may be set back: those of the last minutes are
    named, what is older is known.
    """
    if not row.amendments:
        return [""]
    since = max(a.amend_date_time for a in row.amendments) - SET_BACK_MAX
    return [since.isoformat(), *sorted(_mark(a) for a in row.amendments if a.amend_date_time >= since)]


def made_since(published: Mapping[str, Sequence[JsonValue]], row: NomisLocation) -> list[Amendment]:
    """Return the amendments made since what is noted in `published`; none when nothing is noted."""
    noted = published.get(KNOWN)
    if not noted:
        return []
    since, marks = str(noted[0]), [str(mark) for mark in noted[1:]]
    fresh = []
    for amendment in row.amendments:
        if _mark(amendment) in marks:
            marks.remove(_mark(amendment))
        elif amendment.amend_date_time.isoformat() >= since:
            fresh.append(amendment)
    return fresh


def lost_in_the_gap(fresh: Sequence[Amendment], row: NomisLocation, our_user: str) -> tuple[Conflict, ...]:
    """Return a conflict for each screen edit that one of our own writes replaced before it was seen.

    Its values are DPS's words, as those of any conflict: a person may choose them.
    """
    ours = {(a.column_name, a.old_value) for a in fresh if a.amended_by == our_user}
    return tuple(
        Conflict(
            field=field.value,
            base=_shared(row, field, a.old_value),
            dps=None,
            nomis=_shared(row, field, a.new_value),
            won=Side.DPS,
            reason=f"screen edit by {a.amended_by} overwritten before it was seen",
        )
        for field, a in _by_others(fresh, our_user)
        if (a.column_name, a.new_value) in ours
    )


def edited_by_others(fresh: Sequence[Amendment], row: NomisLocation, our_user: str) -> frozenset[Field]:
    """Return the fields whose present value somebody else set, even if it is the value last agreed on."""
    return frozenset(field for field, a in _by_others(fresh, our_user) if (a.new_value or "") == _text(row, field))


def written_late(
    row: NomisLocation,
    mine: Projection,
    theirs: Projection,
    base: Mapping[str, JsonValue],
    fresh: Iterable[Sequence[Amendment]],
    our_user: str,
) -> tuple[frozenset[Field], frozenset[Field]]:
    """Return the fields whose present value a late write of ours put back, and those of which that is in doubt.

    A walk may sleep before its PUT until another has settled the pair. Where NOMIS has no conditional writes the PUT
    then replaces the whole row with what was read; in any NOMIS it lands if nothing moved the row meanwhile, though DPS
    took the edit back. Such a value is nobody's edit. Of most fields the amendments tell who wrote last; `fresh` are
    those made since one moment or another, the latest moment first. Of fields that leave none it must be a value agreed
    on or sent before, in a row that we were the last to write; what lies beside the row is in doubt then, unless its
    amendments tell. A date of deactivation that DPS did not name was chosen by NOMIS.
    """
    earlier = _past(base, EARLIER)
    in_row = IN_ROW if row.modify_username == our_user else ()
    late = {field for field in in_row if theirs[field] in earlier.get(field.value, ())}
    sent = _past(base, SENT)
    beside = {
        field
        for field in BESIDE
        if theirs[field] != base.get(field.value)
        and theirs[field] in (*earlier.get(field.value, ()), *sent.get(field.value, ()))
    }
    changed = latest([a for a in row.amendments if a.column_name is None])
    if changed and by_time(changed, our_user).amended_by != our_user:
        beside.discard(Field.ATTRIBUTES)
    late |= beside
    doubtful = beside - ({Field.ATTRIBUTES} if changed and all(a.amended_by == our_user for a in changed) else set())
    since = [*fresh, row.amendments]
    for label, field in _FIELD_OF_LABEL.items():
        if field.value not in base or theirs[field] == base[field.value]:
            continue
        if field is Field.DEACTIVATED_DATE and mine[field] is None:
            continue
        if field is Field.CODE and mine[field] == aside_code(row.location_id):
            # The code that a location waits for behind others may well be one that we wrote.
            continue
        columns = ([a for a in made if a.column_name == label] for made in since)
        last = last_written(next((column for column in columns if column), ()), _text(row, field))
        if any(a.amended_by == our_user for a in last):
            late |= {field} if by_time(last, our_user).amended_by == our_user else set()
            doubtful |= {field} if any(a.amended_by != our_user for a in last) else set()
    return frozenset(late), frozenset(doubtful)


def sent_from_dps(
    base: Mapping[str, JsonValue], published: Published, theirs: Projection, fields: Collection[Field]
) -> frozenset[Field]:
    """Return those of the fields whose NOMIS value DPS knows to have sent.

    One restored from a backup older than its last writes knows nothing of them: what they left in NOMIS is the newer
    truth then, though we wrote it. What lies beside the row and was agreed on, but never sent, a screen brought: it may
    well bring it again.
    """
    earlier, sent = _past(base, EARLIER), _past(base, SENT)
    return frozenset(
        field
        for field in fields
        if theirs[field]
        in (*published.get(field.value, ()), *(sent if field in BESIDE else earlier).get(field.value, ()))
    )


def in_doubt(
    merged: Merged, mine: Projection, theirs: Projection, base: Mapping[str, JsonValue], doubtful: Collection[Field]
) -> tuple[Conflict, ...]:
    """Return the record of what is overwritten though it may have been an edit: nobody can tell who wrote last."""
    recorded = {conflict.field for conflict in merged.conflicts}
    return tuple(
        Conflict(
            field=field.value,
            base=base.get(field.value),
            dps=mine[field],
            nomis=theirs[field],
            won=Side.NOMIS if field in merged.to_dps else Side.DPS,
            reason=_UNTOLD if field in BESIDE else _CLOCK,
        )
        for field in (*merged.to_dps, *merged.to_nomis)
        if field in doubtful and field.value not in recorded
    )


def earlier_values(
    base: Mapping[str, JsonValue], agreed: Mapping[str, JsonValue], published: Published, going: Published
) -> dict[str, JsonValue]:
    """Return, by field, the last few values that are not to come back.

    Those that an agreement replaced, and those sent to NOMIS (`published`) and no longer on their way (`going`).
    """
    earlier: dict[str, JsonValue] = {}
    past = _past(base, EARLIER)
    for field in Field:
        name = field.value
        replaced = [base[name]] if name in base and name in agreed and base[name] != agreed[name] else []
        withdrawn = [value for value in published.get(name, ()) if value not in going.get(name, ())]
        values = [*replaced, *withdrawn, *past.get(name, ())]
        fresh = [value for n, value in enumerate(values) if value != agreed.get(name) and value not in values[:n]]
        earlier[name] = fresh[:_EARLIER_MAX] if replaced or withdrawn else past.get(name, [])
    return {name: values for name, values in earlier.items() if values}


def sent_values(base: Mapping[str, JsonValue], published: Published) -> dict[str, JsonValue]:
    """Return, of what lies beside the row, the last few values that were sent to NOMIS."""
    past = _past(base, SENT)
    known = {f.value: (*published.get(f.value, ()), *past.get(f.value, ())) for f in BESIDE}
    return {
        name: [value for n, value in enumerate(values) if value not in values[:n]][:_EARLIER_MAX]
        for name, values in known.items()
        if values
    }


def _past(base: Mapping[str, JsonValue], member: str) -> dict[str, list[JsonValue]]:
    """Return what a base remembers of values, by field; it is JSON, and what is no list says nothing."""
    kept = base.get(member)
    return {name: past for name, past in kept.items() if isinstance(past, list)} if isinstance(kept, dict) else {}


def _by_others(fresh: Sequence[Amendment], our_user: str) -> list[tuple[Field, Amendment]]:
    return [
        (field, a)
        for a in fresh
        if a.amended_by != our_user and (field := _FIELD_OF_LABEL.get(a.column_name or "")) is not None
    ]


def _shared(row: NomisLocation, field: Field, told: str | None) -> JsonValue:
    """Return the value that an amendment tells of in the form that sides are compared in; as told if unreadable."""
    details = {"active": False} if field in DETAIL_FIELDS else {}
    try:
        read = NomisLocation.model_validate({**row.model_dump(), **details, _COLUMN[field]: _column(field, told)})
        return project_nomis(read, None)[field]
    except (ValueError, Untranslatable):
        return told


def _column(field: Field, told: str | None) -> str | bool | date | None:
    """Return what an amendment tells of as the column holds it. Raises ValueError."""
    if field in _FLAGS:
        return told == "Y"
    if field in _DATES:
        return datetime.strptime(told, "%d-%b-%y").date() if told else None  # noqa: DTZ007 - a day
    return told or None


def _text(row: NomisLocation, field: Field) -> str:
    """Return the column as an amendment writes it."""
    value: str | int | bool | date | None = getattr(row, _COLUMN[field])
    if isinstance(value, bool):
        return "Y" if value else "N"
    if isinstance(value, date):
        return value.strftime("%d-%b-%y").upper()
    return "" if value is None else str(value)


def _mark(amendment: Amendment) -> str:
    at = amendment.amend_date_time.isoformat()
    told = (at, amendment.column_name, amendment.old_value, amendment.new_value, amendment.amended_by)
    return sha256(repr(told).encode()).hexdigest()[:_MARK_LENGTH]
