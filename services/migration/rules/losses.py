"""What of a NOMIS row DPS cannot hold as it is: said of each location, so that people can sign for it."""

from collections.abc import Iterable, Iterator

from libs.domain.shapes import AmendmentShape, DetailShape
from libs.domain.shared import is_holding_cell, unshared_profiles, usage_rows
from libs.domain.translation import (
    DPS_REASON,
    DPS_TYPE,
    DPS_USAGE,
    FOLDED_PROFILES,
    FOLDED_REASONS,
    FOLDED_TYPES,
    FOLDED_USAGES,
    HISTORY_LABEL,
    dps_housing,
    dps_type,
)
from services.migration.records import Note, Subject

NO_REASON = "none"


def losses(row: DetailShape) -> tuple[Note, ...]:
    """Return every loss of a row that DPS can take. Raises Untranslatable for one that it cannot."""
    return tuple(dict.fromkeys((*_folds(row), *_dropped(row), *unknown_labels(row.amendments))))


def unknown_labels(amendments: Iterable[AmendmentShape]) -> Iterator[Note]:
    """Name the labels of amendments that DPS has no word for; those amendments stay in NOMIS."""
    for label in {a.column_name for a in amendments if a.column_name not in HISTORY_LABEL}:
        yield Note(Subject.HISTORY, str(label))


def _folds(row: DetailShape) -> Iterator[Note]:
    if row.location_type in FOLDED_TYPES:
        yield _fold("type", row.location_type, DPS_TYPE[row.location_type])
    for usage in row.usages:
        code = usage.internal_location_usage_type
        if code in FOLDED_USAGES:
            yield _fold("usage", code, DPS_USAGE[code])
    for profile in row.profiles:
        pair = (profile.profile_type, profile.profile_code)
        if pair in FOLDED_PROFILES:
            yield _fold("profile", "/".join(pair), FOLDED_PROFILES[pair])
    if not row.active and (row.reason_code is None or row.reason_code in FOLDED_REASONS):
        yield _fold("reason", row.reason_code or NO_REASON, DPS_REASON[row.reason_code or "F"])
    if is_holding_cell(dps_type(row.location_type), dps_housing(row.unit_type)):
        yield Note(Subject.FOLDED, "holding cell becomes a holding room, without capacity and certification")


def _dropped(row: DetailShape) -> Iterator[Note]:
    for profile in unshared_profiles(row.profiles):
        yield Note(Subject.PROFILE, f"{profile.profile_type}/{profile.profile_code}")
    standing = usage_rows(row.usages).values()
    for usage in row.usages:
        if usage not in standing:
            yield Note(Subject.USAGE, f"{usage.internal_location_usage_type} beside the usage it folds to")


def _fold(what: str, code: str, word: object) -> Note:
    return Note(Subject.FOLDED, f"{what} {code} becomes {word}")
