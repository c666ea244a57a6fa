"""Prisoner search over HTTP: who is in which cell (`reference/locations-api.md` §2.5)."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from libs.web.outgoing import ApiSession

# More people than the largest prison holds: every occupant of a shared cell counts.
SIZE = 3000
PATHS_MAX = 500
OK = 200
NOT_FOUND = 404

Prisoner = Mapping[str, Any]
"""A person as prisoner search answers: camelCase names, absent members left out."""


class PrisonerSearchClient:
    """Finds and counts people in cells."""

    def __init__(self, api: ApiSession) -> None:
        self._api = api

    async def people_in(self, prison_id: str, paths: Sequence[str]) -> Mapping[str, int]:
        """Return how many people are in each of these cells of a prison; empty cells are absent."""
        return Counter(prisoner["cellLocation"] for prisoner in await self.prisoners_in(prison_id, paths))

    async def prisoners_in(self, prison_id: str, paths: Sequence[str]) -> list[Prisoner]:
        """Return who is in these cells of a prison; nobody is asked where there are no cells."""
        found: list[Prisoner] = []
        for start in range(0, len(paths), PATHS_MAX):
            wanted = ",".join(sorted(paths[start : start + PATHS_MAX]))
            matchers = [
                {"type": "String", "attribute": "prisonId", "condition": "IS", "searchTerm": prison_id},
                {"type": "String", "attribute": "cellLocation", "condition": "IN", "searchTerm": wanted},
            ]
            answer = await self._api.request(
                "POST",
                "/attribute-search",
                params={"size": SIZE},
                json={"joinType": "AND", "queries": [{"joinType": "AND", "matchers": matchers}]},
            )
            found += answer.json()["content"]
        return found

    async def prisoners_of(self, prison_id: str) -> list[Prisoner] | None:
        """Return everybody in a prison; None: prisoner search does not know it."""
        path = f"/prisoner-search/prison/{prison_id}"
        answer = await self._api.request("GET", path, params={"size": SIZE}, ok=(OK, NOT_FOUND))
        found: list[Prisoner] = answer.json()["content"] if answer.status == OK else []
        return found if answer.status == OK else None
