"""Prisoner search over HTTP: who is in which cell (`reference/locations-api.md` §2.5)."""

from collections import Counter
from collections.abc import Mapping, Sequence

from libs.web.outgoing import ApiSession

# More people than the largest prison holds: every occupant of a shared cell counts.
SIZE = 3000
PATHS_MAX = 500


class PrisonerSearchClient:
    """Counts people in cells."""

    def __init__(self, api: ApiSession) -> None:
        self._api = api

    async def people_in(self, prison_id: str, paths: Sequence[str]) -> Mapping[str, int]:
        """Return how many people are in each of these cells of a prison; empty cells are absent."""
        people: Counter[str] = Counter()
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
            people.update(prisoner["cellLocation"] for prisoner in answer.json()["content"])
        return people
