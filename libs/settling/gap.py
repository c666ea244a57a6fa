"""Screen edits that fell between our last look at a NOMIS row and our write over it.

Only a NOMIS without conditional writes has this gap. Its amendments tell of the edit afterwards: one that the row does
not show any more was wiped by our PUT, which replaces the whole row, and becomes a conflict. Local name and parent
leave no amendment; that part of the gap cannot be seen (`docs/adr/0007-merge-walk.md`).
"""

from datetime import date
from types import MappingProxyType

from libs.domain.nomis import Amendment, NomisLocation
from libs.domain.shared import Field
from libs.domain.sync import Conflict, Side
from libs.settling.ports import NomisRow

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
        "Sequence": Field.ORDER,
    },
)


def lost_in_the_gap(before: NomisRow | None, after: NomisRow, our_user: str) -> tuple[Conflict, ...]:
    """Return a conflict for each edit made since `before` by somebody else that `after` does not show."""
    if before is None or before.etag is not None:
        return ()
    known = set(before.location.amendments)
    made_since = (a for a in after.location.amendments if a not in known and a.amended_by != our_user)
    return tuple(_conflict(a) for a in made_since if _is_lost(a, after.location))


def _is_lost(amendment: Amendment, row: NomisLocation) -> bool:
    field = _FIELD_OF_LABEL.get(amendment.column_name or "")
    return field is not None and (amendment.new_value or "") != _text(row, field)


def _conflict(amendment: Amendment) -> Conflict:
    return Conflict(
        field=_FIELD_OF_LABEL[amendment.column_name or ""].value,
        base=amendment.old_value,
        dps=None,
        nomis=amendment.new_value,
        won=Side.DPS,
        reason=f"screen edit by {amendment.amended_by} overwritten before it was seen",
    )


def _text(row: NomisLocation, field: Field) -> str:
    """Return the column as an amendment writes it."""
    columns: dict[Field, str | int | bool | date | None] = {
        Field.HOUSING_TYPE: row.unit_type,
        Field.ACTIVE: row.active,
        Field.CODE: row.location_code,
        Field.COMMENTS: row.comment,
        Field.LOCATION_TYPE: row.location_type,
        Field.CERTIFIED: row.certified,
        Field.CERTIFIED_CAPACITY: row.cna_capacity,
        Field.WORKING_CAPACITY: row.operational_capacity,
        Field.MAX_CAPACITY: row.capacity,
        Field.DEACTIVATED_REASON: row.reason_code,
        Field.ORDER: row.list_sequence,
    }
    value = columns[field]
    if isinstance(value, bool):
        return "Y" if value else "N"
    return "" if value is None else str(value)
