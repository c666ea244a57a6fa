"""What replicas tell each other of a redrive, as a tag of the dead-letter queue: workers have no database. Pure.

A tag's value has room for 256 characters, letters, digits and few signs. Two replicas that begin in the same moment
both write; the one whose note stands goes on, and the other finds that and stops.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import get_args

from libs.messaging.queue import MoveStatus

NOTE = "redrive"
STOP = "redrive-stop"
FORM = "%Y-%m-%dT%H:%M:%S.%fZ"
STATUSES: tuple[MoveStatus, ...] = get_args(MoveStatus)


@dataclass(frozen=True, slots=True)
class Note:
    """How far a redrive was when its `owner`, a replica's run of it, last wrote."""

    owner: str
    status: MoveStatus
    found: int
    moved: int
    left: int
    rate: float
    at: datetime


def written(note: Note) -> str:
    """Write it as a tag's value."""
    counts = f"{note.found} {note.moved} {note.left} {note.rate:g}"
    return f"{note.owner} {note.status} {counts} {note.at.astimezone(UTC).strftime(FORM)}"


def read(value: str | None) -> Note | None:
    """Read a tag's value; what is none of ours says nothing."""
    try:
        owner, told, found, moved, left, rate, at = (value or "").split(" ")
        [status] = [each for each in STATUSES if each == told]
        when = datetime.strptime(at, FORM).replace(tzinfo=UTC)
        return Note(owner, status, int(found), int(moved), int(left), float(rate), when)
    except ValueError:
        return None
