"""How tests are dealt to the processes of a parallel run: whole folders, as those share what they start."""

from pathlib import PurePosixPath

import pytest
from xdist.scheduler import LoadScopeScheduling

# One estate and one browser for all below it: about half of the time, so it is begun with.
LONGEST = "tests/journeys"
# Its tests share nothing, and come last: with them the processes end together.
APART = "tests/simulation"


def room(nodeid: str) -> str:
    """Name what goes to one process together."""
    folder = str(PurePosixPath(nodeid.partition("::")[0]).parent)
    if folder == APART:
        return nodeid
    return LONGEST if folder.startswith(LONGEST) else folder


def longest_first(items: list[pytest.Item]) -> None:
    """Begin with what would else go on alone at the end; the others stay as they stand."""
    items.sort(key=lambda item: room(item.nodeid) != LONGEST)


class Dealing(LoadScopeScheduling):  # type: ignore[misc]  # xdist has no types
    """Deals rooms in the order in which they stand."""

    def _split_scope(self, nodeid: str) -> str:
        return room(nodeid)
