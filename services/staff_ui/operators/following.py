"""Pages that are open follow what happens: each is told what became different; who watch the same share a look.

A page asks for itself when its stream begins, with its own person's token, and a stream lasts a minute at most
(`HttpLimits.streams`): a role that is taken away ends what its person sees.
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from libs.web.routing import Event, Events
from services.staff_ui.edge.visits import Visit

Seen = TypeVar("Seen")


@dataclass(frozen=True)
class Told:
    """The parts of a page by the ids of their elements, and whether nothing more will follow."""

    parts: Mapping[str, str]
    over: bool = False


async def follow(visit: Visit, thing: str, ask: Callable[[], Awaitable[Seen]], tell: Callable[[Seen], Told]) -> Events:
    """Answer with a stream that tells what became different, until it is over."""
    return Events(_told(visit, thing, await ask(), ask, tell))


async def _told(
    visit: Visit, thing: str, seen: Seen, ask: Callable[[], Awaitable[Seen]], tell: Callable[[Seen], Told]
) -> AsyncGenerator[Event, None]:
    sent: dict[str, str] = {}
    with visit.looks.watching(thing) as look:
        while True:
            told = tell(seen)
            changed = {name: text for name, text in told.parts.items() if sent.get(name) != text}
            if changed:
                yield Event.json(changed, name="parts")
                sent |= changed
            if told.over:
                break
            await asyncio.sleep(visit.looks.seconds)
            seen = await look(ask)
    yield Event("over", "end")
