"""`lip location`: what both sides hold of one location, how they are linked, and where they differ."""

from types import MappingProxyType
from typing import Annotated, Any

import typer

from services.cli import views
from services.cli.calls import Calls
from services.cli.commands.running import Json, carry_out
from services.cli.errors import NotAsWished

app = typer.Typer(no_args_is_help=True, help="Look at one location on both sides.")

FACT_COLUMNS = MappingProxyType(
    {
        "key": "key",
        "dpsLocationId": "in DPS",
        "nomisLocationId": "in NOMIS",
        "linked": "linked",
        "finding": "finding",
        "reason": "reason",
        "parkedReason": "cannot be settled",
    }
)
SIDE_COLUMNS = MappingProxyType(
    {"field": "field", "dps": "DPS", "nomis": "NOMIS", "share": "sync", "differs": "differs"}
)
HISTORY_COLUMNS = MappingProxyType(
    {
        "amendedDate": "when",
        "amendedBy": "who",
        "attribute": "what",
        "oldValue": "from",
        "newValue": "to",
    }
)


@app.command()
def show(key: Annotated[str, typer.Argument(help="Its key, such as LEI-A-1-001.")], *, json: Json = False) -> None:
    """Show both sides of a location, its link and its history; ends with 1 when the sides differ.

    Example: lip location show LEI-A-1-001
    """

    async def work(calls: Calls) -> None:
        told = await _told(calls, key)
        if json:
            views.as_json(told)
        else:
            views.facts(key, told, FACT_COLUMNS)
            views.rows("Both sides", told["fields"], SIDE_COLUMNS, broken=("dps", "nomis"))
            views.rows("History", told["history"], HISTORY_COLUMNS)
        if told["finding"]:
            raise NotAsWished(f"{key}: {told['finding']}, {told['reason']}")

    carry_out(work)


async def _told(calls: Calls, key: str) -> dict[str, Any]:
    shown = await calls.ask("locations", "GET", f"/locations/key/{key}", params={"includeHistory": True})
    both = await calls.ask("reconciliation", "GET", f"/locations/comparison/dps/{shown['id']}")
    return {**both, "history": shown.get("changeHistory") or []}
