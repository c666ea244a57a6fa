"""`lip conflicts`: edits that did not win, and what people decide about them."""

from types import MappingProxyType
from typing import Annotated

import typer

from libs.domain.sync import Side
from services.cli import views
from services.cli.calls import Calls
from services.cli.commands.running import Json, carry_out

app = typer.Typer(no_args_is_help=True, help="Read edits that did not win, and decide about them.")

COLUMNS = MappingProxyType(
    {
        "id": "no.",
        "key": "key",
        "field": "field",
        "base": "was",
        "dps": "in DPS",
        "nomis": "in NOMIS",
        "won": "won",
        "reason": "reason",
        "detectedAt": "when",
        "acknowledgedBy": "seen by",
    }
)
PAGE_MAX = 500

Number = Annotated[int, typer.Argument(help="Its number, as `lip conflicts show` tells it.")]


@app.command()
def show(
    *,
    prison: Annotated[str | None, typer.Option(help="Only of this prison.")] = None,
    unseen: Annotated[bool, typer.Option(help="Only those nobody has acknowledged.")] = False,
    after: Annotated[int, typer.Option(help="Only those after this number.", min=0)] = 0,
    most: Annotated[int, typer.Option(help="How many to show.", min=1, max=PAGE_MAX)] = 50,
    json: Json = False,
) -> None:
    """List conflicts in the order they were found.

    Example: lip conflicts show --prison LEI --unseen
    """

    async def work(calls: Calls) -> None:
        asked = {"prisonId": prison, "after": after, "size": most, "acknowledged": False if unseen else None}
        found = await calls.ask("locations", "GET", "/conflicts", params=asked)
        views.as_json(found) if json else views.rows("Conflicts", found, COLUMNS)

    carry_out(work)


@app.command()
def acknowledge(number: Number, *, json: Json = False) -> None:
    """Note that somebody saw it.

    Example: lip conflicts acknowledge 12
    """

    async def work(calls: Calls) -> None:
        told = await calls.ask("locations", "PUT", f"/conflicts/{number}/acknowledge")
        views.as_json(told) if json else views.say(f"conflict {number} of {told['key']} acknowledged")

    carry_out(work)


@app.command()
def choose(number: Number, side: Annotated[Side, typer.Argument(help="Whose value.")], *, json: Json = False) -> None:
    """Give the location the value that a side had: an ordinary edit, which sync takes to the other side.

    Example: lip conflicts choose 12 NOMIS
    """

    async def work(calls: Calls) -> None:
        told = await calls.ask("locations", "PUT", f"/conflicts/{number}/choose/{side}")
        views.as_json(told) if json else views.say(f"{told['key']} has the value that {side} had")

    carry_out(work)
