"""The Prisoner API's locations endpoints, our extra doors, and what errors look like on the wire."""

from collections.abc import Sequence
from types import MappingProxyType
from typing import Annotated, Any

import msgspec
import orjson
import structlog
from pydantic import Field

from libs.web.preconditions import Conditions, IfMatch, entity_tag
from libs.web.problems import (
    AccessDenied,
    BodyInvalid,
    BodyUnreadable,
    ParameterInvalid,
    Problem,
    Trouble,
    rfc9457,
)
from libs.web.routing import JsonBytes, Needs, Reply, Route
from services.nomis.errors import (
    DatabaseRefused,
    LocationUnknown,
    NotUnique,
    PrisonUnknown,
    Refused,
    SortUnknown,
    SwitchOff,
)
from services.nomis.records import (
    Capacity,
    CapacityQuery,
    Certification,
    Create,
    Created,
    Deactivation,
    Details,
    IdsQuery,
    LocationId,
    Update,
    VisitRoom,
)
from services.nomis.rules import VISIT_ROOM_CODES
from services.nomis.settings import Settings
from services.nomis.store.reading import Reading, version
from services.nomis.store.switches import Switches
from services.nomis.store.writing import Writing
from services.nomis.views.page import page

SYNC = Needs.role("ROLE_NOMIS_LOCATIONS", "ROLE_NOMIS_PRISONER_API__SYNCHRONISATION__RW")
Code = Annotated[str, Field(min_length=1, max_length=30, pattern=r"^\w+$", examples=["LOCATIONS"])]
Prison = Annotated[str, Field(min_length=1, max_length=6, pattern=r"^\w+$", examples=["LEI"])]
log = structlog.get_logger()

BAD_REQUEST = Problem(400, "Bad request", user_prefix="Bad request: ")
NOT_FOUND = Problem(404, "Not found", user_prefix="Not Found: ")
# The original's catch-all handler; callers know it as what happens when its database refuses.
UNEXPECTED = Problem(500, "Unexpected error", user_prefix="Unexpected error: ")
PROBLEMS = MappingProxyType(
    {
        Refused: BAD_REQUEST,
        BodyInvalid: BAD_REQUEST,
        BodyUnreadable: BAD_REQUEST,
        ParameterInvalid: Problem(400, "Bad request", user_prefix="Invalid Argument: "),
        LocationUnknown: NOT_FOUND,
        PrisonUnknown: NOT_FOUND,
        SwitchOff: NOT_FOUND,
        DatabaseRefused: UNEXPECTED,
        NotUnique: UNEXPECTED,
        SortUnknown: BAD_REQUEST,
    },
)


class LocationsApi:
    """The handlers of the published endpoints and of the bulk reads."""

    def __init__(self, reading: Reading, writing: Writing, settings: Settings) -> None:
        self._reading = reading
        self._writing = writing
        self._settings = settings

    async def create(self, body: Create) -> Created:
        """Create a location; it is always active."""
        location_id = await self._writing.create(body)
        log.info("location-created", locationId=location_id)
        return Created(location_id=location_id)

    async def update(self, location_id: LocationId, body: Update, conditions: Conditions) -> Reply[None]:
        """Overwrite a location; what is absent is cleared, lists are replaced."""
        moved = await self._writing.update(location_id, body, self._expected(conditions))
        log.info("location-updated", locationId=location_id)
        return self._done(moved)

    async def deactivate(self, location_id: LocationId, body: Deactivation, conditions: Conditions) -> Reply[None]:
        """Take a location out of use."""
        moved = await self._writing.deactivate(location_id, body, self._expected(conditions))
        log.info("location-deactivated", locationId=location_id)
        return self._done(moved)

    async def reactivate(self, location_id: LocationId, conditions: Conditions) -> Reply[None]:
        """Take a location into use again."""
        moved = await self._writing.reactivate(location_id, self._expected(conditions))
        log.info("location-reactivated", locationId=location_id)
        return self._done(moved)

    async def capacity(
        self, location_id: LocationId, body: Capacity, query: CapacityQuery, conditions: Conditions
    ) -> Reply[None]:
        """Overwrite the capacities."""
        ignore = query.ignore_operational_capacity
        expected = self._expected(conditions)
        moved = await self._writing.capacity(location_id, body, ignore_operational=ignore, expected=expected)
        log.info("location-capacity-changed", locationId=location_id, ignoreOperationalCapacity=ignore)
        return self._done(moved)

    async def certification(self, location_id: LocationId, body: Certification, conditions: Conditions) -> Reply[None]:
        """Overwrite certification; what is absent becomes zero and false."""
        moved = await self._writing.certification(location_id, body, self._expected(conditions))
        log.info("location-certification-changed", locationId=location_id)
        return self._done(moved)

    async def by_id(self, location_id: LocationId) -> Reply[JsonBytes]:
        """Read a location by id."""
        return self._read(await self._reading.by_id(location_id))

    async def by_key(self, key: str) -> Reply[JsonBytes]:
        """Read a location by its full description."""
        return self._read(await self._reading.by_key(key))

    async def ids(self, query: IdsQuery) -> JsonBytes:
        """List the ids of all locations of all agencies, by page, or after an id in the order of ids."""
        size = min(query.size, self._settings.page_size_max)
        if query.after_id is not None:
            rows = await self._reading.ids_after(query.after_id, size, query.prison_id)
            return JsonBytes(orjson.dumps({"content": rows, "size": size, "last": len(rows) < size}))
        content, total = await self._reading.ids(query, size)
        return JsonBytes(orjson.dumps(page(content, total, query, size)))

    async def details(self, body: Details) -> JsonBytes:
        """Read up to 500 locations in one answer; those that do not exist are absent. NOMIS does not have this door."""
        if body.with_amendments:
            found = await self._reading.details(body.location_ids)
            if body.with_tags and self._settings.conditional_writes:
                for location in found:
                    location["etag"] = entity_tag(version(location))
            return JsonBytes(orjson.dumps(found))
        return JsonBytes(msgspec.json.encode(await self._reading.bare(body.location_ids)))

    def _expected(self, conditions: Conditions) -> IfMatch | None:
        return conditions.if_match if self._settings.conditional_writes else None

    def _done(self, moved: str) -> Reply[None]:
        return Reply(None, headers={"ETag": entity_tag(moved)} if self._settings.conditional_writes else {})

    def _read(self, location: dict[str, Any]) -> Reply[JsonBytes]:
        headers = {"ETag": entity_tag(version(location))} if self._settings.conditional_writes else {}
        return Reply(JsonBytes(orjson.dumps(location)), headers=headers)


class SideDoors:
    """What other parts of NOMIS do that matters here: visits make rooms, screens are switched off."""

    def __init__(self, writing: Writing, switches: Switches) -> None:
        self._writing = writing
        self._switches = switches

    async def visit_room(self, prison_id: Prison, body: VisitRoom) -> Reply[Created]:
        """Make the room that a visit booking is put into, if it is not there."""
        location_id, is_new = await self._writing.visit_room(prison_id, VISIT_ROOM_CODES[body.kind])
        return Reply(Created(location_id=location_id), 201 if is_new else 200)

    async def switch_state(self, service: Code, prison_id: Prison) -> None:
        """Tell whether the prison's screens are off."""
        await self._switches.require_on(service, prison_id)

    async def switch_on(self, service: Code, prison_id: Prison) -> None:
        """Turn the prison's screens off: the service takes over."""
        await self._switches.turn_on(service, prison_id)
        log.info("agency-switch-on", service=service, prison=prison_id)

    async def switch_off(self, service: Code, prison_id: Prison) -> None:
        """Turn the prison's screens on again."""
        await self._switches.turn_off(service, prison_id)
        log.info("agency-switch-off", service=service, prison=prison_id)


def routes(api: LocationsApi, side: SideDoors) -> Sequence[Route]:
    """List the doors."""
    gone, write = (LocationUnknown,), (Refused, LocationUnknown, DatabaseRefused)
    base, one = "/locations", "/locations/{locationId}"
    switch = "/agency-switches/{service}/agency/{prisonId}"
    return (
        Route("GET", f"{base}/ids", api.ids, SYNC, problems=(SortUnknown,)),
        Route("POST", f"{base}/details", api.details, SYNC),
        Route("GET", f"{base}/key/{{key:.+}}", api.by_key, SYNC, problems=(LocationUnknown, NotUnique)),
        Route("POST", base, api.create, SYNC, status=201, problems=(Refused, DatabaseRefused)),
        Route("GET", one, api.by_id, SYNC, problems=gone),
        Route("PUT", one, api.update, SYNC, problems=write),
        Route("PUT", f"{one}/deactivate", api.deactivate, SYNC, problems=write),
        Route("PUT", f"{one}/reactivate", api.reactivate, SYNC, problems=write),
        Route("PUT", f"{one}/capacity", api.capacity, SYNC, problems=write),
        Route("PUT", f"{one}/certification", api.certification, SYNC, problems=write),
        Route("POST", "/prison/{prisonId}/visits/room", side.visit_room, SYNC, also=(201,), problems=(Refused,)),
        Route("GET", switch, side.switch_state, SYNC, status=204, problems=(SwitchOff,)),
        Route("POST", switch, side.switch_on, SYNC, status=204, problems=(PrisonUnknown,)),
        Route("DELETE", switch, side.switch_off, SYNC, status=204),
    )


def style(trouble: Trouble) -> dict[str, Any]:
    """Write a problem as the original does: nulls are shown, 403 is all but bare."""
    problem = trouble.problem
    text = trouble.detail or problem.title
    bare = isinstance(trouble.error, AccessDenied)
    developer = text.replace(": ", " ", 1) if isinstance(trouble.error, BodyInvalid) else text
    return {
        "status": problem.status,
        "errorCode": problem.error_code,
        "userMessage": None if bare else f"{problem.user_prefix}{text}",
        "developerMessage": None if bare else developer,
        "moreInfo": None,
    } | rfc9457(trouble)
