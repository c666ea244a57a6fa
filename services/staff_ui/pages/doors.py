"""The doors of prison staff, all of them."""

from services.staff_ui.edge.doors import MAINTAIN, VIEW, Door, Doors
from services.staff_ui.pages import locations, prisons


def staff_doors() -> Doors:
    """List them."""
    prison, location = "/prisons/{prisonId}", "/locations/{locationId}"
    asked = (
        (f"{prison}/create/{{kind}}", prisons.create),
        (f"{prison}/signed-capacity", prisons.sign),
        (f"{location}/{{act}}", locations.act),
    )
    return (
        Door("GET", "/", prisons.choose),
        Door("GET", prison, prisons.overview, VIEW),
        Door("GET", f"{prison}/search", prisons.search, VIEW),
        Door("GET", f"{prison}/rooms", prisons.rooms, VIEW),
        Door("GET", f"{prison}/archived", prisons.archived, VIEW),
        Door("GET", location, locations.show, VIEW),
        *(Door(method, path, handler, MAINTAIN) for path, handler in asked for method in ("GET", "POST")),
    )
