"""Compares the two halves of a pair: every field that both can hold of this kind, the key, and the prison."""

from dataclasses import dataclass
from typing import Protocol

from pydantic import JsonValue

from libs.domain.bulk import MirrorRow
from libs.domain.identity import is_aside_name, stands_aside
from libs.domain.shapes import RowShape
from libs.domain.shared import COMPARED, SYNCED, Share, kind_in_dps, project_dps, project_nomis
from libs.domain.shared import share as share_of
from libs.domain.writing import is_soft_deleted

KEY = "key"
PRISON = "prisonId"


class NamedRow(RowShape, Protocol):
    """A NOMIS row with what names it."""

    @property
    def location_id(self) -> int:
        """Its id."""

    @property
    def prison_id(self) -> str:
        """Its agency."""

    @property
    def description(self) -> str:
        """NOMIS's form of the key."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One field that the two sides hold differently, each in the normal form of `libs.domain.shared`."""

    field: str
    dps: JsonValue
    nomis: JsonValue

    def shown(self) -> dict[str, JsonValue]:
        """Return it as it is stored and answered."""
        return {"field": self.field, "dps": self.dps, "nomis": self.nomis}


def differences(mirror: MirrorRow, row: NamedRow, parent: str | None) -> tuple[Difference, ...]:
    """Return what the two hold differently; `parent` is the DPS id that the row's parent is linked to.

    Raises Untranslatable for a code of the row that DPS has no word for.
    """
    own = mirror.location
    kind = kind_in_dps(own)
    mine, theirs = project_dps(own), project_nomis(row, parent)
    found = [
        Difference(field.value, value, theirs[field])
        for field, value in mine.items()
        if value != theirs[field] and (field in SYNCED[kind] or field in COMPARED[kind])
    ]
    if own.prison_id != row.prison_id:
        found.append(Difference(PRISON, own.prison_id, row.prison_id))
    if key_moved(mirror, row):
        found.append(Difference(KEY, own.key, row.description))
    return tuple(found)


@dataclass(frozen=True, slots=True)
class Beside:
    """One field as the two sides hold it, and whether that is a difference; a field may be NOMIS's own."""

    field: str
    dps: JsonValue
    nomis: JsonValue
    share: Share
    differs: bool


def side_by_side(mirror: MirrorRow, row: NamedRow, parent: str | None) -> tuple[Beside, ...]:
    """Return every field that the two can hold, with what `differences` says of each. Raises Untranslatable."""
    own = mirror.location
    kind = kind_in_dps(own)
    differing = {each.field for each in differences(mirror, row, parent)}
    mine, theirs = project_dps(own), project_nomis(row, parent)
    told = [(field.value, value, theirs[field], share_of(field, kind)) for field, value in mine.items()]
    told += [
        (KEY, own.key, row.description, Share.COMPARED),
        (PRISON, own.prison_id, row.prison_id, Share.COMPARED),
    ]
    return tuple(Beside(field, dps, nomis, share, field in differing) for field, dps, nomis, share in told)


def is_spare(row: NamedRow) -> bool:
    """Whether an unlinked row is what a create that came twice left over: under its own aside name and out of use."""
    return is_aside_name(row.description, row.location_id) and is_soft_deleted(row)


def key_moved(mirror: MirrorRow, row: NamedRow) -> bool:
    """Whether NOMIS's description has yet to follow DPS's key, or moved away from the one last known.

    A description need not be parent + code: one that both sides agreed on, or that equals DPS's key, is fine.
    """
    key, state = mirror.location.key, mirror.sync
    if row.description == key:
        return False
    if stands_aside(row.description):
        return True
    if state.agreed_key is not None and key != state.agreed_key:
        return True
    return state.nomis_description is not None and row.description != state.nomis_description
