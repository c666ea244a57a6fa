"""Groups of cells that a prison's staff name otherwise than by wing and landing (`reference/locations-api.md` §3.9).

Configured as `{prison: {group: [pattern, …]}}`; a subgroup is called `<group>_<subgroup>`, and each pattern must match
the whole key of a cell.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from services.locations.rules.naming import natural

Patterns = Mapping[str, Mapping[str, Sequence[str]]]
Json = dict[str, Any]


class GroupsUnreadable(ValueError):
    """The configuration of groups has a pattern that is none; says of which prison and group."""


@dataclass(frozen=True, slots=True)
class Groups:
    """The groups of every prison that has some."""

    patterns: Patterns

    def __post_init__(self) -> None:
        for prison_id, groups in self.patterns.items():
            for name, patterns in groups.items():
                _compiled(prison_id, name, patterns)

    def of(self, prison_id: str) -> list[Json]:
        """Return a prison's groups with their subgroups, in natural order; none if none are configured."""
        names = sorted(self.patterns.get(prison_id, {}), key=natural)
        return [
            {"name": name, "key": name, "children": [_alone(below) for below in _below(name, names)]}
            for name in names
            if "_" not in name
        ]

    def prefix(self, prison_id: str, group: str) -> str | None:
        """Return what the keys of a group's cells begin with; None if the group is not configured."""
        patterns = self.patterns.get(prison_id, {}).get(group)
        return None if patterns is None else ",".join(patterns).replace(".", "").replace("+", "")

    def holds(self, prison_id: str, group: str) -> Callable[[str], bool]:
        """Return whether a path is of a group; one that is not configured goes by wing, landing and spur."""
        patterns = self.patterns.get(prison_id, {}).get(group)
        if patterns is None:
            start = f"{group.replace('_', '-')}-"
            return lambda path: path.startswith(start)
        compiled = _compiled(prison_id, group, patterns)
        return lambda path: any(pattern.fullmatch(f"{prison_id}-{path}") for pattern in compiled)


def _below(name: str, names: Sequence[str]) -> list[str]:
    return [each.removeprefix(f"{name}_") for each in names if each.startswith(f"{name}_")]


def _alone(name: str) -> Json:
    return {"name": name, "key": name, "children": []}


def _compiled(prison_id: str, name: str, patterns: Sequence[str]) -> list[re.Pattern[str]]:
    try:
        return [re.compile(pattern) for pattern in patterns]
    except re.error as wrong:
        raise GroupsUnreadable(f"{prison_id} {name}: {wrong.pattern!r} is no pattern: {wrong}") from wrong
