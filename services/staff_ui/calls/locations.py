"""The locations API's reads, for one person."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from services.staff_ui.calls.apis import Asker

Json = dict[str, Any]


class Locations:
    """What a page reads. Every method raises RemoteFailure."""

    def __init__(self, api: Asker) -> None:
        self._api = api

    async def one(self, location_id: UUID, *, history: bool = False) -> tuple[Json, str]:
        """Return a location and its entity tag."""
        params = {"includeHistory": "true"} if history else {}
        answer = await self._api.ask("locations", "GET", f"/locations/{location_id}", params=params)
        return answer.json(), answer.headers.get("ETag", "")

    async def attributes(self, location_id: str) -> list[str]:
        """Return the codes of a location's attributes, which only the mirror of NOMIS has."""
        answer = await self._api.ask("locations", "GET", f"/sync/locations/{location_id}")
        found: list[str] = answer.json()["location"].get("attributes", [])
        return found

    async def below(self, prison_id: str, location_id: str) -> Json:
        """Return the summary of what stands below a residential location, with the line above it."""
        path = f"/locations/residential-summary/{prison_id}"
        found: Json = (await self._api.ask("locations", "GET", path, params={"parentLocationId": location_id})).json()
        return found

    async def versions(self, ids: Sequence[str]) -> Mapping[str, int]:
        """Return the version of each of these locations; one that is gone is left out."""
        answer = await self._api.ask("locations", "POST", "/sync/locations/find", json={"ids": ids})
        return {each["location"]["id"]: each["sync"]["version"] for each in answer.json()["content"]}

    async def top(self, prison_id: str) -> Json:
        """Return a prison's totals and the top of its hierarchy."""
        found: Json = (await self._api.ask("locations", "GET", f"/locations/residential-summary/{prison_id}")).json()
        return found

    async def every(self, prison_id: str) -> list[Json]:
        """Return all of a prison that is not archived, by key."""
        found: list[Json] = (await self._api.ask("locations", "GET", f"/locations/prison/{prison_id}")).json()
        return found

    async def archived(self, prison_id: str) -> list[Json]:
        """Return what is closed for good."""
        found: list[Json] = (await self._api.ask("locations", "GET", f"/locations/prison/{prison_id}/archived")).json()
        return found

    async def uses(self, prison_id: str) -> list[Json]:
        """Return what cells of a prison may be used for."""
        answer = await self._api.ask("locations", "GET", f"/constants/used-for-type/{prison_id}")
        found: list[Json] = answer.json()["usedForTypes"]
        return found
