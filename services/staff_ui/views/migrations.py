"""Runs of the migration as pages show them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from libs.domain.counting import counted
from services.staff_ui.views.charts import StackedBar, stacked_bar

KINDS = MappingProxyType(
    {
        "LOCATIONS": "Migration",
        "LOCATIONS_REHEARSAL": "Rehearsal",
        "LOCATIONS_VERIFICATION": "Verification",
    }
)
# What a run calls those that went well.
DONE = MappingProxyType(
    {"LOCATIONS": "migrated", "LOCATIONS_REHEARSAL": "would be migrated", "LOCATIONS_VERIFICATION": "equal"}
)
STATUSES = MappingProxyType(
    {
        "STARTED": ("Running", "govuk-tag--blue"),
        "COMPLETED": ("Completed", "govuk-tag--green"),
        "CANCELLED_REQUESTED": ("Being cancelled", "govuk-tag--yellow"),
        "CANCELLED": ("Cancelled", "govuk-tag--grey"),
    }
)
ACTIVE = frozenset({"STARTED", "CANCELLED_REQUESTED"})
MINUTE, HOUR = 60, 3600


@dataclass(frozen=True)
class Tag:
    """A word that a status is shown as, and how it is coloured."""

    text: str
    classes: str


@dataclass(frozen=True)
class Watched:
    """How far a run is. `parts` always add up to `listed`."""

    id: str
    kind: str
    tag: Tag
    done: str
    bar: StackedBar
    listed: int
    still_listing: bool
    pace: str
    prisons: Sequence[Mapping[str, Any]]
    troubles: Sequence[Mapping[str, Any]]
    active: bool
    can_pause: bool
    can_resume: bool
    can_cancel: bool


def status_tag(status: str, *, paused: bool) -> Tag:
    """Name a status."""
    if paused and status == "STARTED":
        return Tag("Paused", "govuk-tag--yellow")
    text, classes = STATUSES.get(status, (status, "govuk-tag--grey"))
    return Tag(text, classes)


def watched(progress: Mapping[str, Any]) -> Watched:
    """Make it of what the migration's progress door answers."""
    kind, status, paused = progress["migrationType"], progress["status"], progress["paused"]
    done = DONE.get(kind, "done")
    counts = [
        (done, progress["migrated"]),
        ("skipped", progress["skipped"]),
        ("failed", progress["failed"]),
        ("to do", progress["pending"]),
    ]
    listing = status in ACTIVE and not progress["listingComplete"]
    return Watched(
        id=progress["migrationId"],
        kind=KINDS.get(kind, kind),
        tag=status_tag(status, paused=paused),
        done=done,
        bar=stacked_bar("Progress", counts, progress["estimated"] if listing else 0),
        listed=progress["listed"],
        still_listing=listing,
        pace=pace(progress),
        prisons=progress["prisons"],
        troubles=progress.get("troubles") or [],
        active=status in ACTIVE,
        can_pause=status == "STARTED" and not paused,
        can_resume=status == "STARTED" and paused,
        can_cancel=status == "STARTED",
    )


def pace(progress: Mapping[str, Any]) -> str:
    """Say how fast it goes and how long it will take; empty where nobody can tell."""
    rate, left = progress.get("perSecond"), progress.get("secondsLeft")
    if not rate:
        return ""
    told = f"{rate:,.0f} locations a second" if rate >= 1 else f"{rate * MINUTE:,.0f} locations a minute"
    return f"{told}, about {lasting(left)} left" if left and progress["status"] in ACTIVE else told


def lasting(seconds: float) -> str:
    """Write a time span as people say it."""
    if seconds < MINUTE:
        return counted(round(seconds), "second")
    if seconds < HOUR:
        return counted(round(seconds / MINUTE), "minute")
    hours, minutes = divmod(round(seconds / MINUTE), MINUTE)
    return counted(hours, "hour") + (f" {counted(minutes, 'minute')}" if minutes else "")
