"""`lip queues`: what waits, what is dead and why, and sending it back."""

import asyncio
from types import MappingProxyType
from typing import Annotated, Any

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from libs.domain.counting import counted
from libs.domain.queues import READERS, QueueName
from libs.web.outgoing import RemoteUnavailable
from services.cli import views
from services.cli.calls import Calls
from services.cli.commands.running import Json, carry_out
from services.cli.errors import NotAsWished
from services.cli.settings import Settings

app = typer.Typer(no_args_is_help=True, help="See what waits, what is dead and why, and send it back.")


DEAD = "-dlq"
WATCH = "/queue-admin/queues"
DEPTH_COLUMNS = MappingProxyType(
    {
        "queue": "queue",
        "waiting": "waiting",
        "oldestSeconds": "oldest, s",
        "inFlight": "in flight",
        "delayed": "delayed",
        "parked": "set aside",
        "dead": "dead",
        "traffic.perSecond": "a second",
        "traffic.lagSeconds.median": "lag, s",
        "traffic.lagSeconds.worst": "worst lag, s",
        "trouble": "trouble",
    }
)
LETTER_COLUMNS = MappingProxyType(
    {
        "messageId": "message",
        "attributes.eventType": "type",
        "failureReason": "reason",
        "failureAt": "died",
        "receiveCount": "tries",
        "redriveCount": "sent back",
        "exhausted": "exhausted",
        "firstSeen": "first seen",
    }
)
REDRIVE_COLUMNS = MappingProxyType(
    {
        "status": "status",
        "messagesFoundCount": "found",
        "messagesMovedCount": "sent back",
        "messagesLeftCount": "exhausted, left",
        "maxPerSecond": "at most a second",
        "taskHandle": "the broker's task",
        "failureReason": "reason",
    }
)

Type = Annotated[str, typer.Argument(help="A type of message, as `lip queues switches` names it.")]
Prison = Annotated[str | None, typer.Option(help="Only for this prison.")]
Letters = Annotated[list[str], typer.Argument(help="Messages, as `lip queues peek` names them.")]
Queue = Annotated[QueueName, typer.Argument(help="Which queue.")]


@app.command()
def show(*, json: Json = False) -> None:
    """Show every queue: what waits and how long, what is dead, how fast it goes; ends with 1 when something is dead.

    Rate and lag are of the last five minutes, as the replica that answered saw them.

    Example: lip queues show --json
    """

    async def work(calls: Calls) -> None:
        found = [
            queue for told in await asyncio.gather(*(_watched(calls, each) for each in QueueName)) for queue in told
        ]
        views.as_json(found) if json else views.rows("Queues", found, DEPTH_COLUMNS)
        if blind := [each["queue"] for each in found if "error" in each]:
            raise RemoteUnavailable("GET", WATCH, f"answered nothing about {', '.join(blind)}")
        if dead := sum(each["dead"] for each in found):
            raise NotAsWished(f"{counted(dead, 'dead letter')}: lip queues peek QUEUE tells why")

    carry_out(work)


@app.command()
def peek(
    queue: Queue,
    *,
    most: Annotated[int, typer.Option(help="How many to look at.", min=1, max=100)] = 20,
    bodies: Annotated[bool, typer.Option(help="Show what is in them, too.")] = False,
    json: Json = False,
) -> None:
    """Show dead letters and why each of them died.

    Example: lip queues peek to-nomis-locations --most 5
    """

    async def work(calls: Calls) -> None:
        path = f"/queue-admin/get-dlq-messages/{queue}{DEAD}"
        found = await calls.ask(READERS[queue], "GET", path, params={"maxMessages": most})
        columns = LETTER_COLUMNS | ({"body": "body"} if bodies else {})
        views.as_json(found) if json else views.rows(
            f"{counted(found['messagesFoundCount'], 'dead letter')} of {queue}", found["messages"], columns
        )

    carry_out(work)


@app.command()
def redrive(
    queue: Queue,
    *,
    rate: Annotated[float | None, typer.Option(help="At most so many a second.", min=0.1, max=500)] = None,
    exhausted: Annotated[
        bool, typer.Option("--exhausted", help="Those too that were sent back so often that they now stay.")
    ] = False,
    watch: Annotated[
        bool, typer.Option(help="Stay until it is over; ends with 1 when some were left or it failed.")
    ] = False,
    json: Json = False,
) -> None:
    """Send dead letters back to their queue; with --watch, or by `lip queues status`, see how far that is.

    Example: lip queues redrive from-nomis-locations --rate 10 --watch
    """

    async def work(calls: Calls) -> None:
        path = f"/queue-admin/retry-dlq/{queue}{DEAD}"
        told = await calls.ask(READERS[queue], "PUT", path, params={"rate": rate, "exhausted": exhausted or None})
        if watch:
            _ended(queue, await _followed(calls, queue, shows=not json), as_json=json)
        elif json:
            views.as_json(told)
        else:
            views.say(f"{counted(told['messagesFoundCount'], 'dead letter')} of {queue} to be sent back")
            if not exhausted:
                views.say("what was sent back too often stays; --exhausted sends it, too")

    carry_out(work)


@app.command()
def status(queue: Queue, *, json: Json = False) -> None:
    """Show how far sending dead letters back is, or how it ended; ends with 1 when some were left or it failed.

    Example: lip queues status from-nomis-locations
    """

    async def work(calls: Calls) -> None:
        _ended(queue, await calls.ask(READERS[queue], "GET", _redrives(queue)), as_json=json)

    carry_out(work)


@app.command()
def retry(queue: Queue, messages: Letters, *, json: Json = False) -> None:
    """Send single dead letters back, however often that was done; ends with 1 when one was not found.

    Example: lip queues retry from-nomis-locations 4f2c6d9e-0000-4000-8000-000000000000
    """
    _chosen(queue, messages, "retry-messages", "messagesMovedCount", "sent back", as_json=json)


@app.command()
def delete(
    queue: Queue,
    messages: Letters,
    *,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    json: Json = False,
) -> None:
    """Delete single dead letters for good; ends with 1 when one was not found.

    Example: lip queues delete to-nomis-locations 4f2c6d9e-0000-4000-8000-000000000000 --yes
    """
    if not yes:
        typer.confirm(f"Delete {counted(len(messages), 'dead letter')} of {queue}?", abort=True)
    _chosen(queue, messages, "delete-messages", "messagesDeletedCount", "deleted", as_json=json)


@app.command()
def stop(queue: Queue, *, json: Json = False) -> None:
    """Stop sending dead letters back; what was moved stays moved.

    Example: lip queues stop from-nomis-locations
    """

    async def work(calls: Calls) -> None:
        told = await calls.ask(READERS[queue], "DELETE", _redrives(queue))
        views.as_json(told) if json else views.say("stopped" if told["cancelled"] else "nothing was being sent back")

    carry_out(work)


@app.command()
def purge(
    queue: Queue,
    *,
    waiting: Annotated[bool, typer.Option("--waiting", help="What waits to be handled, not what is dead.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    json: Json = False,
) -> None:
    """Delete all dead letters of a queue, or with --waiting all that waits on it, where its worker allows that.

    Example: lip queues purge to-nomis-locations --yes
    """
    name = queue.value if waiting else f"{queue}{DEAD}"
    if not yes:
        typer.confirm(f"Delete everything on {name}?", abort=True)

    async def work(calls: Calls) -> None:
        told = await calls.ask(READERS[queue], "PUT", f"/queue-admin/purge-queue/{name}")
        views.as_json(told) if json else views.say(
            f"{counted(told['messagesFoundCount'], 'message')} of {name} deleted"
        )

    carry_out(work)


@app.command()
def switches(queue: Queue, *, json: Json = False) -> None:
    """Show which types of messages a worker handles, holds or drops.

    Example: lip queues switches to-nomis-locations
    """

    async def work(calls: Calls) -> None:
        told = await calls.ask(READERS[queue], "GET", "/queue-admin/switches")
        _show_switches(queue, told, as_json=json)

    carry_out(work)


@app.command()
def park(queue: Queue, event_type: Type, *, prison: Prison = None, json: Json = False) -> None:
    """Hold messages of a type: they are set aside until it is switched on again.

    Example: lip queues park from-nomis-locations AGENCY_INTERNAL_LOCATIONS-UPDATED --prison LEI
    """
    _switch(queue, event_type, "hold", prison, as_json=json)


@app.command()
def drop(queue: Queue, event_type: Type, *, prison: Prison = None, json: Json = False) -> None:
    """Let messages of a type go by unhandled; they are counted and gone.

    Example: lip queues drop to-nomis-locations location.inside.prison.amended
    """
    _switch(queue, event_type, "drop", prison, as_json=json)


@app.command()
def on(queue: Queue, event_type: Type, *, prison: Prison = None, json: Json = False) -> None:
    """Handle messages of a type again; what was held comes back.

    Example: lip queues on from-nomis-locations AGENCY_INTERNAL_LOCATIONS-UPDATED
    """
    _switch(queue, event_type, "on", prison, as_json=json)


@app.command()
def replay(queue: Queue, *, json: Json = False) -> None:
    """Send back at once what is set aside and no longer held.

    Example: lip queues replay from-nomis-locations
    """

    async def work(calls: Calls) -> None:
        told = await calls.ask(READERS[queue], "PUT", "/queue-admin/replay-parked")
        views.as_json(told) if json else views.say(
            f"{told['replayedCount']:,} sent back, {told['stillHeldCount']:,} still held"
        )

    carry_out(work)


def _redrives(queue: QueueName) -> str:
    return f"/queue-admin/redrives/{queue}{DEAD}"


async def _followed(calls: Calls, queue: QueueName, *, shows: bool) -> dict[str, Any]:
    """Look until no letter goes back any more, with a bar for people; return the last look."""
    with Progress(
        TextColumn("sending back"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[left]:,} left"),
        console=views.console,
        disable=not shows,
    ) as bar:
        task = bar.add_task("", total=None, left=0)
        while True:
            told: dict[str, Any] = await calls.ask(READERS[queue], "GET", _redrives(queue))
            moved, left = told.get("messagesMovedCount") or 0, told.get("messagesLeftCount") or 0
            bar.update(task, total=told["messagesFoundCount"], completed=moved, left=left)
            if told["status"] != "RUNNING":
                return told
            await asyncio.sleep(Settings().watch_seconds)


def _ended(queue: QueueName, told: dict[str, Any], *, as_json: bool) -> None:
    """Show how far a redrive is. Raises NotAsWished when it left some, or failed."""
    views.as_json(told) if as_json else views.facts(f"Dead letters of {queue}", told, REDRIVE_COLUMNS)
    if left := told.get("messagesLeftCount"):
        raise NotAsWished(f"{left:,} left, as they were sent back too often: lip queues peek {queue}")
    if told["status"] == "FAILED":
        raise NotAsWished("failed; what was sent back stays there")


def _chosen(queue: QueueName, messages: list[str], door: str, count: str, done: str, *, as_json: bool) -> None:
    async def work(calls: Calls) -> None:
        path = f"/queue-admin/{door}/{queue}{DEAD}"
        told = await calls.ask(READERS[queue], "PUT", path, json={"messageIds": messages})
        views.as_json(told) if as_json else views.say(f"{counted(told[count], 'dead letter')} of {queue} {done}")
        if told["notFound"]:
            raise NotAsWished(f"not found: {', '.join(told['notFound'])}")

    carry_out(work)


def _switch(queue: QueueName, event_type: str, mode: str, prison: str | None, *, as_json: bool) -> None:
    async def work(calls: Calls) -> None:
        wish = {"mode": mode} | ({"prisonId": prison} if prison else {})
        told = await calls.ask(READERS[queue], "PUT", f"/queue-admin/switches/{event_type}", json=wish)
        _show_switches(queue, told, as_json=as_json)

    carry_out(work)


def _show_switches(queue: QueueName, told: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        views.as_json(told)
        return
    everywhere = [{"eventType": kind, "mode": mode} for kind, mode in told["eventTypes"].items()]
    title = f"{queue}, {told['parkedCount']:,} set aside"
    views.rows(title, [*everywhere, *told["prisons"]], {"eventType": "type", "prisonId": "prison", "mode": "mode"})


async def _watched(calls: Calls, queue: QueueName) -> list[dict[str, Any]]:
    """Look at one worker's queue; one that cannot tell keeps nobody from seeing the others."""
    try:
        told: list[dict[str, Any]] = await calls.ask(READERS[queue], "GET", WATCH)
    except RemoteUnavailable as failure:
        return [{"queue": queue.value, "error": str(failure), "trouble": str(failure)}]
    return told
