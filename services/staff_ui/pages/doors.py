"""The doors of prison staff, all of them."""

from services.staff_ui.edge.doors import VIEW, Door, Doors
from services.staff_ui.pages.prisons import choose, overview


def staff_doors() -> Doors:
    """List them."""
    return (
        Door("GET", "/", choose),
        Door("GET", "/prisons/{prisonId}", overview, VIEW),
    )
