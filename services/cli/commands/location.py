"""`lip location`: what both sides hold of one location, how they are linked, and where they differ."""

from types import MappingProxyType
from typing import Annotated, Any

import typer

from libs.domain.nomis import NomisLocation
from libs.domain.shared import SYNCED, kind_in_dps, project_dps, project_nomis
from libs.domain.sync import LocationMirror
from services.cli import views
from services.cli.calls import Calls
from services.cli.commands.running import Json, carry_out
from services.cli.errors import NotAsWished

app = typer.Typer(no_args_is_help=True, help="Look at one location on both sides.")

SIDE_COLUMNS = MappingProxyType({"field": "field", "dps": "DPS", "nomis": "NOMIS", "differs": "differs"})
HISTORY_COLUMNS = MappingProxyType(
    {
        "amendedDate": "when",
        "amendedBy": "who",
        "attribute": "what",
        "oldValue": "from",
        "newValue": "to",
    }
)
NOT_FOUND = 404


@app.command()
def show(key: Annotated[str, typer.Argument(help="Its key, such as LEI-A-1-001.")], *, json: Json = False) -> None:
    """Show both sides of a location, its mapping and its history; ends with 1 when the sides differ.

    Example: lip location show LEI-A-1-001
    """

    async def work(calls: Calls) -> None:
        told = await _told(calls, key)
        if json:
            views.as_json(told)
        else:
            views.say(f"{key}: DPS {told['dpsLocationId']}, NOMIS {told['nomisLocationId'] or 'none'}")
            views.rows("Both sides", told["fields"], SIDE_COLUMNS)
            views.rows("History", told["history"], HISTORY_COLUMNS)
        if told["nomisLocationId"] is None:
            raise NotAsWished(f"{key} has no mapping")
        if differing := [each["field"] for each in told["fields"] if each["differs"]]:
            raise NotAsWished(f"{key} differs in {', '.join(differing)}")

    carry_out(work)


async def _told(calls: Calls, key: str) -> dict[str, Any]:
    shown = await calls.ask("locations", "GET", f"/locations/key/{key}", params={"includeHistory": True})
    mirror = LocationMirror.model_validate(await calls.ask("locations", "GET", f"/sync/locations/{shown['id']}"))
    link = await _or_none(calls, "mapping", f"/mapping/locations/dps/{shown['id']}")
    row = await _or_none(calls, "nomis", f"/locations/{link['nomisLocationId']}") if link else None
    return {
        "key": key,
        "dpsLocationId": shown["id"],
        "nomisLocationId": link["nomisLocationId"] if link else None,
        "mapping": link,
        "fields": await _fields(calls, mirror, NomisLocation.model_validate(row)) if row else [],
        "history": shown.get("changeHistory") or [],
    }


async def _fields(calls: Calls, mirror: LocationMirror, row: NomisLocation) -> list[dict[str, Any]]:
    """Bring both sides to the form in which they are compared everywhere."""
    above = row.parent_location_id
    link = await _or_none(calls, "mapping", f"/mapping/locations/nomis/{above}") if above is not None else None
    dps = project_dps(mirror.location)
    nomis = project_nomis(row, link["dpsLocationId"] if link else None)
    synced = SYNCED[kind_in_dps(mirror.location)]
    return [
        {
            "field": field.value,
            "dps": dps[field],
            "nomis": nomis[field],
            "differs": field in synced and dps[field] != nomis[field],
        }
        for field in dps
    ]


async def _or_none(calls: Calls, service: str, path: str) -> Any:
    found = await calls.ask(service, "GET", path, ok=(200, NOT_FOUND))
    return None if "errorCode" in (found or {}) or (found or {}).get("status") == NOT_FOUND else found
