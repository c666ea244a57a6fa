"""Both sides beside each other, as pages show them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from services.staff_ui.views.location import told, words

FINDINGS = MappingProxyType(
    {
        "DIFFERENT": "Different",
        "MISSING_IN_DPS": "Missing in DPS",
        "MISSING_IN_NOMIS": "Missing in NOMIS",
        "MISSING_MAPPING": "Not linked",
        "STRAY_MAPPING": "Link to nothing",
        "CROSSED_MAPPING": "Crossed link",
    }
)
RUN_STATUSES = MappingProxyType(
    {
        "REQUESTED": ("Asked for", "govuk-tag--blue"),
        "RUNNING": ("Running", "govuk-tag--blue"),
        "COMPLETED": ("Completed", "govuk-tag--green"),
        "FAILED": ("Failed", "govuk-tag--red"),
    }
)
STAGES = MappingProxyType(
    {
        "BOTH_WAYS": "Both ways",
        "SCREENS_OFF": "NOMIS screens off",
        "RECONCILED": "Reconciled",
        "ONE_WAY": "One way",
    }
)
STEPS = MappingProxyType(
    {
        "BOTH_WAYS": "Turn NOMIS screens on again: both ways",
        "SCREENS_OFF": "Turn NOMIS screens off",
        "RECONCILED": "Accept the comparison as clean",
        "ONE_WAY": "Stop taking changes from NOMIS: one way",
    }
)
MEANINGS = MappingProxyType(
    {
        "BOTH_WAYS": "Both systems are edited, and each change is brought to the other side.",
        "SCREENS_OFF": "Staff can no longer edit this prison’s locations on NOMIS screens.",
        "RECONCILED": "A comparison that began after the screens went off found both sides equal.",
        "ONE_WAY": "NOMIS only follows. A change made there is reported and put back.",
    }
)


@dataclass(frozen=True)
class Line:
    """One field on both sides."""

    field: str
    dps: str
    nomis: str
    differs: bool
    share: str = ""


def lines(fields: Sequence[Mapping[str, Any]]) -> list[Line]:
    """Put a location's fields beside each other; of a mismatch every field that is told differs."""
    return [
        Line(
            words(each["field"]),
            told(each["field"], each["dps"]),
            told(each["field"], each["nomis"]),
            each.get("differs", True),
            each.get("share", ""),
        )
        for each in fields
    ]
