"""The pages above all locations: choose a prison, look at one."""

from aiohttp import web

from libs.domain.prisons import PRISON_ID
from services.staff_ui.edge.visits import Crumb, Visit
from services.staff_ui.errors import NotThere
from services.staff_ui.views.prison import Overview, Prison, overview_of


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
    summary = (await visit.api.ask("locations", "GET", f"/locations/residential-summary/{prison_id}")).json()
    shown: Overview = overview_of(prison_id, summary)
    return visit.render("pages/overview.html", title=shown.name, crumbs=[Crumb("Prisons", "/")], prison=shown)


def prison_of(visit: Visit) -> str:
    """Return the prison of the address. Raises NotThere, NotAllowed."""
    prison_id = visit.request.match_info["prisonId"]
    if not PRISON_ID.fullmatch(prison_id):
        raise NotThere(prison_id)
    visit.require_caseload(prison_id)
    return prison_id
