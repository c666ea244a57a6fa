"""The prisons there are: open ones with their size, closed ones that left rows behind, and agencies that are none."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from functools import cache
from importlib.resources import files


class Standing(Enum):
    """What an agency is to the estate."""

    OPEN = "open"
    CLOSED = "closed"
    PSEUDO = "pseudo"


@dataclass(frozen=True)
class Prison:
    """One agency of the register."""

    id: str
    name: str
    standing: Standing
    place: int
    kind: str = "H"
    categories: str = ""
    sexes: str = "M"
    operator: str = "H"
    capacity: int = 0

    @property
    def is_open(self) -> bool:
        """Whether people are held there today."""
        return self.standing is Standing.OPEN


class PrisonUnknown(Exception):
    """An id that the register does not have."""

    def __init__(self, unknown: Sequence[str]) -> None:
        super().__init__(f"not in the register: {', '.join(unknown)}")
        self.unknown = tuple(unknown)


@cache
def register() -> tuple[Prison, ...]:
    """Every agency, in the order in which NOMIS was loaded; a prison's place in it never changes."""
    data = json.loads(files(__package__).joinpath("prisons.json").read_text(encoding="utf-8"))
    rows = [(standing, row) for standing in Standing for row in data[standing.value]]
    return tuple(Prison(row[0], row[1], standing, place, *row[2:]) for place, (standing, row) in enumerate(rows))


def chosen(ids: Sequence[str] | None) -> tuple[Prison, ...]:
    """Those with these ids, or all, in the register's order."""
    if ids is None:
        return register()
    known = {prison.id for prison in register()}
    if unknown := [id_ for id_ in ids if id_ not in known]:
        raise PrisonUnknown(unknown)
    return tuple(prison for prison in register() if prison.id in ids)
