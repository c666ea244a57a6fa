"""Where a location may stand, and what staff change of its place and uses (`reference/locations-api.md` §3.1, §3.7)."""

from collections.abc import Collection
from dataclasses import dataclass
from uuid import UUID

from msgspec.structs import replace

from libs.domain.codes import AccommodationType, LocationType, UsedForType
from libs.domain.sync import Usage
from services.locations.errors import LocationArchived, LocationNotFound, ParentNotAllowed
from services.locations.records import LocationRow
from services.locations.rules.accommodation import accommodated, uses_in_order
from services.locations.rules.hierarchy import Hierarchy


@dataclass(frozen=True, slots=True)
class Patch:
    """What to change of a location; None keeps. `accommodation` and `uses` count for cells, `kind` for rooms."""

    residential: bool
    code: str | None = None
    parent_id: UUID | None = None
    parent_key: str | None = None
    accommodation: AccommodationType | None = None
    uses: Collection[UsedForType] | None = None
    kind: LocationType | None = None
    usages: tuple[Usage, ...] | None = None


def check_parent(hierarchy: Hierarchy, parent: LocationRow, prison_id: str, *, residential: bool) -> None:
    """Raise ParentNotAllowed if staff may not put a location of this kind below `parent`."""
    if parent.prison_id != prison_id:
        raise ParentNotAllowed(f"parentId: {parent.key} is of another prison")
    if hierarchy.standing(parent).archived:
        raise ParentNotAllowed(f"parentId: {parent.key} is permanently deactivated")
    if parent.is_cell:
        raise ParentNotAllowed(f"parentId: {parent.key} is a cell, nothing stands below one")
    if residential and parent.residential_housing_type is None:
        raise ParentNotAllowed(f"parentId: {parent.key} is not residential, nothing residential stands below it")


def patched(hierarchy: Hierarchy, row: LocationRow, patch: Patch, parent_id: UUID | None) -> LocationRow:
    """Return a location with its new place, path and uses.

    Raises LocationNotFound (it is of the other kind), LocationArchived, ParentNotAllowed.
    """
    if (row.residential_housing_type is not None) is not patch.residential:
        raise LocationNotFound(f"{row.key} ({'residential' if patch.residential else 'non-residential'})")
    if hierarchy.standing(row).archived:
        raise LocationArchived(row.key)
    after = placed(hierarchy, row, patch.code or row.code, parent_id or row.parent_id)
    return _cell(after, patch) if patch.residential else _room(after, patch)


def placed(hierarchy: Hierarchy, row: LocationRow, code: str, parent_id: UUID | None) -> LocationRow:
    """Return a location under this code and parent, with its new path. Raises ParentNotAllowed."""
    if (code, parent_id) == (row.code, row.parent_id):
        return row
    parent = hierarchy.get(parent_id) if parent_id else None
    if parent is not None and parent_id != row.parent_id:
        if row.id in {parent.id, *(up.id for up in hierarchy.above(parent))}:
            raise ParentNotAllowed(f"parentId: {parent.key} is {row.key} or stands below it")
        check_parent(hierarchy, parent, row.prison_id, residential=row.residential_housing_type is not None)
    path = f"{parent.path_hierarchy}-{code}" if parent else code
    return replace(row, code=code, parent_id=parent_id, path_hierarchy=path)


def _cell(row: LocationRow, patch: Patch) -> LocationRow:
    """Apply the accommodation type, also the present one: a normal cell gets its standard use back."""
    if not row.is_cell or row.converted_cell_type is not None:
        return row
    accommodation = patch.accommodation or row.accommodation_type
    after = accommodated(row, accommodation) if accommodation else row
    return after if patch.uses is None else replace(after, used_for=uses_in_order(patch.uses))


def _room(row: LocationRow, patch: Patch) -> LocationRow:
    after = replace(row, location_type=patch.kind or row.location_type)
    if patch.usages is None:
        return after
    return replace(after, usages=tuple({usage.usage_type: usage for usage in patch.usages}.values()))
