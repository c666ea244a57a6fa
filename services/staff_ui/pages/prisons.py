"""The pages above all locations: choose a prison, look at one, search in it, make locations in it."""

from collections.abc import Sequence
from http import HTTPStatus

from aiohttp import web

from libs.domain.prisons import PRISON_ID
from libs.web.outgoing import RemoteRefused
from services.staff_ui.calls.locations import Locations
from services.staff_ui.edge.doors import MAINTAIN
from services.staff_ui.edge.visits import Crumb, Visit
from services.staff_ui.errors import NotThere
from services.staff_ui.pages.acts import Conduct, Target
from services.staff_ui.pages.locations import prison_crumbs, read_place, uses_of
from services.staff_ui.pages.prison_acts import BELOW, MAKERS, signed
from services.staff_ui.views.location import Place
from services.staff_ui.views.paging import page_of
from services.staff_ui.views.prison import Prison, overview_of
from services.staff_ui.views.searching import matching

PAGE = 50
QUERY_MAX = 80


async def choose(visit: Visit) -> web.StreamResponse:
    """List the prisons that the person may act on."""
    names = await visit.names.all()
    prisons = [Prison(prison_id, name) for prison_id, name in names.items() if visit.in_caseload(prison_id)]
    return visit.render(
        "pages/choose_prison.html",
        title="Choose a prison",
        prisons=sorted(prisons, key=lambda prison: prison.name),
    )


async def overview(visit: Visit) -> web.StreamResponse:
    """Show a prison's totals and what stands at its top."""
    prison_id = prison_of(visit)
    shown = overview_of(prison_id, await Locations(visit.api).top(prison_id))
    return visit.render(
        "pages/overview.html",
        title=shown.name,
        crumbs=[Crumb("Prisons", "/")],
        prison=shown,
        may_change=visit.may(*MAINTAIN),
    )


async def search(visit: Visit) -> web.StreamResponse:
    """Find locations by key and local name."""
    prison_id = prison_of(visit)
    wanted = visit.request.query.get("q", "").strip()[:QUERY_MAX]
    found = matching(await Locations(visit.api).every(prison_id), wanted) if wanted else []
    return await _listed(visit, prison_id, "pages/search.html", "Search", found, {"q": wanted})


async def rooms(visit: Visit) -> web.StreamResponse:
    """List the places where nobody lives."""
    prison_id = prison_of(visit)
    places = [Place(each) for each in await Locations(visit.api).every(prison_id)]
    found = [place for place in places if not place.is_residential]
    return await _listed(visit, prison_id, "pages/rooms.html", "Non-residential rooms", found, {})


async def archived(visit: Visit) -> web.StreamResponse:
    """List what is closed for good."""
    prison_id = prison_of(visit)
    found = [Place(each) for each in await Locations(visit.api).archived(prison_id)]
    return await _listed(visit, prison_id, "pages/archived.html", "Archived locations", found, {})


async def create(visit: Visit) -> web.StreamResponse:
    """Make a location, at the top or below another."""
    prison_id, kind = prison_of(visit), visit.request.match_info["kind"]
    below = visit.request.query.get("below")
    parent = await read_place(visit, below) if below else None
    if not _can_be_made(kind, prison_id, parent):
        raise NotThere(f"{kind} cannot be created there")
    uses = await uses_of(visit, prison_id) if kind == "cell" else ()
    act = MAKERS[kind](prison_id, parent, uses)
    names = await visit.names.all()
    prison = Target(names.get(prison_id, prison_id), f"/prisons/{prison_id}")
    target = Target(parent.name, parent.url) if parent else prison
    return await Conduct(visit, act, target).run()


async def sign(visit: Visit) -> web.StreamResponse:
    """Set the signed operational capacity."""
    prison_id = prison_of(visit)
    now = await _signed(visit, prison_id)
    names = await visit.names.all()
    target = Target(names.get(prison_id, prison_id), f"/prisons/{prison_id}")
    return await Conduct(visit, signed(prison_id, visit.caller.username, now), target).run()


def prison_of(visit: Visit) -> str:
    """Return the prison of the address. Raises NotThere, NotAllowed."""
    prison_id = visit.request.match_info["prisonId"]
    if not PRISON_ID.fullmatch(prison_id):
        raise NotThere(prison_id)
    visit.require_caseload(prison_id)
    return prison_id


async def _listed(
    visit: Visit, prison_id: str, template: str, title: str, found: Sequence[Place], query: dict[str, str]
) -> web.Response:
    wanted = visit.request.query.get("page", "1")
    rows, paging = page_of(found, wanted, PAGE, visit.request.path, query)
    return visit.render(
        template,
        title=title,
        crumbs=prison_crumbs(prison_id, await visit.names.all()),
        rows=rows,
        paging=paging,
        prison_id=prison_id,
        may_change=visit.may(*MAINTAIN),
        q=query.get("q", ""),
    )


async def _signed(visit: Visit, prison_id: str) -> int:
    try:
        answer = await visit.api.ask("locations", "GET", f"/signed-op-cap/{prison_id}")
    except RemoteRefused as refused:
        if refused.status == HTTPStatus.NOT_FOUND:
            return 0
        raise
    return int(answer.json()["signedOperationCapacity"])


def _can_be_made(kind: str, prison_id: str, parent: Place | None) -> bool:
    if parent is None:
        return kind in {"wing", "room"}
    here = {slug for slug, _ in BELOW.get(parent.json["locationType"], ())}
    return kind in here and parent.prison_id == prison_id and not parent.archived
