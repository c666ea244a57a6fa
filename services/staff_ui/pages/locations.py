"""The pages of one location: what it is, and each thing that can be done to it."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from aiohttp import web

from libs.domain.attributes import Attribute
from libs.domain.codes import LocationType, UsedForType
from libs.web.outgoing import RemoteFailure
from services.staff_ui.calls.locations import Locations
from services.staff_ui.edge.doors import MAINTAIN
from services.staff_ui.edge.visits import Crumb, Visit
from services.staff_ui.errors import NotThere
from services.staff_ui.forms.fields import Choice, choices_of
from services.staff_ui.pages.acts import Conduct, Target
from services.staff_ui.pages.location_acts import BY_SLUG, DOABLE, Choices, Doable
from services.staff_ui.pages.prison_acts import BELOW
from services.staff_ui.views.location import NOT_SEEN, Place, Seen, described, seen_of, timeline

HISTORY_SHOWN_MAX = 50
REFERENCE = "ROLE_READ_LOCATION_REFERENCE_DATA"


async def show(visit: Visit) -> web.StreamResponse:
    """Show a location: what it is, what is below it, its history, and whether NOMIS holds the same."""
    locations = Locations(visit.api)
    place = await place_of(visit, history=True)
    summary, seen, attributes = await asyncio.gather(
        _summary(locations, place), _seen(visit, place), _attributes(locations, place)
    )
    may_change = visit.may(*MAINTAIN)
    below = [Place(each) for each in summary.get("subLocations", ())]
    return visit.render(
        "pages/location.html",
        title=place.name,
        crumbs=crumbs(place, summary.get("locationHierarchy", ()), await visit.names.all()),
        place=place,
        below=below,
        kind=summary.get("subLocationName", "Locations"),
        seen=seen,
        attributes=attributes,
        lines=timeline(place.json.get("changeHistory", ()), HISTORY_SHOWN_MAX),
        acts=[act for act in DOABLE if act.fits(place)] if may_change else [],
        makes=_makes(place) if may_change else [],
        changes={act.slug: f"{place.url}/{act.slug}" for act in DOABLE if act.fits(place)} if may_change else {},
    )


async def act(visit: Visit) -> web.StreamResponse:
    """Do one of the things that can be done to a location."""
    doable = BY_SLUG.get(visit.request.match_info["act"])
    place = await place_of(visit)
    if doable is None or not doable.fits(place):
        raise NotThere("this cannot be done to this location")
    latest = {"by": place.json.get("lastModifiedBy", ""), "at": place.json["lastModifiedDate"]}
    target = Target(place.name, place.url, place.etag, latest)
    return await Conduct(visit, doable.make(place, await _choices(visit, place, doable)), target).run()


async def place_of(visit: Visit, *, history: bool = False) -> Place:
    """Read the location of the address. Raises NotThere, NotAllowed."""
    return await read_place(visit, visit.request.match_info["locationId"], history=history)


async def read_place(visit: Visit, text: str, *, history: bool = False) -> Place:
    """Read a location by its id. Raises NotThere, NotAllowed."""
    try:
        location_id = UUID(text)
    except ValueError:
        raise NotThere(text) from None
    json, etag = await Locations(visit.api).one(location_id, history=history)
    place = Place(json, etag)
    visit.require_caseload(place.prison_id)
    return place


async def uses_of(visit: Visit, prison_id: str) -> Sequence[Choice]:
    """List what cells of a prison may be used for; all there are, for who may not read the prison's list."""
    if not visit.may(REFERENCE):
        return choices_of(tuple(UsedForType))
    return [Choice(each["key"], each["description"]) for each in await Locations(visit.api).uses(prison_id)]


def prison_crumbs(prison_id: str, names: Mapping[str, str]) -> list[Crumb]:
    """Return the way to a prison."""
    return [Crumb("Prisons", "/"), Crumb(names.get(prison_id, prison_id), f"/prisons/{prison_id}")]


def crumbs(place: Place, line: Sequence[Mapping[str, str]], names: Mapping[str, str]) -> list[Crumb]:
    """Return the way to a location, through all that stands above it."""
    above = [Crumb(each.get("localName") or each["pathHierarchy"], f"/locations/{each['id']}") for each in line]
    return [*prison_crumbs(place.prison_id, names), *above[:-1]]


async def _summary(locations: Locations, place: Place) -> dict[str, Any]:
    return await locations.below(place.prison_id, place.id) if place.is_residential else {}


async def _attributes(locations: Locations, place: Place) -> str:
    return described(Attribute, await locations.attributes(place.id)) if place.is_cell else ""


async def _seen(visit: Visit, place: Place) -> Seen:
    """Ask reconciliation for a look; the page does not wait long for it, and does without."""
    try:
        async with asyncio.timeout(visit.look_seconds_max):
            answer = await visit.api.ask("reconciliation", "GET", f"/locations/comparison/dps/{place.id}")
    except (RemoteFailure, TimeoutError):
        return NOT_SEEN
    return seen_of(answer.json())


async def _choices(visit: Visit, place: Place, doable: Doable) -> Choices:
    uses: Sequence[Choice] = await uses_of(visit, place.prison_id) if "uses" in doable.needs else ()
    return Choices(uses, await _cells(visit, place) if "cells" in doable.needs else ())


async def _cells(visit: Visit, place: Place) -> Sequence[tuple[Place, int]]:
    """Return the cells right below with their versions."""
    locations = Locations(visit.api)
    summary = await locations.below(place.prison_id, place.id)
    cells = [each for each in map(Place, summary["subLocations"]) if each.is_cell]
    if not any(each.active for each in cells):
        raise NotThere("no cell right below it is in use")
    versions = await locations.versions([each.id for each in cells])
    return [(each, versions[each.id]) for each in cells if each.id in versions]


def _makes(place: Place) -> list[tuple[str, str]]:
    """List what can be made below it, with addresses."""
    if place.archived or not place.active or place.converted:
        return []
    makes = BELOW.get(LocationType(place.json["locationType"]), ())
    return [(f"/prisons/{place.prison_id}/create/{slug}?below={place.id}", text) for slug, text in makes]
