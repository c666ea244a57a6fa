"""docs/authorisation.md lists every door of every service with the role it asks for, as the services have it."""

import re
from collections.abc import Mapping
from pathlib import Path

from libs.web.application import ROUTES
from tests.conftest import ROOT
from tests.doors.services import Served

PAGE = ROOT / "docs" / "authorisation.md"
HEAD = """# Who may do what

Every door of every service, written from the routes themselves; a test keeps it so, and another asks each door with
every role but its own and demands a 403. Any one of the roles is enough; the scope is asked for besides. People act
only on the prisons of their caseload, when their token names one; who may reconcile reads and acknowledges conflicts
of all prisons. Doors marked *open* tell nothing of locations.
"""


def page(house: Mapping[str, Served]) -> str:
    parts = [HEAD]
    for name, served in house.items():
        parts += [f"\n## {name}\n", "| door | roles | scope |", "|---|---|---|"]
        routes = served.app[ROUTES]
        for route in sorted(routes, key=lambda each: (each.path, each.method)):
            roles = "*open*" if route.needs.is_open else ", ".join(f"`{role}`" for role in sorted(route.needs.roles))
            parts.append(f"| `{route.method} {route.path}` | {roles} | {route.needs.scope or ''} |")
    return "\n".join(parts) + "\n"


async def test_the_page_lists_the_doors_as_they_are(house: Mapping[str, Served], tmp_path: Path) -> None:
    written = tmp_path / PAGE.name
    written.write_text(page(house))
    assert PAGE.read_text() == written.read_text(), f"cp {written} {PAGE.relative_to(ROOT)}"


def test_every_door_that_retirement_points_at_is_there() -> None:
    listed = {
        re.sub(r"{[^}]*}", "{}", door) for door in re.findall(r"^\| `([^`]+)` \|", PAGE.read_text(), re.MULTILINE)
    }
    named = re.findall(r"`((?:GET|POST|PUT) /[^`]+)`", (ROOT / "docs" / "retirement.md").read_text())
    assert named
    assert [door for door in named if re.sub(r"{[^}]*}", "{}", door) not in listed] == []
