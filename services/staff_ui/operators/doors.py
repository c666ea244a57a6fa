"""The operators' doors, all of them."""

from aiohttp import web

from services.staff_ui.edge.doors import Door, Doors
from services.staff_ui.edge.visits import Crumb, Visit
from services.staff_ui.views.layout import OPERATIONS, OPERATOR_ROLES


async def front(visit: Visit) -> web.StreamResponse:
    """Show what an operator can do."""
    return visit.render("operators/front.html", title="Operations", crumbs=[Crumb("Prisons", "/")])


def operator_doors() -> Doors:
    """List them."""
    return (Door("GET", OPERATIONS, front, OPERATOR_ROLES),)
