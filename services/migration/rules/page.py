"""What becomes of each location of a page, decided without asking anybody."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from libs.domain.comparing import is_spare
from libs.domain.identity import dps_id_for, is_aside_name
from libs.domain.mapping import LocationMapping, MappingType
from libs.domain.nomis import NomisLocationId
from libs.domain.prisons import is_ignored
from libs.domain.shapes import AmendmentShape, DetailShape
from libs.domain.sync import MigrateOutcome, MigrateResult
from libs.domain.translation import HISTORY_LABEL, Untranslatable
from libs.domain.writing import dps_create_fields
from services.migration.records import Item, ItemState, Verdict
from services.migration.rules.losses import unknown_labels

PARENT_MISSING = "parent not in DPS"
DUPLICATE_PATH = "duplicate path"  # as the locations API says it
MAPPED = "mapped already"
OTHER_PRISON = "prison not in this run"
CANCELLED = "cancelled"
LEFT_OVER = "a create that came twice left it over"
STANDS_ASIDE = "stands aside and is in use: sync has not come to it"
ADOPTED = "adopted: DPS had the key already"


@dataclass(frozen=True, slots=True)
class Plan:
    """A page sorted: what is decided already, what to create, and whose history may still be missing.

    A location that sync brought over before the migration came is linked, and skipped; its amendments come with the
    migration all the same, so that it ends as if it had come first.
    """

    decided: list[Verdict]
    to_create: list[dict[str, Any]]
    histories: list[dict[str, Any]]


def plan(
    items: Sequence[Item],
    rows: Mapping[NomisLocationId, DetailShape],
    links: Mapping[NomisLocationId, LocationMapping],
    prisons: frozenset[str],
    label: str,
) -> Plan:
    """Sort a page of the run `label`. Rows outside `prisons` (empty: all) are not of this run."""
    decided: list[Verdict] = []
    to_create: list[dict[str, Any]] = []
    histories: list[dict[str, Any]] = []
    for item in items:
        row = rows.get(item.nomis_id)
        verdict = _before_creating(item, row, links, prisons, label)
        if verdict is None and row is not None:
            try:
                to_create.append(creation(row, links))
            except Untranslatable as unknown:
                verdict = _verdict(row, ItemState.FAILED, str(unknown))
        if verdict is not None:
            decided.append(verdict)
            if row is not None and verdict.reason == MAPPED:
                histories += _history_of_linked(row, links)
    return Plan(decided, to_create, histories)


def _history_of_linked(row: DetailShape, links: Mapping[NomisLocationId, LocationMapping]) -> list[dict[str, Any]]:
    """Return what brings the amendments of a location that sync made; the door leaves all else of it as it is."""
    link = links.get(row.location_id)
    if link is None or link.mapping_type is not MappingType.NOMIS_CREATED or not row.amendments:
        return []
    if row.parent_location_id is not None and row.parent_location_id not in links:
        return []
    try:
        return [creation(row, links) | {"id": str(link.dps_location_id)}]
    except Untranslatable:
        return []


def _before_creating(
    item: Item,
    row: DetailShape | None,
    links: Mapping[NomisLocationId, LocationMapping],
    prisons: frozenset[str],
    label: str,
) -> Verdict | None:
    if row is None:
        return Verdict(item.nomis_id, ItemState.SKIPPED, "gone from NOMIS")
    if why := not_of_the_run(row, prisons):
        return _verdict(row, ItemState.SKIPPED, why)
    if link := links.get(row.location_id):
        return _linked(row, link, label)
    if is_aside_name(row.description, row.location_id):
        return _unlinked_aside(row)
    if row.parent_location_id is not None and row.parent_location_id not in links:
        return _verdict(row, ItemState.PENDING, PARENT_MISSING)
    return None


def _unlinked_aside(row: DetailShape) -> Verdict:
    """Skip what a create that came twice left over (ADR 0007); in use it is sync's to say whose it is, and waits."""
    if is_spare(row):
        return _verdict(row, ItemState.SKIPPED, LEFT_OVER)
    return _verdict(row, ItemState.PENDING, STANDS_ASIDE)


def not_of_the_run(row: DetailShape, prisons: frozenset[str]) -> str | None:
    """Return why a run has nothing to do with a row's prison; None when it has."""
    if prisons and row.prison_id not in prisons:
        return OTHER_PRISON
    return f"ignored agency {row.prison_id}" if is_ignored(row.prison_id) else None


def _linked(row: DetailShape, link: LocationMapping, label: str) -> Verdict:
    """Tell a link of an earlier run from one that this run saved before it died."""
    if link.label != label:
        return _verdict(row, ItemState.SKIPPED, MAPPED, link.dps_location_id)
    if link.dps_location_id == dps_id_for(row.location_id):
        return _verdict(row, ItemState.MIGRATED, None, link.dps_location_id)
    return _verdict(row, ItemState.SKIPPED, ADOPTED, link.dps_location_id)


def creation(row: DetailShape, links: Mapping[NomisLocationId, LocationMapping]) -> dict[str, Any]:
    """Return one location of the batch door (`libs.domain.sync.MigrateLocation`), as JSON-ready values."""
    parent = links[row.parent_location_id].dps_location_id if row.parent_location_id is not None else None
    return {
        "id": str(dps_id_for(row.location_id)),
        "nomisLocationId": row.location_id,
        "nomisDescription": row.description,
        "prisonId": row.prison_id,
        "fields": dps_create_fields(row, str(parent) if parent else None),
        "createDate": row.create_datetime.isoformat(),
        "lastUpdatedBy": row.modify_username or row.create_username,
        "history": history_of(row.amendments),
    }


def history_of(amendments: Sequence[AmendmentShape]) -> list[dict[str, Any]]:
    """Return the amendments to import: none without a change, none twice, none whose label DPS has no word for."""
    entries: dict[tuple[Any, ...], dict[str, Any]] = {}
    for a in amendments:
        attribute = HISTORY_LABEL.get(a.column_name)
        if attribute is None or (a.old_value or None) == (a.new_value or None):
            continue
        entry = {
            "attribute": attribute.value,
            "oldValue": a.old_value or None,
            "newValue": a.new_value or None,
            "amendedBy": a.amended_by,
            "amendedDate": a.amend_date_time.isoformat(),
        }
        entries.setdefault(tuple(entry.values()), entry)
    return list(entries.values())


def link_of(outcome: MigrateOutcome, label: str) -> LocationMapping | None:
    """Return the link to save for an outcome, if it is there to be linked."""
    if outcome.result in {MigrateResult.NO_PARENT, MigrateResult.FAILED}:
        return None
    return LocationMapping(
        dps_location_id=outcome.id,
        nomis_location_id=outcome.nomis_location_id,
        mapping_type=MappingType.MIGRATED,
        label=label,
    )


def judged(outcome: MigrateOutcome, row: DetailShape, in_the_way: Exception | None) -> Verdict:
    """Return what became of a location after both the create and the link."""
    if in_the_way is not None:
        return _verdict(row, ItemState.FAILED, f"mapping: {in_the_way}", outcome.id)
    match outcome.result:
        case MigrateResult.CREATED | MigrateResult.EXISTS:
            verdict = _verdict(row, ItemState.MIGRATED, None, outcome.id)
            return replace(verdict, notes=notes) if (notes := tuple(unknown_labels(row.amendments))) else verdict
        case MigrateResult.ADOPTED:
            return _verdict(row, ItemState.SKIPPED, ADOPTED, outcome.id)
        case MigrateResult.NO_PARENT:
            return _verdict(row, ItemState.PENDING, PARENT_MISSING)
        case MigrateResult.FAILED:
            return _verdict(row, ItemState.FAILED, outcome.reason or "refused by DPS")


def _verdict(row: DetailShape, state: ItemState, reason: str | None, dps_id: UUID | None = None) -> Verdict:
    return Verdict(row.location_id, state, reason, dps_id, row.description, row.prison_id)
