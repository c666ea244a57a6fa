"""The reads of locations, each with state and totals derived from what is above and below."""

import re
from collections.abc import Sequence
from typing import Annotated, Any
from uuid import UUID

from pydantic import Field

from libs.domain.prisons import PRISON_ID
from libs.domain.wire import Wire
from libs.web.problems import ParameterInvalid
from libs.web.routing import JsonBytes, Needs, Reply, Route
from services.locations.api.tags import tagged_answer
from services.locations.errors import LocationNotFound
from services.locations.reading.locations import OneLocation, Reading
from services.locations.records import COLUMNS

VIEW = Needs.role("ROLE_VIEW_LOCATIONS")
# More than the largest prison has cells.
KEYS_MAX = 5000
PAGE_MAX = 200

# Whatever a location has one of.
SORTABLE = frozenset(COLUMNS) - {"attributes", "used_for", "specialist_cell_types", "usages"}
SORTS_MAX = 5

Prison = Annotated[str, Field(pattern=f"^(?:{PRISON_ID.pattern})$", examples=["LEI"])]
Keys = Annotated[list[str], Field(max_length=KEYS_MAX)]


class DetailQuery(Wire):
    """Whether what is below, and the history, are shown too."""

    include_children: bool = False
    include_history: bool = False


class PageQuery(Wire):
    """Spring's page parameters."""

    page: Annotated[int, Field(ge=0, le=2**31 - 1)] = 0
    size: Annotated[int, Field(ge=1, le=PAGE_MAX)] = 20
    sort: Annotated[tuple[str, ...], Field(max_length=SORTS_MAX)] = ()


class ReadDoors:
    """The handlers."""

    def __init__(self, reading: Reading) -> None:
        self._reading = reading

    async def by_id(self, location_id: UUID, query: DetailQuery) -> Reply[JsonBytes]:
        """Show a location; its `ETag` goes into `If-None-Match` here and `If-Match` on the doors that change it."""
        found = await self._reading.location(
            location_id, children=query.include_children, history=query.include_history
        )
        return _tagged(found)

    async def by_key(self, key: str, query: DetailQuery) -> Reply[JsonBytes]:
        """Show the location with this key."""
        found = await self._reading.by_key(key, children=query.include_children, history=query.include_history)
        return _tagged(found)

    async def by_keys(self, body: Keys) -> list[dict[str, Any]]:
        """Show the locations with these keys, by key; unknown keys are absent, repeated ones shown once."""
        return await self._reading.by_keys(body)

    async def of_prison(self, prison_id: Prison) -> list[dict[str, Any]]:
        """Show a prison's locations that are not permanently deactivated, by key."""
        return await self._reading.of_prison(prison_id)

    async def page(self, query: PageQuery) -> dict[str, Any]:
        """Show one page of all locations, archived ones included."""
        content, total = await self._reading.page(_order(query.sort), query.page, query.size)
        return paged(content, total, query)


def _tagged(found: OneLocation) -> Reply[JsonBytes]:
    return tagged_answer(found.version, found.shown)


def _order(sort: Sequence[str]) -> list[tuple[str, bool]]:
    """Read Spring's sort parameters; by id, which is the order of creation, where there is none."""
    order: list[tuple[str, bool]] = []
    for each in sort or ("id,asc",):
        name, _, direction = each.partition(",")
        column = re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()
        if column not in SORTABLE or direction.lower() not in {"", "asc", "desc"}:
            raise ParameterInvalid(f"sort: {name} is not a property to sort by, asc or desc")
        order.append((column, direction.lower() == "desc"))
    return order


def paged(content: Sequence[dict[str, Any]], total: int, query: PageQuery) -> dict[str, Any]:
    """Lay a page out as Spring does (§6.1)."""
    # Always sorted: by id, unless something else is asked for.
    sort = {"empty": False, "sorted": True, "unsorted": False}
    pages = -(-total // query.size)
    return {
        "content": list(content),
        "pageable": {
            "pageNumber": query.page,
            "pageSize": query.size,
            "offset": query.page * query.size,
            "paged": True,
            "unpaged": False,
            "sort": sort,
        },
        "number": query.page,
        "size": query.size,
        "numberOfElements": len(content),
        "totalElements": total,
        "totalPages": pages,
        "first": query.page == 0,
        "last": query.page >= pages - 1,
        "empty": not content,
        "sort": sort,
    }


def routes(doors: ReadDoors) -> Sequence[Route]:
    """List the doors."""
    unknown, shown = (LocationNotFound,), dict[str, Any]
    return (
        Route("GET", "/locations/{locationId}", doors.by_id, VIEW, problems=unknown, answers=shown, tagged=True),
        Route("GET", "/locations/key/{key}", doors.by_key, VIEW, problems=unknown, answers=shown, tagged=True),
        Route("POST", "/locations/keys", doors.by_keys, VIEW),
        Route("GET", "/locations/prison/{prisonId}", doors.of_prison, VIEW),
        Route("GET", "/locations", doors.page, VIEW),
    )
