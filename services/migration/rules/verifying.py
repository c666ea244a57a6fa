"""Whether a location is in DPS as NOMIS has it, and if not, why: decided from what both APIs told."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from libs.domain.bulk import MirrorRow, OwnRow
from libs.domain.comparing import differences, is_spare
from libs.domain.mapping import LocationMapping
from libs.domain.nomis import NomisLocationId
from libs.domain.shapes import DetailShape
from libs.domain.shared import COMMENTS_MAX, LOCAL_NAME_MAX
from libs.domain.translation import Untranslatable
from libs.domain.writing import is_soft_deleted
from services.migration.records import Item, ItemState, Note, Subject, Verdict
from services.migration.rules.losses import losses
from services.migration.rules.page import LEFT_OVER, not_of_the_run

GONE = "gone from NOMIS, still in DPS"
GONE_FROM_BOTH = "gone from NOMIS"
NOT_LINKED = "in NOMIS, linked to no DPS location"
DELETED = "in NOMIS, deleted in DPS"
UNKNOWN = "linked to a location that DPS does not have"


@dataclass(frozen=True, slots=True)
class Sight:
    """What was seen of a page: NOMIS's rows, links of them and their parents, DPS's locations and tombstones by id."""

    rows: Mapping[NomisLocationId, DetailShape]
    links: Mapping[NomisLocationId, LocationMapping]
    mirrors: Mapping[str, MirrorRow]
    buried: frozenset[str]


def verified(item: Item, sight: Sight, prisons: frozenset[str]) -> Verdict:
    """Return `migrated` for a location that is equal; what is not stays pending, as it is looked at again."""
    row, link = sight.rows.get(item.nomis_id), sight.links.get(item.nomis_id)
    mirror = sight.mirrors.get(str(link.dps_location_id)) if link else None
    if row is None:
        return _gone(item, link, mirror)
    verdict = Verdict(row.location_id, ItemState.SKIPPED, None, None, row.description, row.prison_id)
    if why := not_of_the_run(row, prisons):
        return replace(verdict, reason=why)
    if link is None and is_spare(row):
        return replace(verdict, reason=LEFT_OVER)
    if link is None:
        return replace(verdict, state=ItemState.PENDING, reason=NOT_LINKED, differences=())
    verdict = replace(verdict, dps_id=link.dps_location_id, differences=())
    if mirror is None:
        return _absent(verdict, row, sight.buried)
    return _compared(verdict, row, mirror, _parent(row, sight))


def _gone(item: Item, link: LocationMapping | None, mirror: MirrorRow | None) -> Verdict:
    if link is None or mirror is None:
        return Verdict(item.nomis_id, ItemState.SKIPPED, GONE_FROM_BOTH, differences=())
    own = mirror.location
    return Verdict(item.nomis_id, ItemState.PENDING, GONE, link.dps_location_id, own.key, own.prison_id, differences=())


def _absent(verdict: Verdict, row: DetailShape, buried: frozenset[str]) -> Verdict:
    """Judge a row whose location DPS does not have: a tombstone and a soft-deleted row are equal."""
    if str(verdict.dps_id) not in buried:
        return replace(verdict, state=ItemState.PENDING, reason=UNKNOWN)
    if is_soft_deleted(row):
        return replace(verdict, state=ItemState.MIGRATED)
    return replace(verdict, state=ItemState.PENDING, reason=DELETED)


def _compared(verdict: Verdict, row: DetailShape, mirror: MirrorRow, parent: str | None) -> Verdict:
    try:
        found = differences(mirror, row, parent)
        notes = (*losses(row), *_cut(mirror.location))
    except Untranslatable as unknown:
        return replace(verdict, state=ItemState.PENDING, reason=str(unknown))
    if not found:
        return replace(verdict, state=ItemState.MIGRATED, notes=notes)
    fields = ", ".join(sorted(difference.field for difference in found))
    return replace(verdict, state=ItemState.PENDING, reason=f"differs: {fields}", differences=found, notes=notes)


def _parent(row: DetailShape, sight: Sight) -> str | None:
    if row.parent_location_id is None:
        return None
    link = sight.links.get(row.parent_location_id)
    return str(link.dps_location_id) if link else None


def _cut(own: OwnRow) -> Iterator[Note]:
    for field, text, limit in (
        ("localName", own.local_name, LOCAL_NAME_MAX),
        ("comments", own.comments, COMMENTS_MAX),
    ):
        if text is not None and len(text) > limit:
            yield Note(Subject.CUT, f"{field} longer than NOMIS's {limit} characters")
