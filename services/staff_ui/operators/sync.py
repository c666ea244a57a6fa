"""Sync: both directions now, dead letters and why they died, what is held, and events that were never published."""

import asyncio
from collections.abc import Sequence
from typing import Any

from aiohttp import web

from libs.domain.counting import counted
from libs.domain.queues import READERS, QueueName
from libs.web.outgoing import RemoteUnavailable
from libs.web.routing import Events
from services.staff_ui.edge.doors import Door, Doors
from services.staff_ui.edge.visits import Visit
from services.staff_ui.errors import NotThere
from services.staff_ui.forms.operators import REDRIVE, RateWish, SwitchWish, switching
from services.staff_ui.operators.acting import Act, NoAnswers, Row, acted, crumbs, none_chosen, pressed
from services.staff_ui.operators.following import Told, follow
from services.staff_ui.views.layout import OPERATIONS
from services.staff_ui.views.sync import MODES, NAMES, Watched, died, switch_rows, unknown, watched

ROLES = frozenset({"ROLE_QUEUE_ADMIN"})
HERE = f"{OPERATIONS}/sync"
DOOR = "/queue-admin"
OUTBOX = f"{DOOR}/outbox"
LETTERS_SHOWN = 50
FOUND_LATER = "What was told is found by the next comparison only."
RATE_OFFERED = "10"
TRAIL = ("Sync", HERE)


async def now(visit: Visit, *, unticked: bool = False) -> web.StreamResponse:
    """Show both directions, the queues beside, and the outbox; say so where nothing was ticked."""
    *queues, outbox = await asyncio.gather(*(_watched(visit, queue) for queue in QueueName), _outbox(visit))
    refused = [each["id"] for each in outbox["dead"]] if outbox else []
    faults = [none_chosen("event", "row", refused)] if unticked else []
    return visit.render(
        "operators/sync/page.html",
        title="Sync",
        crumbs=crumbs(),
        queues=queues,
        outbox=outbox,
        here=HERE,
        errors=faults,
        status=400 if faults else 200,
    )


async def one(visit: Visit, *, unticked: bool = False) -> web.StreamResponse:
    """Show a queue: its hour, its dead letters and what is held; say so where nothing was ticked."""
    queue = _queue(visit)
    seen, letters, switches = await asyncio.gather(
        _watched(visit, queue),
        _ask(visit, queue, "GET", f"{DOOR}/get-dlq-messages/{queue}-dlq", params={"maxMessages": LETTERS_SHOWN}),
        _ask(visit, queue, "GET", f"{DOOR}/switches"),
    )
    boxes = [each["messageId"] for each in letters["messages"]]
    faults = [none_chosen("dead letter", "message", boxes)] if unticked else []
    return visit.render(
        "operators/sync/queue.html",
        title=NAMES[queue],
        crumbs=crumbs(TRAIL),
        seen=seen,
        letters={**letters, "messages": [{**each, "died": died(each)} for each in letters["messages"]]},
        switches=switch_rows(switches),
        parked=switches["parkedCount"],
        modes=MODES,
        here=f"{HERE}/{queue}",
        errors=faults,
        status=400 if faults else 200,
    )


async def live(visit: Visit) -> Events:
    """Tell how all queues are, as it changes."""

    async def ask() -> Sequence[Watched]:
        return await asyncio.gather(*(_watched(visit, queue) for queue in QueueName))

    return await follow(
        visit,
        "queues",
        ask,
        lambda queues: Told({"queues": visit.part("operators/sync/queues.html", queues=queues, here=HERE)}),
    )


async def live_one(visit: Visit) -> Events:
    """Tell how a queue is, as it changes."""
    queue = _queue(visit)
    here = f"{HERE}/{queue}"

    def tell(seen: Watched) -> Told:
        parts = ("now", "redrive") if seen.known else ("now",)
        return Told({each: visit.part(f"operators/sync/{each}.html", seen=seen, here=here) for each in parts})

    return await follow(visit, f"queue {queue}", lambda: _watched(visit, queue), tell)


async def redrive(visit: Visit) -> web.StreamResponse:
    """Send all dead letters of a queue back, at a rate."""
    queue = _queue(visit)

    async def carry_out(wish: RateWish) -> web.StreamResponse:
        params: dict[str, str | int] = {"rate": wish.rate}
        if wish.exhausted:
            params["exhausted"] = "true"
        told = await _ask(visit, queue, "PUT", f"{DOOR}/retry-dlq/{queue}-dlq", params=params)
        return visit.see_other(
            f"{HERE}/{queue}", done=f"Sending back {counted(told['messagesFoundCount'], 'dead letter')}"
        )

    act = Act(
        f"{NAMES[queue]}: send dead letters back",
        RateWish,
        "Send back",
        f"{HERE}/{queue}",
        fields=REDRIVE,
        start={"rate": RATE_OFFERED},
        warning=lambda _: "Mend first what they died of, or they will die again.",
    )
    return await acted(visit, act, carry_out)


async def stop(visit: Visit) -> web.StreamResponse:
    """Stop sending dead letters back."""
    queue = _queue(visit)

    async def carry_out() -> web.StreamResponse:
        told = await _ask(visit, queue, "DELETE", f"{DOOR}/redrives/{queue}-dlq")
        done = "Stopped" if told["cancelled"] else "Nothing was being sent back"
        return visit.see_other(f"{HERE}/{queue}", done=done)

    return await pressed(visit, f"{HERE}/{queue}", carry_out)


async def letters(visit: Visit) -> web.StreamResponse:
    """Send chosen dead letters back or, after a look at what that means, delete them."""
    queue, chosen = _queue(visit), visit.form.getall("message", [])
    if not chosen:
        return await one(visit, unticked=True)
    if visit.form.get("do") == "delete":
        return await _delete(visit, queue, chosen)

    async def carry_out() -> web.StreamResponse:
        told = await _ask(visit, queue, "PUT", f"{DOOR}/retry-messages/{queue}-dlq", json={"messageIds": chosen})
        return _done(visit, queue, f"{counted(told['messagesMovedCount'], 'dead letter')} sent back", told["notFound"])

    return await pressed(visit, f"{HERE}/{queue}", carry_out)


async def _delete(visit: Visit, queue: str, chosen: list[str]) -> web.StreamResponse:
    async def carry_out(_: NoAnswers) -> web.StreamResponse:
        told = await _ask(visit, queue, "PUT", f"{DOOR}/delete-messages/{queue}-dlq", json={"messageIds": chosen})
        return _done(visit, queue, f"{counted(told['messagesDeletedCount'], 'dead letter')} deleted", told["notFound"])

    act = Act(
        f"{NAMES[queue]}: delete {counted(len(chosen), 'dead letter')}",
        NoAnswers,
        "Delete for good",
        f"{HERE}/{queue}",
        warning=lambda _: f"You cannot undo this. {FOUND_LATER}",
        facts=[Row("Queue", f"{queue}-dlq"), Row("Messages", ", ".join(chosen))],
        hard=True,
        keep={"do": ["delete"], "message": chosen},
    )
    return await acted(visit, act, carry_out)


def _done(visit: Visit, queue: str, done: str, missing: list[str]) -> web.Response:
    more = f"{len(missing):,} were not there any more" if missing else ""
    return visit.see_other(f"{HERE}/{queue}", done=done, more=more)


async def replay(visit: Visit) -> web.StreamResponse:
    """Send back at once what is set aside and no longer held."""
    queue = _queue(visit)

    async def carry_out() -> web.StreamResponse:
        told = await _ask(visit, queue, "PUT", f"{DOOR}/replay-parked")
        done = f"{counted(told['replayedCount'], 'message')} sent back, {told['stillHeldCount']:,} still held"
        return visit.see_other(f"{HERE}/{queue}", done=done)

    return await pressed(visit, f"{HERE}/{queue}", carry_out)


async def switch(visit: Visit) -> web.StreamResponse:
    """Turn a type of messages on, hold it, or let it go by."""
    queue = _queue(visit)
    told = await _ask(visit, queue, "GET", f"{DOOR}/switches")
    types = tuple(told["eventTypes"])

    async def carry_out(wish: SwitchWish) -> web.StreamResponse:
        body = {"mode": wish.mode} | ({"prisonId": wish.prison} if wish.prison else {})
        await _ask(visit, queue, "PUT", f"{DOOR}/switches/{wish.type}", json=body)
        where = f" for {wish.prison}" if wish.prison else ""
        return visit.see_other(f"{HERE}/{queue}", done=f"{wish.type} is {MODES[wish.mode].lower()}{where}")

    def warning(wish: SwitchWish) -> str:
        if wish.mode == "drop":
            return f"Dropped messages are gone. {FOUND_LATER}"
        return "Held messages wait until this is on again." if wish.mode == "hold" else ""

    act = Act(
        f"{NAMES[queue]}: change a switch",
        SwitchWish,
        "Change the switch",
        f"{HERE}/{queue}",
        fields=switching(types),
        warning=warning,
    )
    return await acted(visit, act, carry_out)


async def publish(visit: Visit) -> web.StreamResponse:
    """Publish refused events again."""
    rows = _rows(visit)
    if not rows:
        return await now(visit, unticked=True)

    async def carry_out() -> web.StreamResponse:
        told = (await visit.api.ask("locations", "PUT", f"{OUTBOX}/retry-dead", json={"ids": rows})).json()
        return visit.see_other(HERE, done=f"{counted(told['revivedCount'], 'event')} to be published again")

    return await pressed(visit, HERE, carry_out)


async def discard(visit: Visit) -> web.StreamResponse:
    """Give refused events up for good."""
    rows = _rows(visit)
    if not rows:
        return await now(visit, unticked=True)

    async def carry_out(_: NoAnswers) -> web.StreamResponse:
        told = (await visit.api.ask("locations", "PUT", f"{OUTBOX}/discard-dead", json={"ids": rows})).json()
        return visit.see_other(HERE, done=f"{counted(told['discardedCount'], 'event')} given up")

    act = Act(
        "Give events up for good",
        NoAnswers,
        "Give up",
        HERE,
        warning=lambda _: f"They are never published. {FOUND_LATER}",
        facts=[Row("Events", ", ".join(str(row) for row in rows))],
        hard=True,
        keep={"row": [str(row) for row in rows]},
    )
    return await acted(visit, act, carry_out)


def _rows(visit: Visit) -> list[int]:
    return [int(each) for each in visit.form.getall("row", []) if each.isascii() and each.isdecimal()]


def _queue(visit: Visit) -> str:
    queue = visit.request.match_info["queue"]
    if queue not in READERS:
        raise NotThere(queue)
    return queue


async def _watched(visit: Visit, queue: str) -> Watched:
    try:
        (told,) = await _ask(visit, queue, "GET", f"{DOOR}/queues")
    except RemoteUnavailable:
        return unknown(queue)
    return watched(told)


async def _outbox(visit: Visit) -> Any:
    try:
        return (await visit.api.ask("locations", "GET", OUTBOX)).json()
    except RemoteUnavailable:
        return None


async def _ask(visit: Visit, queue: str, method: str, path: str, **more: Any) -> Any:
    return (await visit.api.ask(READERS[queue], method, path, **more)).json()


def doors() -> Doors:
    """List them."""
    queue = f"{HERE}/{{queue}}"
    return (
        Door("GET", HERE, now, ROLES),
        Door("GET", f"{HERE}/live", live, ROLES),
        Door("POST", f"{HERE}/outbox/publish", publish, ROLES),
        Door("POST", f"{HERE}/outbox/discard", discard, ROLES),
        Door("GET", queue, one, ROLES),
        Door("GET", f"{queue}/live", live_one, ROLES),
        Door("GET", f"{queue}/redrive", redrive, ROLES),
        Door("POST", f"{queue}/redrive", redrive, ROLES),
        Door("POST", f"{queue}/stop", stop, ROLES),
        Door("POST", f"{queue}/letters", letters, ROLES),
        Door("POST", f"{queue}/replay", replay, ROLES),
        Door("GET", f"{queue}/switch", switch, ROLES),
        Door("POST", f"{queue}/switch", switch, ROLES),
    )
