"""The operators' doors, all of them."""

from dataclasses import dataclass

from aiohttp import web

from services.staff_ui.edge.doors import Door, Doors
from services.staff_ui.edge.visits import Visit
from services.staff_ui.operators import conflicts, migrations, reconciliation, switch_over, sync
from services.staff_ui.views.layout import OPERATIONS, OPERATOR_ROLES


@dataclass(frozen=True)
class Part:
    """One part of operations, and who may see it."""

    text: str
    href: str
    about: str
    roles: frozenset[str]


PARTS = (
    Part("Migrations", migrations.HERE, "Rehearse, copy, watch, verify and sign off.", migrations.ROLES),
    Part("Sync", sync.HERE, "Both directions now: rate, lag, dead letters, switches.", sync.ROLES),
    Part("Reconciliation", reconciliation.HERE, "Compare both systems and settle what differs.", reconciliation.ROLES),
    Part("Conflicts", conflicts.HERE, "Edits that did not win, and what to do about them.", conflicts.ROLES),
    Part("Switch-over", switch_over.HERE, "Where each prison stands, and its next step.", switch_over.READ),
)


async def front(visit: Visit) -> web.StreamResponse:
    """Show what an operator can do."""
    parts = [part for part in PARTS if visit.may(*part.roles)]
    return visit.render("operators/front.html", title="Operations", parts=parts)


def operator_doors() -> Doors:
    """List them."""
    return (
        Door("GET", OPERATIONS, front, OPERATOR_ROLES),
        *migrations.doors(),
        *sync.doors(),
        *reconciliation.doors(),
        *conflicts.doors(),
        *switch_over.doors(),
    )
