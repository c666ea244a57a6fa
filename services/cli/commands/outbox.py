"""`lip outbox`: events that a topic refused for good: see why, publish them again, or drop them."""

from collections.abc import Sequence
from types import MappingProxyType
from typing import Annotated, Any

import typer

from libs.domain.counting import counted
from services.cli import views
from services.cli.calls import Calls
from services.cli.commands.running import Json, carry_out
from services.cli.errors import NotAsWished

app = typer.Typer(no_args_is_help=True, help="See events that their topic refused for good, and decide.")
# The one service whose events go through an outbox with doors; NOMIS has its own.
SERVICE = "locations"
DOOR = "/queue-admin/outbox"
COLUMNS = MappingProxyType(
    {
        "id": "row",
        "eventType": "type",
        "key": "key",
        "reason": "reason",
        "createdAt": "committed",
        "diedAt": "given up",
        "eventId": "event",
    }
)


Rows = Annotated[list[int], typer.Argument(help="Rows, as `lip outbox show` names them.", min=1)]


@app.command()
def show(
    *,
    most: Annotated[int, typer.Option(help="How many dead rows to show.", min=1, max=500)] = 100,
    json: Json = False,
) -> None:
    """Show what waits to be published, and what is dead and why; ends with 1 when something is dead.

    Example: lip outbox show
    """

    async def work(calls: Calls) -> None:
        told = await calls.ask(SERVICE, "GET", DOOR, params={"limit": most})
        if json:
            views.as_json(told)
        else:
            views.say(_waiting(told))
            views.rows("Dead rows", told["dead"], COLUMNS)
        if told["deadCount"]:
            raise NotAsWished(f"{told['deadCount']:,} dead: lip outbox publish or lip outbox drop")

    carry_out(work)


@app.command()
def publish(rows: Rows, *, json: Json = False) -> None:
    """Publish dead rows again, in their old place; ends with 1 when one was not there.

    Example: lip outbox publish 4711
    """
    _decide(rows, "retry-dead", "revivedCount", "published again", as_json=json)


@app.command()
def drop(
    rows: Rows,
    *,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    json: Json = False,
) -> None:
    """Give dead rows up for good; what waits behind them goes on. Ends with 1 when one was not there.

    Example: lip outbox drop 4711 --yes
    """
    if not yes:
        typer.confirm(f"Give up {counted(len(rows), 'event')} for good?", abort=True)
    _decide(rows, "discard-dead", "discardedCount", "given up", as_json=json)


def _waiting(told: dict[str, Any]) -> str:
    waiting: int = told["waitingCount"]
    if not waiting:
        return "nothing waits to be published"
    return f"{counted(waiting, 'event')} to be published, the oldest for {told['oldestWaitingSeconds']:g} s"


def _decide(rows: Sequence[int], door: str, count: str, done: str, *, as_json: bool) -> None:
    async def work(calls: Calls) -> None:
        told: dict[str, Any] = await calls.ask(SERVICE, "PUT", f"{DOOR}/{door}", json={"ids": list(rows)})
        views.as_json(told) if as_json else views.say(f"{counted(told[count], 'event')} {done}")
        if told[count] < len(set(rows)):
            raise NotAsWished(f"{len(set(rows)) - told[count]:,} of {len(set(rows)):,} were not there")

    carry_out(work)
